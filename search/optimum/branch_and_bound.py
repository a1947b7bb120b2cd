"""The best network of a space, with proof: branch and bound over its blocks.

It takes an accuracy that is a sum of terms of single choices and of pairs of them (a
`search.surrogate.regression.Surrogate`), a latency that is a sum over blocks
(`search.optimum.block_latency`), and any of the rewards of `search.reward`. The choices of a block
are taken together.

What joins accuracy and latency is the accuracy h(l) that a reward requires at a latency l. Over a
short interval of latencies h lies above some line a + b l, and a network there that beats the
reward has accuracy - b latency > a. That is a sum of terms of blocks and of pairs of blocks, and so
is bounded well (`search.optimum.bounds`): interval by interval, the tree of all networks is cut
wherever its bound is not above a.
"""

import dataclasses
import math

import numpy as np

from search.optimum.block_latency import BlockLatency
from search.optimum.bounds import BlockTerms, Lines, Relaxation
from search.reward import RewardConfig, reward
from search.surrogate.regression import Surrogate, first_places

# No network is better than the one proven best by more than this.
TOLERANCE = 1e-9
_CLIMBS = 30
_CHUNK = 256  # nodes that are expanded together


@dataclasses.dataclass(frozen=True)
class Optimum:
    """The best network.

    Attributes:
      tokens: its decisions.
      reward: that no other network exceeds by more than TOLERANCE.
      accuracy: top-1 in [0, 1].
      latency_ms: its latency.
      nodes: that were looked at for the proof.
    """

    tokens: tuple[int, ...]
    reward: float
    accuracy: float
    latency_ms: float
    nodes: int


def find_optimum(
    surrogate: Surrogate,
    latency: BlockLatency,
    config: RewardConfig,
    max_latency_ms: float | None = None,
) -> Optimum:
    """The network of the highest reward among all.

    Args:
      surrogate: gives the accuracy.
      latency: gives the latency.
      config: makes the reward of both.
      max_latency_ms: slower networks do not count; None for no limit.

    Raises:
      ValueError: where all networks are slower than that.
    """
    limit = math.inf if max_latency_ms is None else max_latency_ms
    if latency.fastest_ms > limit:
        raise ValueError(
            f"no network is within {limit:g} ms, the fastest takes {latency.fastest_ms:.4g} ms"
        )
    terms = _terms(surrogate, latency)
    best = _Best(terms, config, limit)
    _climb(best, [int(added_ms.argmin()) for added_ms in terms.added_ms])
    lines = Lines(config, latency.fastest_ms, min(latency.slowest_ms, limit))
    slopes = lines.slopes(best.reward)
    relaxation = Relaxation(terms, slopes)
    gaps = relaxation.bounds()[:, None] - lines.required(best.reward, slopes[:, None])
    nodes = 0
    for interval, slope in enumerate(gaps.argmin(axis=0)):
        nodes += _Tree(best, terms, relaxation, slope, lines, interval, slopes).search()
    accuracy, latency_ms = terms.measure(best.choices[None])
    return Optimum(
        latency.network(best.choices), best.reward, float(accuracy[0]), float(latency_ms[0]), nodes
    )


def _terms(surrogate: Surrogate, latency: BlockLatency) -> BlockTerms:
    """The surrogate's terms, those of a block's decisions taken together."""
    onehots = []
    first = first_places(surrogate.num_choices)
    for positions, choices in zip(latency.positions, latency.tokens, strict=True):
        onehot = np.zeros((len(choices), len(surrogate.single)))
        np.put_along_axis(onehot, first[list(positions)] + choices, 1, axis=1)
        onehots.append(onehot)
    both = surrogate.pairs + surrogate.pairs.T
    blocks = range(len(onehots))
    return BlockTerms(
        intercept=surrogate.intercept,
        single=[x @ surrogate.single + ((x @ both) * x).sum(axis=1) / 2 for x in onehots],
        pairs={(b, c): onehots[b] @ both @ onehots[c].T for b in blocks for c in blocks if b < c},
        base_ms=latency.base_ms,
        added_ms=list(latency.added_ms),
    )


class _Best:
    """The best network so far.

    Attributes:
      choices: one per block, int [B].
      reward: its reward.
    """

    def __init__(self, terms: BlockTerms, config: RewardConfig, limit: float):
        self.choices, self.reward = None, -math.inf
        self._terms, self._config, self._limit = terms, config, limit

    def offer(self, choices: np.ndarray) -> np.ndarray:
        """Takes the best of choices [n, B] where it is better; returns it anyway."""
        accuracy, latency_ms = self._terms.measure(choices)
        rewards = reward(accuracy, latency_ms, self._config)
        # Among networks that are too slow the fastest is the best.
        row = np.where(latency_ms <= self._limit, rewards, -1e9 * latency_ms).argmax()
        if latency_ms[row] <= self._limit and rewards[row] > self.reward:
            self.choices, self.reward = choices[row].copy(), float(rewards[row])
        return choices[row]


