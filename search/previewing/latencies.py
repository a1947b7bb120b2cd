"""Latencies of a whole space before a search: a sample of it, its ends, and a clock's scale.

Thousands of networks cannot be put on a clock. A few are, and the Pixel-1 estimate
(`mnasnet.latency_estimate`) is scaled to them by one factor. Measured on random networks of the
MnasNet space on a server's CPU, five timed networks predict the others with a mean error of 16 % at
16 px and 7 % at 224 px; with multiply-adds in place of the estimate it is 22 % and 16 %, and a
second coefficient makes neither better.
"""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from search.search_space import SearchSpace
from search.sweeping.exploration import climb

# Tokens int32 [n, T] -> milliseconds float64 [n].
LatencyOf = Callable[[np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Scale:
    """How a clock's milliseconds follow from an estimate: as a multiple of it.

    Attributes:
      factor: measured milliseconds for one estimated.
      error: mean relative error of each timed network, predicted by the others; None for one.
      estimated_ms: of the timed networks.
      measured_ms: of the same.
    """

    factor: float
    error: float | None
    estimated_ms: tuple[float, ...]
    measured_ms: tuple[float, ...]


def fit_scale(estimated_ms: Sequence[float], measured_ms: Sequence[float]) -> Scale:
    """The factor with the least squared error of the logarithms: the ratios' geometric mean.

    Args:
      estimated_ms: at least one, over 0.
      measured_ms: of the same networks, over 0.
    """
    logs = np.log(np.asarray(measured_ms, np.float64) / np.asarray(estimated_ms, np.float64))
    error = None
    if len(logs) > 1:
        from_others = (logs.sum() - logs) / (len(logs) - 1)
        error = float(np.mean(np.abs(np.exp(from_others - logs) - 1)))
    return Scale(
        float(np.exp(logs.mean())),
        error,
        tuple(map(float, estimated_ms)),
        tuple(map(float, measured_ms)),
    )


@dataclasses.dataclass(frozen=True)
class SpaceLatencies:
    """Latencies of a space.

    Attributes:
      sample_ms: of random networks, float64 [N].
      fastest_ms: of the fastest network that was found, by climbing from the fastest of the sample.
      slowest_ms: of the slowest one, likewise.
      note: what kind of milliseconds they are, and how good.
      scale: where they are an estimate that was scaled to a clock.
    """

    sample_ms: np.ndarray
    fastest_ms: float
    slowest_ms: float
    note: str
    scale: Scale | None = None

    def share_within(self, limit_ms: float) -> float:
        """Share of the random networks that are not slower than a limit."""
        return float(np.mean(self.sample_ms <= limit_ms))


def space_latencies(
    space: SearchSpace,
    tokens: np.ndarray,
    latency_of: LatencyOf,
    note: str,
    scale: Scale | None = None,
) -> SpaceLatencies:
    """Prices a sample of a space and looks for its ends.

    Args:
      space: of the networks.
      tokens: int32 [N, T], a uniform sample.
      latency_of: milliseconds, or what `scale` makes milliseconds of.
      note: see SpaceLatencies.
      scale: of the clock.
    """
    factor = scale.factor if scale else 1.0
    latencies = latency_of(tokens)
    fastest = climb(tokens[np.argmin(latencies)], space, lambda rows: -latency_of(rows))
    slowest = climb(tokens[np.argmax(latencies)], space, latency_of)
    ends = latency_of(np.stack([fastest, slowest]))
    return SpaceLatencies(factor * latencies, *map(float, factor * ends), note, scale)


def spread_out(latencies: np.ndarray, count: int) -> np.ndarray:
    """Positions of `count` networks spread evenly over the order of their latencies, int."""
    shares = (np.arange(count) + 0.5) / count
    return np.argsort(latencies, kind="stable")[(shares * len(latencies)).astype(int)]
