"""Decisions, and the spaces of networks that they span.

A space is data: a list of decisions, each with its choices. A point of it is a token vector, int32
[T], token t the index of a choice of decision t. `decode` turns tokens into the block strings that
name the network everywhere else, `encode` turns them back.
"""

import dataclasses
import functools
import math
from collections.abc import Callable, Sequence

import numpy as np

from mnasnet.architectures import Architecture
from mnasnet.block_args import BlockArgs, decode

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
        blocks = tuple(map(_block, network))
        return dataclasses.replace(self.skeleton, name="candidate", blocks=blocks)

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


# Networks come by the thousand and are made of some hundred blocks.
@functools.lru_cache(maxsize=4096)
def _block(string: str) -> BlockArgs:
    return decode([string])[0]