def _climb(best: _Best, start: list[int]) -> None:
    """Offers good networks: one block after another takes its best choice, from many starts."""
    sizes = [len(single) for single in best._terms.single]
    starts = np.random.default_rng(0).integers(sizes, size=(_CLIMBS, len(sizes)))
    for choices in [np.array(start), *starts]:
        before = None
        while not np.array_equal(choices, before):
            before = choices
            for block, size in enumerate(sizes):
                neighbours = np.tile(choices, (size, 1))
                neighbours[:, block] = np.arange(size)
                choices = best.offer(neighbours)


class _Tree:
    """All networks with a latency in one interval, decided block by block."""

    def __init__(self, best, terms, relaxation, slope, lines, interval, slopes):
        self._best, self._lines, self._interval = best, lines, interval
        self._slopes = slopes[slope]
        # Blocks with the strongest pairs first: then little is left to hope for.
        count = len(terms.single)
        strength = np.zeros(count)
        for (b, c), pair in terms.pairs.items():
            strength[[b, c]] += np.ptp(pair - pair.mean(axis=0))
        self._order = order = np.argsort(-strength, kind="stable")
        self._sizes = [len(terms.single[block]) for block in order]
        self._level = relaxation.level[slope]
        self._single = [relaxation.single[block][slope] for block in order]

        def pair(b, c):
            return relaxation.pairs[b, c][slope] if b < c else relaxation.pairs[c, b][slope].T

        places = range(count)
        # Of each place: its pairs with the places behind it, side by side.
        self._behind = [
            np.concatenate([np.zeros((self._sizes[i], 0)), *(pair(order[i], order[j]) for j in
            places[i + 1 :])], axis=1) for i in places
        ]  # fmt: skip
        most = {(i, j): pair(order[i], order[j]).max() for i in places for j in places[i + 1 :]}
        # Of each level: the most that pairs of undecided blocks give.
        self._hope = [sum(m for (i, _), m in most.items() if i >= k) for k in range(count + 1)]
        self._added_ms = [terms.added_ms[block] for block in order]
        self._base_ms = terms.base_ms
        ends = ([f(ms) for ms in self._added_ms] for f in (np.min, np.max))
        self._least_ms, self._most_ms = (
            np.append(np.cumsum(values[::-1])[::-1], 0) for values in ends
        )

    def search(self) -> int:
        """Offers all networks that may be better than the best; how many nodes that took."""
        nodes = 0
        # Nodes: choices so far, their value and latency, what the choices of the others give.
        stack = [
            (
                np.zeros((1, 0), int),
                np.array([self._level]),
                np.array([self._base_ms]),
                np.concatenate(self._single)[None],
            )
        ]
        while stack:
            parents = stack.pop()
            place = parents[0].shape[1]
            if place == len(self._sizes):
                self._best.offer(parents[0][:, np.argsort(self._order)])
                continue
            nodes += len(parents[0]) * self._sizes[place]
            children = self._children(*parents, place)
            # The last on the stack comes first: the most promising.
            for start in range(0, len(children[0]), _CHUNK):
                stack.append(tuple(part[start : start + _CHUNK] for part in children))
        return nodes

    def _children(self, choices, value, latency_ms, gives, place):
        """The children that may be better than the best, the most promising last."""
        size = self._sizes[place]
        parent, choice = np.divmod(np.arange(len(choices) * size), size)
        choices = np.column_stack([choices[parent], choice])
        value = value[parent] + gives[parent, choice]
        latency_ms = latency_ms[parent] + self._added_ms[place][choice]
        gives = gives[parent, size:] + self._behind[place][choice]
        bound, start = value + self._hope[place + 1], 0
        for other in self._sizes[place + 1 :]:
            bound = bound + gives[:, start : start + other].max(axis=1)
            start += other
        required = self._lines.required(self._best.reward + TOLERANCE, self._slopes)
        above = bound - required[self._interval]
        low, high = (ms[self._interval] for ms in (self._lines.low_ms, self._lines.high_ms))
        kept = np.flatnonzero(
            (above > 0)
            & (latency_ms + self._least_ms[place + 1] <= high)
            & (latency_ms + self._most_ms[place + 1] >= low)
        )
        kept = kept[np.argsort(above[kept])]
        return choices[kept], value[kept], latency_ms[kept], gives[kept]
