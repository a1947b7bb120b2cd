"""Latency as a sum over the blocks of a space, where it is one."""

import dataclasses
import itertools
import math

import numpy as np

from mnasnet.block_args import decode
from search.evaluators import LatencyEvaluator
from search.spaces.decisions import Network, SearchSpace

_MOST_CHOICES = 2000  # of a block, all of which are gone through
_CHECKS = 100


@dataclasses.dataclass(frozen=True)
class BlockLatency:
    """Latency as a sum over blocks, each of which is some of the decisions.

    Attributes:
      base_ms: of what no decision changes.
      positions: of each block, the places of its decisions; all decisions are in one block.
      tokens: of each block, all its choices, int [N_b, its decisions].
      added_ms: of each block, what its choices add, float64 [N_b].
    """

    base_ms: float
    positions: tuple[tuple[int, ...], ...]
    tokens: tuple[np.ndarray, ...]
    added_ms: tuple[np.ndarray, ...]

    @property
    def fastest_ms(self) -> float:
        """Of the fastest network."""
        return self.base_ms + sum(float(added.min()) for added in self.added_ms)

    @property
    def slowest_ms(self) -> float:
        """Of the slowest network."""
        return self.base_ms + sum(float(added.max()) for added in self.added_ms)

    def network(self, choices) -> tuple[int, ...]:
        """Tokens [T] of a choice per block [B]."""
        tokens = np.zeros(sum(map(len, self.positions)), int)
        for positions, of_block, choice in zip(self.positions, self.tokens, choices, strict=True):
            tokens[list(positions)] = of_block[choice]
        return tuple(tokens.tolist())


def block_latency(space: SearchSpace, latency: LatencyEvaluator) -> BlockLatency:
    """Takes a latency apart into what each block adds.

    An estimate or a table is a sum over layers, and what a layer costs follows from its block and
    from the shape of what it reads. Where the filters and strides of all blocks are fixed, as in
    Accel-NASBench's space, no block changes the cost of another.

    Args:
      space: its decisions are named 'block/decision'.
      latency: of networks of that space.

    Raises:
      ValueError: where the latency is not such a sum; the message is the reason.
    """
    kind = getattr(latency, "settings", {}).get("kind") or "a function"
    if not kind.startswith(("estimate:", "table:")):
        raise ValueError(f"the latency is {kind}, which need not be a sum over blocks")
    of_block: dict[str, list[int]] = {}
    for position, decision in enumerate(space.decisions):
        of_block.setdefault(decision.name.partition("/")[0], []).append(position)
    positions = tuple(map(tuple, of_block.values()))
    tokens = tuple(_all_choices(space, places) for places in positions)
    plain = np.zeros(len(space.decisions), int)
    strings = space.decode(plain)
    base_ms = latency.measure(strings).value
    added_ms = []
    for block, (places, choices) in enumerate(zip(positions, tokens, strict=True)):
        networks = []
        for choice in choices:
            changed = plain.copy()
            changed[list(places)] = choice
            networks.append(space.decode(changed))
            _check_alone(strings, networks[-1], block)
        values = [latency.measure(network).value for network in networks]
        added_ms.append(np.array(values) - base_ms)
    found = BlockLatency(base_ms, positions, tokens, tuple(added_ms))
    _check_sum(found, space, latency)
    return found


def _all_choices(space: SearchSpace, places: tuple[int, ...]) -> np.ndarray:
    counts = [len(space.decisions[place].choices) for place in places]
    if math.prod(counts) > _MOST_CHOICES:
        raise ValueError(
            f"the block of {space.decisions[places[0]].name!r} has {math.prod(counts):,} choices, "
            f"at most {_MOST_CHOICES:,} are gone through"
        )
    return np.array(list(itertools.product(*map(range, counts))))


def _check_alone(plain: Network, changed: Network, block: int) -> None:
    """ValueError where the choices of a block change what another block is, reads or writes."""
    if len(changed) != len(plain):
        raise ValueError("the number of blocks is not fixed")
    for number, (before, after) in enumerate(zip(plain, changed, strict=True)):
        if number != block and before != after:
            raise ValueError(f"the choices of block {block} change block {number}")
    before, after = decode([plain[block]])[0], decode([changed[block]])[0]
    for field in ("strides", "input_filters", "output_filters"):
        if getattr(before, field) != getattr(after, field):
            raise ValueError(f"{field} of block {block} are not fixed")


def _check_sum(found: BlockLatency, space: SearchSpace, latency: LatencyEvaluator) -> None:
    """ValueError where the sums are not the latencies of some random networks."""
    rng = np.random.default_rng(0)
    sizes = [len(choices) for choices in found.tokens]
    for choices in rng.integers(sizes, size=(_CHECKS, len(sizes))):
        added = [ms[choice] for ms, choice in zip(found.added_ms, choices, strict=True)]
        measured = latency.measure(space.decode(found.network(choices))).value
        if not math.isclose(found.base_ms + sum(added), measured, rel_tol=1e-9):
            raise ValueError(
                f"blocks add up to {found.base_ms + sum(added):.6g} ms where a network takes "
                f"{measured:.6g} ms"
            )
