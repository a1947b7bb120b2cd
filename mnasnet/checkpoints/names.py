"""Names of variables in the official code's checkpoints, and the place in a network of each.

The official code writes two styles, by its flag `use_keras`. They differ in scopes and in the
numbers of convolutions, which count through the whole network or within a scope:

    mnasnet-a1/mnas_net_model/mnas_blocks_4/se/conv2d_8/kernel       use_keras=true
    mnasnet-a1/mnas_blocks_4/se/conv2d/kernel                        use_keras=false

What both agree on is the block, the role, and the natural order of the names within these (9 before
10); a place is made of that, so one rule reads both.
"""

import collections
import dataclasses
import re
from collections.abc import Iterable, Sequence

EMA_SUFFIX = "/ExponentialMovingAverage"

_ROLES = {
    "conv2d": "conv",
    "depthwise_conv2d": "depthwise",
    "batch_normalization": "batch_normalization",
    "dense": "dense",
}
_VARIABLE = re.compile(
    r"(?:(?P<scope>[^/]+)/)?(?P<keras>mnas_net_model/)?mnas_(?P<part>stem|head|blocks_\d+)/"
    r"(?P<se>se/)?(?P<layer>" + "|".join(_ROLES) + r")(?:_(?P<number>\d+))?"
    r"/(?P<leaf>kernel|depthwise_kernel|bias|gamma|beta|moving_mean|moving_variance)"
)


@dataclasses.dataclass(frozen=True)
class Place:
    """Where in a network a variable belongs.

    Attributes:
      part: 'stem', 'block_3' or 'head'.
      role: 'conv', 'depthwise', 'se', 'batch_normalization' or 'dense'.
      index: of the layer among those of its part and role, in natural order.
      leaf: 'kernel', 'depthwise_kernel', 'bias', 'gamma', 'beta', 'moving_mean', 'moving_variance'.
    """

    part: str
    role: str
    index: int
    leaf: str


@dataclasses.dataclass(frozen=True)
class OfficialVariables:
    """The variables of one checkpoint.

    Attributes:
      places: name of the variable by its place.
      averaged: names that have a moving average, under name + EMA_SUFFIX.
      unknown: names that belong to no network of the official code.
      scope: the outermost scope, which is the model's name ('mnasnet-a1'); None where names differ
        in it.
      use_keras: the style.
    """

    places: dict[Place, str]
    averaged: frozenset[str]
    unknown: tuple[str, ...]
    scope: str | None
    use_keras: bool


def read_names(names: Iterable[str]) -> OfficialVariables:
    """Sorts the names in a checkpoint; a slot of an optimizer is neither variable nor unknown.

    A variable of which there is the moving average only (as in the official SavedModels) counts as
    there.
    """
    names = set(names)
    averaged = {name.removesuffix(EMA_SUFFIX) for name in names if name.endswith(EMA_SUFFIX)}
    matches = {name: _VARIABLE.fullmatch(name) for name in names | averaged}
    layers = collections.defaultdict(set)
    for match in filter(None, matches.values()):
        layers[_part_and_role(match)].add(int(match["number"] or 0))
    ranks = {key: {number: i for i, number in enumerate(sorted(of))} for key, of in layers.items()}
    places, unknown, scopes = {}, [], set()
    for name, match in matches.items():
        if match:
            part, role = _part_and_role(match)
            rank = ranks[part, role][int(match["number"] or 0)]
            places[Place(part, role, rank, match["leaf"])] = name
            scopes.add(match["scope"])
        elif not (name == "global_step" or matches.get(name.rpartition("/")[0])):
            unknown.append(name)
    return OfficialVariables(
        places,
        averaged=frozenset(averaged & {name for name, match in matches.items() if match}),
        unknown=tuple(sorted(unknown)),
        scope=scopes.pop() if len(scopes) == 1 else None,
        use_keras=any(match["keras"] for match in matches.values() if match),
    )


def write_names(places: Sequence[Place], scope: str, *, use_keras: bool) -> dict[Place, str]:
    """The official names of a whole network's variables.

    Args:
      places: all of them, in the order of the network: stem, blocks, head.
      scope: the outermost one, the model's name.
      use_keras: the style.
    """
    # The official constructor makes all blocks, then the stem, then the head, and counts so.
    constructed = sorted(
        places,
        key=lambda place: (
            ("stem", "head").index(place.part) + 1 if place.part in ("stem", "head") else 0
        ),
    )
    counts, numbers = collections.Counter(), {}
    for place in constructed:
        layer = dataclasses.replace(place, leaf="")
        if layer in numbers:
            continue
        if place.role == "batch_normalization":
            numbers[layer] = place.index
        else:
            kind = _layer_kind(place)
            counted = kind if use_keras else (kind, place.part, place.role)
            numbers[layer] = counts[counted]
            counts[counted] += 1
    names = {}
    for place in places:
        number = numbers[dataclasses.replace(place, leaf="")]
        norm = place.role == "batch_normalization"
        pieces = [
            scope,
            *(["mnas_net_model"] if use_keras and not norm else []),
            f"mnas_{place.part.replace('block_', 'blocks_')}",
            *(["se"] if place.role == "se" else []),
            _layer_kind(place) + (f"_{number}" if number else ""),
            place.leaf,
        ]
        names[place] = "/".join(pieces)
    return names


def _part_and_role(match: re.Match) -> tuple[str, str]:
    part = match["part"].replace("blocks_", "block_")
    return part, "se" if match["se"] else _ROLES[match["layer"]]


def _layer_kind(place: Place) -> str:
    if place.role == "se":
        return "conv2d"
    return next(kind for kind, role in _ROLES.items() if role == place.role)
