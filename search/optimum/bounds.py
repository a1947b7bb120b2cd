"""What no network of a space can exceed: the bounds that `branch_and_bound` proves with.

`Lines` turns "better than a reward" into "accuracy - slope x latency above a number", interval of
latencies by interval. `Relaxation` bounds accuracy - slope x latency, a sum of terms of blocks and
of pairs of blocks, by moving terms to and fro until the pairs have nothing left to gain.
"""

import dataclasses

import numpy as np

from search.reward import RewardConfig

_INTERVALS = 24
_SLOPES = np.concatenate([-np.geomspace(1e-4, 1, 9), [0.0], np.geomspace(1e-5, 1, 31)])
_SWEEPS = 40


@dataclasses.dataclass(frozen=True)
class BlockTerms:
    """Accuracy and latency of a space by its blocks.

    Attributes:
      intercept: of the accuracy.
      single: of each block, float64 [N_b], what its choices give to the accuracy.
      pairs: of blocks b < c, float64 [N_b, N_c], what two choices give to it together.
      base_ms: of the latency.
      added_ms: of each block, float64 [N_b], what its choices add to it.
    """

    intercept: float
    single: list[np.ndarray]
    pairs: dict[tuple[int, int], np.ndarray]
    base_ms: float
    added_ms: list[np.ndarray]

    def measure(self, choices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(accuracy, latency in ms), each [n], of a choice per block [n, B]."""
        columns = choices.T
        accuracy = self.intercept + sum(s[k] for s, k in zip(self.single, columns, strict=True))
        for (b, c), pair in self.pairs.items():
            accuracy = accuracy + pair[columns[b], columns[c]]
        added_ms = sum(ms[k] for ms, k in zip(self.added_ms, columns, strict=True))
        return accuracy, self.base_ms + added_ms


class Relaxation:
    """Accuracy - slope x latency as a sum whose parts are bounded one by one.

    Two terms and their pair have the same sum when parts of the one are given to the other. Here
    each pair takes what its blocks have and gives either of them half of the most that its choices
    can have (min-sum diffusion in this form: Globerson and Jaakkola, NIPS 2007, MPLP). The sum of
    all the largest parts, which bounds the largest sum, never grows by that.

    Args:
      terms: of accuracy and latency.
      slopes: accuracy per ms, [S].

    Attributes:
      level: [S], what is the same for all networks.
      single: of each block [S, N_b].
      pairs: of blocks b < c [S, N_b, N_c], at most 0 but for the last bits.
    """

    def __init__(self, terms: BlockTerms, slopes: np.ndarray):
        self.level = terms.intercept - terms.base_ms * slopes
        self.single = [
            single - slopes[:, None] * added_ms
            for single, added_ms in zip(terms.single, terms.added_ms, strict=True)
        ]
        shape = (len(slopes), 1, 1)
        self.pairs = {blocks: np.tile(pair, shape) for blocks, pair in terms.pairs.items()}
        for _ in range(_SWEEPS):
            for (b, c), pair in self.pairs.items():
                together = pair + self.single[b][:, :, None] + self.single[c][:, None]
                self.single[b], self.single[c] = together.max(axis=2) / 2, together.max(axis=1) / 2
                pair[:] = together - self.single[b][:, :, None] - self.single[c][:, None]

    def bounds(self) -> np.ndarray:
        """What no network exceeds, [S]."""
        of_blocks = sum(single.max(axis=1) for single in self.single)
        return self.level + of_blocks + sum(pair.max(axis=(1, 2)) for pair in self.pairs.values())


class Lines:
    """Lines a + b l below the accuracy that a reward requires at a latency l, one per interval.

    Args:
      config: the reward.
      low_ms: of the fastest network.
      high_ms: of the slowest one that counts.

    Attributes:
      low_ms: where each interval begins, [J].
      high_ms: where it ends, [J].
    """

    def __init__(self, config: RewardConfig, low_ms: float, high_ms: float):
        # Wider by a hair, for the last bits of sums; cut at the target, where the exponent changes.
        edges = np.geomspace(low_ms * (1 - 1e-9), high_ms * (1 + 1e-9), _INTERVALS + 1)
        if edges[0] < config.target_latency_ms < edges[-1]:
            edges = np.unique(np.append(edges, config.target_latency_ms))
        self.low_ms, self.high_ms = edges[:-1], edges[1:]
        self._config = config
        exponents = np.where(edges[1:] <= config.target_latency_ms, config.alpha, config.beta)
        self._powers = -exponents if config.form == "mnasnet" else np.ones(len(exponents))

    def slopes(self, value: float) -> np.ndarray:
        """Slopes b to choose from, [S], for the reward `value`: chords, and others."""
        rise = self._accuracy(value, self.high_ms) - self._accuracy(value, self.low_ms)
        return np.unique(np.append(_SLOPES, rise / (self.high_ms - self.low_ms)))

    def required(self, value: float, slopes: np.ndarray) -> np.ndarray:
        """The a of lines: the least that required accuracy - slope x latency is in an interval.

        Args:
          value: the reward.
          slopes: of lines, [J] or [S, 1].

        Returns:
          [J], or [S, J].
        """
        at = [self._accuracy(value, ms) - slopes * ms for ms in (self.low_ms, self.high_ms)]
        least = np.minimum(*at)
        # A power over 1 curves upwards: it may be least where it is as steep as the line.
        target = self._config.target_latency_ms
        with np.errstate(all="ignore"):
            steepness = slopes * target / (value * self._powers)
            inner = target * steepness ** (1 / (self._powers - 1))
        inside = (self._powers > 1) & (self.low_ms < inner) & (inner < self.high_ms)
        inner = np.where(inside, inner, self.low_ms)
        return np.minimum(least, self._accuracy(value, inner) - slopes * inner)

    def _accuracy(self, value: float, latency_ms: np.ndarray) -> np.ndarray:
        """Accuracy with which a network of a latency has the reward `value`."""
        ratio = latency_ms / self._config.target_latency_ms
        if self._config.form == "absolute":
            return value - self._config.beta * np.abs(ratio - 1)
        return value * ratio**self._powers
