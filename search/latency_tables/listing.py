"""All operators that the networks of a space are made of, and few networks that have them all."""

import itertools
import math
from collections.abc import Iterable, Sequence

import numpy as np

from mnasnet.architectures import Architecture
from search.latency_tables.operators import Operator, operators_of
from search.spaces.decisions import SearchSpace

_MOST_CHOICES = 20_000  # of the decisions that one block depends on, all of which are gone through
_BASES = 4
_CHECKED = 500
_STARTS, _PASSES = 4, 3


class SpaceOperators:
    """The operators of a space's networks at an image size.

    Args:
      space: of networks.
      image_size: of the images.
      num_classes: of the classifier.

    Attributes:
      examples: each operator of the space -> tokens [T] of a network that has it.

    Raises:
      ValueError: for a space whose points are no networks, or whose operators cannot be listed.
    """

    def __init__(self, space: SearchSpace, image_size: int, num_classes: int):
        self.space, self.image_size, self.num_classes = space, image_size, num_classes
        self.examples: dict[Operator, tuple[int, ...]] = {}
        for tokens in self._one_of_each_block():
            for operator in self.of(tokens):
                self.examples.setdefault(operator, tokens)
        for tokens in space.sample_uniform(np.random.default_rng(0), _CHECKED):
            for operator in self.of(tokens):
                if operator not in self.examples:
                    raise ValueError(
                        f"the operators of the space {space.name!r} cannot be listed block by "
                        f"block: {operator} depends on the decisions of several"
                    )

    def of(self, tokens: Sequence[int]) -> tuple[Operator, ...]:
        """The operators of one network, repeats included."""
        placed = self.placed(self.space.architecture(self.space.decode(tokens)))
        return tuple(operator for _, operator in placed)

    def placed(self, architecture: Architecture) -> tuple[tuple[str, Operator], ...]:
        """The operators of one network with their places, see `operators_of`."""
        return operators_of(architecture, self.image_size, self.num_classes)

    def covering(self, covered: Iterable[Operator] = ()) -> list[tuple[int, ...]]:
        """Tokens of few networks that together have all operators but those that are covered.

        Greedy: of some networks that have an operator which is still missing, each takes on the
        choices that bring in most of the others, and the best of them is chosen. The same call
        gives the same networks.
        """
        missing = set(self.examples) - set(covered)
        rng = np.random.default_rng(0)
        networks = []
        while missing:
            waiting = sorted(missing)
            starts = rng.choice(len(waiting), min(_STARTS, len(waiting)), replace=False)
            climbed = [self._climbed(self.examples[waiting[i]], missing, rng) for i in starts]
            tokens = max(climbed, key=lambda tokens: self._gain(tokens, missing))
            missing -= set(self.of(tokens))
            networks.append(tokens)
        return networks

    def _climbed(
        self, tokens: tuple[int, ...], missing: set[Operator], rng: np.random.Generator
    ) -> tuple[int, ...]:
        best, most = tokens, self._gain(tokens, missing)
        for _ in range(_PASSES):
            for place in rng.permutation(len(tokens)).tolist():
                for choice in range(len(self.space.decisions[place].choices)):
                    changed = (*best[:place], choice, *best[place + 1 :])
                    gain = self._gain(changed, missing)
                    # Also where it gains nothing yet: that leads out of corners.
                    if gain >= most:
                        best, most = changed, gain
        return best

    def _gain(self, tokens: tuple[int, ...], missing: set[Operator]) -> int:
        return len(missing.intersection(self.of(tokens)))

    def _one_of_each_block(self) -> Iterable[tuple[int, ...]]:
        """Tokens of networks in which every block string of the space appears.

        A block depends on its own decisions and on the filters that enter it: which decisions these
        are is found by changing each in turn.
        """
        choices = [range(len(decision.choices)) for decision in self.space.decisions]
        bases = self.space.sample_uniform(np.random.default_rng(1), _BASES).tolist()
        depends: dict[int, set[int]] = {}
        for base in bases:
            strings = self.space.decode(base)
            for place, options in enumerate(choices):
                for choice in options:
                    changed = self.space.decode([*base[:place], choice, *base[place + 1 :]])
                    if len(changed) != len(strings):
                        raise ValueError(
                            f"the number of blocks in the space {self.space.name!r} is not fixed"
                        )
                    for block, pair in enumerate(zip(strings, changed, strict=True)):
                        places = depends.setdefault(block, set())
                        if pair[0] != pair[1]:
                            places.add(place)
        for block, places in depends.items():
            number = math.prod(len(choices[place]) for place in places)
            if number > _MOST_CHOICES:
                raise ValueError(
                    f"block {block} of the space {self.space.name!r} has {number:,} choices, at "
                    f"most {_MOST_CHOICES:,} are gone through"
                )
            for combination in itertools.product(*(choices[place] for place in sorted(places))):
                tokens = list(bases[0])
                for place, choice in zip(sorted(places), combination, strict=True):
                    tokens[place] = choice
                yield tuple(tokens)
