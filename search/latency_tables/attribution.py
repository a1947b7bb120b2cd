"""From a profile of benchmark_model to what each operator of a network took.

The tool says what was executed in which order, the .tflite which operator of the network each step
belongs to: the tensor that it writes is named after the layer. Both lists are matched step by step,
by kind, so that a profile that is not understood is refused.
"""

import re
from collections.abc import Iterable

from tflite_bench.op_profile import Profile

# What converts, copies or reshapes data on the way to the next step, whose time it counts to.
_BETWEEN = "between"
# In the words of XNNPACK and of TFLite's own kernels; the first that is found counts.
_KINDS = (
    (r"DWConv|DEPTHWISE_CONV", "depthwise"),
    # A 1x1 convolution of a single position is a matrix product, and some versions call it that.
    (r"Convolution|CONV_2D|Fully Connected|FULLY_CONNECTED|Batch Matrix", "product"),
    (r"Global Average Pooling|^Mean|^MEAN", "mean"),
    (r"Average Pooling|AVERAGE_POOL", "pool"),
    (r"Sigmoid|LOGISTIC", "sigmoid"),
    (r"^Multiply|^MUL$", "multiply"),
    (r"^Add|^ADD$|Binary Elementwise.*Add", "add"),
    (r"Pad\b|^PAD", "pad"),
    (r"Convert|Copy|Reshape|RESHAPE|Transpose|QUANTIZE", _BETWEEN),
)
_PLACE = re.compile(r"(?:^|/)(normalize|stem|block_\d+|head)/(\w+)")


class ProfileMismatch(Exception):
    """A profile that is not this network's as we understand it; the message is one line."""


def operator_ms(tflite: bytes, profile: Profile, places: Iterable[str]) -> dict[str, float]:
    """Milliseconds of each operator of a network.

    Args:
      tflite: the network, converted from a model of `mnasnet.model.build_model`.
      profile: of that file.
      places: of its operators, as `operators_of` says them.

    Raises:
      ProfileMismatch: where the two do not tell of the same steps.
    """
    return match_steps(steps_of(tflite), profile, places)


def steps_of(tflite: bytes) -> list[tuple[str, str]]:
    """(type, name of the tensor that it writes) of each operator of a .tflite, in run order."""
    from ai_edge_litert import schema_py_generated as schema

    names = {value: name for name, value in vars(schema.BuiltinOperator).items()}
    model = schema.Model.GetRootAsModel(tflite, 0)
    graph = model.Subgraphs(0)
    steps = []
    for number in range(graph.OperatorsLength()):
        operator = graph.Operators(number)
        code = model.OperatorCodes(operator.OpcodeIndex())
        # Old files have the type in the other field.
        type_ = names[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
        steps.append((type_, graph.Tensors(operator.Outputs(0)).Name().decode()))
    return steps


def match_steps(
    steps: Iterable[tuple[str, str]], profile: Profile, places: Iterable[str]
) -> dict[str, float]:
    """As `operator_ms`, of the steps of a file."""
    found = dict.fromkeys(places, 0.0)
    seen = set()
    # Steps that are `between` need not be executed: XNNPACK takes float16 weights as they are.
    waiting = [step for step in steps if _kind(step[0]) != _BETWEEN]
    if not waiting:
        raise ProfileMismatch("the network has no operators")
    position, before = 0, 0.0
    for executed in profile.operators:
        kind = _kind(executed.type)
        if kind == _BETWEEN:
            before += executed.ms
            continue
        if position == len(waiting) or _kind(waiting[position][0]) != kind:
            expected = waiting[position][0] if position < len(waiting) else "nothing"
            raise ProfileMismatch(
                f"step {position} of the profile is {executed.type!r}, the network has {expected}"
            )
        place = _place(waiting[position][1])
        if place not in found:
            raise ProfileMismatch(f"{waiting[position][1]!r} is no operator of the network")
        found[place] += before + executed.ms
        seen.add(place)
        position, before = position + 1, 0.0
    if position < len(waiting):
        raise ProfileMismatch(
            f"the profile ends after {position} of the network's {len(waiting)} steps"
        )
    found[place] += before
    unseen = [place for place in found if place not in seen]
    if unseen:
        raise ProfileMismatch(f"no step of the profile is of {unseen[0]}")
    return found


def _kind(type_: str) -> str:
    for pattern, kind in _KINDS:
        if re.search(pattern, type_):
            return kind
    return type_


def _place(tensor: str) -> str:
    """Place of the operator that writes a tensor, from the name that its layer gave it."""
    match = _PLACE.search(tensor)
    if match is None:
        return tensor
    part, role = match.groups()
    if part in ("normalize", "stem"):
        return "stem"
    if part != "head":
        return f"{part}/{role}"
    # The converter may add a number: head/logits1 is what is dequantized to head/logits.
    return "head/dense" if "logits" in role else "head/pool" if role == "pool" else "head/conv"
