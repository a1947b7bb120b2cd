"""Search spaces: what may be decided, and which network each set of decisions means.

A space is data: a list of decisions, each with its choices. A point of it is a token vector, int32
[T], token t the index of a choice of decision t. `decode` turns tokens into the block strings that
name the network everywhere else, `encode` turns them back.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence

import numpy as np

from mnasnet.architectures import Architecture, get_architecture
from mnasnet.block_args import BlockArgs, decode, encode

Network = tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Decision:
    """One thing to decide, such as the kernel size of block 3, and the choices there are."""

    name: str
    choices: tuple

    def __post_init__(self):
        object.__setattr__(self, "choices", tuple(self.choices))
        if not self.choices:
            raise ValueError(f"decision {self.name!r} has no choices, at least one is needed")
        if len(set(self.choices)) != len(self.choices):
            raise ValueError(f"decision {self.name!r} repeats a choice: {self.choices}")


class SearchSpace:
    """A list of decisions and the networks that they span.

    Args:
      decisions: in the order in which the controller takes them.
      decode: from one chosen value per decision to block strings; by default the strings are
        'name=value', which suits spaces that are not networks.
      encode: from block strings to one value per decision; the inverse of `decode`. Needed where
        `decode` is given and points are to be read back.
      name: what reports call it.
      skeleton: what stands around the blocks (stem, head, dropout, image size); its own blocks do
        not matter. None where the points are no networks.
      per_layer_size: how many networks the space would hold if each layer chose for itself
        (S^(B*N) in the MnasNet paper, section 4.1); None where that has no meaning.

    Raises:
      ValueError: for no decisions or two of one name.
    """

    def __init__(
        self,
        decisions: Sequence[Decision],
        decode: Callable[[tuple], Sequence[str]] | None = None,
        encode: Callable[[Network], Sequence] | None = None,
        *,
        name: str = "custom",
        skeleton: Architecture | None = None,
        per_layer_size: int | None = None,
    ):
        self.decisions = tuple(decisions)
        names = [decision.name for decision in self.decisions]
        if not names:
            raise ValueError("a search space needs at least one decision")
        if len(set(names)) != len(names):
            raise ValueError(f"decisions of one name in a search space: {sorted(names)}")
        self.name = name
        self.skeleton = skeleton
        self.per_layer_size = per_layer_size
        self._decode = decode or self._name_values
        self._encode = encode if decode else self._read_values
        self._positions = [
            {choice: position for position, choice in enumerate(decision.choices)}
            for decision in self.decisions
        ]

    @property
    def size(self) -> int:
        """Number of points."""
        return math.prod(len(decision.choices) for decision in self.decisions)

    def values(self, tokens: Sequence[int]) -> tuple:
        """The chosen value of each decision.

        Args:
          tokens: [T] indices into the decisions' choices.

        Raises:
          ValueError: for a wrong number of tokens, or one that is out of range.
        """
        if len(tokens) != len(self.decisions):
            raise ValueError(f"{len(tokens)} tokens given, the space has {len(self.decisions)}")
        chosen = []
        for decision, token in zip(self.decisions, tokens, strict=True):
            if not 0 <= token < len(decision.choices):
                raise ValueError(
                    f"token {token} for {decision.name!r}, allowed are 0 to "
                    f"{len(decision.choices) - 1}"
                )
            chosen.append(decision.choices[token])
        return tuple(chosen)

    def decode(self, tokens: Sequence[int]) -> Network:
        """The network's block strings, from tokens [T]; ValueError as `values`."""
        return tuple(self._decode(self.values(tokens)))

    def architecture(self, network: Network) -> Architecture:
        """A network's blocks between the skeleton's stem and head.

        Raises:
          ValueError: where the space has no skeleton, or a string is no block.
        """
        if self.skeleton is None:
            raise ValueError(f"the points of the space {self.name!r} are no networks")
        return dataclasses.replace(self.skeleton, name="candidate", blocks=decode(network))

    def encode(self, strings: Sequence[str]) -> np.ndarray:
        """Tokens int32 [T] of a network; ValueError where it is not a point of the space."""
        if self._encode is None:
            raise ValueError(f"the space {self.name!r} was made without an encode function")
        values = self._encode(tuple(strings))
        tokens = []
        for decision, position, value in zip(self.decisions, self._positions, values, strict=True):
            if value not in position:
                raise ValueError(
                    f"{decision.name!r} is {value!r}, the space {self.name!r} allows "
                    f"{', '.join(map(str, decision.choices))}"
                )
            tokens.append(position[value])
        return np.array(tokens, np.int32)

    def sample_uniform(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """Tokens int32 [n, T], each decision uniform and independent of the others."""
        columns = [rng.integers(len(decision.choices), size=n) for decision in self.decisions]
        return np.stack(columns, axis=1).astype(np.int32)

    def _name_values(self, values: tuple) -> Network:
        return tuple(
            f"{decision.name}={value}"
            for decision, value in zip(self.decisions, values, strict=True)
        )

    def _read_values(self, strings: Network) -> tuple:
        by_text = [
            {f"{decision.name}={choice}": choice for choice in decision.choices}
            for decision in self.decisions
        ]
        if len(strings) != len(by_text):
            raise ValueError(f"{len(strings)} strings given, the space has {len(by_text)}")
        for string, known in zip(strings, by_text, strict=True):
            if string not in known:
                raise ValueError(f"unknown {string!r}, allowed are {', '.join(known)}")
        return tuple(known[string] for string, known in zip(strings, by_text, strict=True))


# The paper's decisions for a block (section 4.1). Its 432 choices a block are 4*2*2*3*3*3, which
# takes four convolution operations: the paper's figure 7 shows both expand ratios, 3 and 6.
_CONV_OPS = ("conv", "dconv", "mbconv_e3", "mbconv_e6")
_KERNEL_SIZES = (3, 5)
_SE_RATIOS = (0.0, 0.25)
_SKIPS = ("pool", "identity", "none")
_FILTER_RATIOS = (0.75, 1.0, 1.25)


def mnasnet_space(reference: Architecture) -> SearchSpace:
    """The MnasNet paper's factorized hierarchical search space around a reference network.

    Each block of the reference decides for itself: convolution operation {conv, dconv, MBConv with
    expand ratio 3 or 6}, kernel {3, 5}, squeeze ratio {0, 0.25}, skip {pool, identity, none},
    filters {0.75, 1, 1.25} x the reference's, layers {-1, 0, +1} + the reference's. All layers of a
    block are alike. Strides, stem and head are the reference's.

    Differs from the paper where the reference has a single layer: {0, +1, +2} layers, since zero
    layers would be no block. Filters are not rounded to multiples of 8, so that all choices differ.

    Raises:
      ValueError: for a block of so few filters that two of the three choices coincide.
    """
    decisions = []
    for position, block in enumerate(reference.blocks):
        fewer = block.num_repeat - 1 if block.num_repeat > 1 else 1
        filters = tuple(round(ratio * block.output_filters) for ratio in _FILTER_RATIOS)
        prefix = f"block_{position}"
        decisions += [
            Decision(f"{prefix}/conv_op", _CONV_OPS),
            Decision(f"{prefix}/kernel_size", _KERNEL_SIZES),
            Decision(f"{prefix}/se_ratio", _SE_RATIOS),
            Decision(f"{prefix}/skip", _SKIPS),
            Decision(f"{prefix}/filters", filters),
            Decision(f"{prefix}/num_repeat", tuple(range(fewer, fewer + 3))),
        ]
    per_block = len(decisions) // len(reference.blocks)

    def to_strings(values: tuple) -> Network:
        blocks, input_filters = [], reference.stem_filters
        for position, block in enumerate(reference.blocks):
            chosen = values[position * per_block : (position + 1) * per_block]
            conv_op, kernel_size, se_ratio, skip, filters, num_repeat = chosen
            op, _, expand_ratio = conv_op.partition("_e")
            blocks.append(
                BlockArgs(
                    num_repeat=num_repeat,
                    kernel_size=kernel_size,
                    strides=block.strides,
                    expand_ratio=int(expand_ratio or 1),
                    input_filters=input_filters,
                    output_filters=filters,
                    se_ratio=se_ratio,
                    skip=skip,
                    conv_op=op,
                )
            )
            input_filters = filters
        return encode(blocks)

    def to_values(strings: Network) -> tuple:
        blocks = decode(strings)
        if len(blocks) != len(reference.blocks):
            raise ValueError(f"{len(blocks)} blocks given, the space has {len(reference.blocks)}")
        values, input_filters = [], reference.stem_filters
        for position, (block, model) in enumerate(zip(blocks, reference.blocks, strict=True)):
            if (block.strides, block.input_filters) != (model.strides, input_filters):
                raise ValueError(
                    f"block {position}, {strings[position]!r}, must have strides "
                    f"{model.strides} and {input_filters} input filters in this space"
                )
            op = block.conv_op
            conv_op = f"{op}_e{block.expand_ratio}" if op == "mbconv" else op
            values += [conv_op, block.kernel_size, block.se_ratio, block.skip]
            values += [block.output_filters, block.num_repeat]
            input_filters = block.output_filters
        return tuple(values)

    block_size = math.prod(len(decision.choices) for decision in decisions[:per_block])
    return SearchSpace(
        decisions,
        to_strings,
        to_values,
        name="mnasnet",
        skeleton=reference,
        per_layer_size=block_size ** sum(block.num_repeat for block in reference.blocks),
    )


SPACES: dict[str, Callable[[Architecture], SearchSpace]] = {"mnasnet": mnasnet_space}


def get_space(name: str, reference: str | Architecture | None = None) -> SearchSpace:
    """The search space of that name.

    Args:
      name: a key of SPACES.
      reference: the network around which it is laid, or the name of one; MobileNetV2 by default.

    Raises:
      ValueError: for an unknown space or reference; lists those there are.
    """
    if name not in SPACES:
        raise ValueError(f"unknown search space {name!r}, known are {', '.join(SPACES)}")
    if reference is None:
        reference = "mobilenet-v2"
    if isinstance(reference, str):
        reference = get_architecture(reference)
    return SPACES[name](reference)
