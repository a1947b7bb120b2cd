"""Networks of a space where measuring is arithmetic: a front by mutation, an end by climbing.

Nothing here is a proof: a climb ends at a network that no single decision improves.
"""

import dataclasses
from collections.abc import Callable

import numpy as np

from search.reward import RewardConfig, reward
from search.search_space import SearchSpace

# Tokens [n, T] -> (top-1 [n], milliseconds [n]).
Measure = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclasses.dataclass(frozen=True)
class Pool:
    """Networks that were measured.

    Attributes:
      tokens: int32 [N, T].
      accuracy: top-1 in [0, 1], float64 [N].
      latency_ms: float64 [N].
    """

    tokens: np.ndarray
    accuracy: np.ndarray
    latency_ms: np.ndarray

    @classmethod
    def of(cls, tokens: np.ndarray, measure: Measure) -> "Pool":
        """Measures networks, int32 [N, T]."""
        accuracy, latency_ms = measure(tokens)
        return cls(tokens, np.asarray(accuracy, np.float64), np.asarray(latency_ms, np.float64))

    def __len__(self) -> int:
        return len(self.tokens)

    def __add__(self, other: "Pool") -> "Pool":
        fields = [field.name for field in dataclasses.fields(self)]
        return Pool(*(np.concatenate([getattr(self, f), getattr(other, f)]) for f in fields))

    def front(self) -> np.ndarray:
        """Positions of the networks that no other beats in both measures, fastest first."""
        order = np.lexsort((-self.accuracy, self.latency_ms))
        accuracies = self.accuracy[order]
        best_before = np.concatenate([[-np.inf], np.maximum.accumulate(accuracies)[:-1]])
        return order[accuracies > best_before]

    def best(self, config: RewardConfig) -> int:
        """Position of the network of the highest reward."""
        return int(np.argmax(reward(self.accuracy, self.latency_ms, config)))


def improved(
    pool: Pool,
    space: SearchSpace,
    measure: Measure,
    rng: np.random.Generator,
    *,
    rounds: int = 20,
    children: int = 250,
) -> Pool:
    """The pool and the children of its front, round by round.

    Args:
      pool: at least one network.
      space: of the networks.
      measure: measures them.
      rng: of parents and mutations.
      rounds: each takes its parents from the front of all networks so far.
      children: a round, each with one or two decisions taken anew.
    """
    counts = np.array([len(decision.choices) for decision in space.decisions])
    for _ in range(rounds):
        front = pool.front()
        tokens = pool.tokens[rng.choice(front, children)].copy()
        for mutate in (np.ones(children, bool), rng.random(children) < 0.5):
            rows = np.flatnonzero(mutate)
            columns = rng.integers(len(counts), size=len(rows))
            tokens[rows, columns] = rng.integers(counts[columns])
        pool += Pool.of(np.unique(tokens, axis=0), measure)
    return pool


def climb(
    start: np.ndarray, space: SearchSpace, score: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """The network at which no other choice of a single decision scores more.

    Args:
      start: tokens [T].
      space: of the networks.
      score: tokens [n, T] -> [n], to be made as high as possible.

    Returns:
      Tokens [T], of a score at least as high as that of `start`.
    """
    best = np.asarray(start)
    while True:
        candidates = np.concatenate([best[None], neighbours(best, space)])
        scores = np.asarray(score(candidates))
        position = int(np.argmax(scores))
        if not scores[position] > scores[0]:
            return best
        best = candidates[position]


def neighbours(tokens: np.ndarray, space: SearchSpace) -> np.ndarray:
    """All networks that differ in one decision, int32 [n, T]; n may be 0."""
    rows = []
    for position, decision in enumerate(space.decisions):
        for token in range(len(decision.choices)):
            if token != tokens[position]:
                row = np.array(tokens, np.int32)
                row[position] = token
                rows.append(row)
    return np.array(rows, np.int32).reshape(-1, len(space.decisions))
