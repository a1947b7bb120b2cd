"""Makes a preview: samples a space, prices it, times a few networks, looks for the best one.

No data set is opened and nothing is trained, so a preview of a search on ImageNet needs none.
"""

import contextlib
import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from mnasnet.architectures import Architecture
from mnasnet.stats import count
from search import published
from search.evaluators import Infeasible, LatencyEvaluator
from search.latency import LatencyConfig, make_latency
from search.optimum.block_latency import block_latency
from search.optimum.branch_and_bound import find_optimum
from search.previewing.latencies import (
    Scale,
    SpaceLatencies,
    fit_scale,
    space_latencies,
    spread_out,
)
from search.previewing.reward_preview import Explored, Mark
from search.quantities import counted
from search.reward import RewardConfig, named_reward
from search.search_space import SearchSpace
from search.surrogate.regression import Surrogate
from search.sweeping.exploration import Pool, improved

# Classes of the data sets that one need not open to know; of others the classifier is ImageNet's.
CLASSES = {"digits": 10, "mnist": 10, "cifar10": 10, "cifar100": 100, "imagenet": 1000}
_IMAGENET_CLASSES = 1000
# The estimate that is scaled to a clock.
_SHAPE = f"estimate:{published.DEVICE}"
_FRONT_POINTS = 10


@dataclasses.dataclass(frozen=True)
class PreviewConfig:
    """How much of a space to look at.

    Attributes:
      networks: random networks that are priced, at least 1.
      timed: of them that are put on the clock, where latency needs one; 0 for none.
      seed: of the sample.

    Raises:
      ValueError: for a number out of range.
    """

    networks: int = 10_000
    timed: int = 5
    seed: int = 0

    def __post_init__(self):
        if not 1 <= self.networks <= 1_000_000:
            raise ValueError(f"preview_networks is {self.networks}, must be 1 to 1,000,000")
        if self.timed < 0:
            raise ValueError(f"preview_timed is {self.timed}, must be 0 or more")


class SpacePricer:
    """Latencies of a space: by arithmetic, or a clock's, scaled from a few networks.

    Args:
      space: of the networks.
      latency: how a search would time them.
      num_classes: of the classifier.

    Attributes:
      needs_clock: whether a search would time each network.
      estimate: the arithmetic, a LatencyEvaluator; of a Pixel 1 where a clock is needed.
    """

    def __init__(self, space: SearchSpace, latency: LatencyConfig, num_classes: int):
        self._space, self._latency, self._num_classes = space, latency, num_classes
        self.needs_clock = latency.needs_clock
        self._arithmetic = latency
        if self.needs_clock:
            self._arithmetic = LatencyConfig(_SHAPE, latency.image_size)
        self.estimate = self._make(self._arithmetic, space.architecture)

    def estimated_ms(self, tokens: np.ndarray) -> np.ndarray:
        """By the arithmetic, unscaled: float64 [n] of networks int32 [n, T]."""
        evaluations = self.estimate.measure_all([self._space.decode(row) for row in tokens])
        return np.array([evaluation.value for evaluation in evaluations])

    def latencies(self, tokens: np.ndarray, timed: int) -> SpaceLatencies | None:
        """Of a uniform sample and of the space's ends; None where no clock is to be looked at.

        Args:
          tokens: the sample, int32 [N, T].
          timed: how many of it to put on the clock, where one is needed.

        Raises:
          ValueError: where not one of them could be timed.
        """
        if not self.needs_clock:
            note = self.estimate.description
            return space_latencies(self._space, tokens, self.estimated_ms, note)
        if not timed:
            return None
        clock = self._make(self._latency, self._space.architecture)
        scale = self._timed(clock, tokens, timed)
        error = ""
        if scale.error is not None:
            error = f" (each predicted from the others: mean error {100 * scale.error:.0f} %)"
        note = (
            f"estimated from {counted(len(scale.measured_ms), 'timed network')}: the Pixel-1 "
            f"estimate times {scale.factor:.3g}{error}; the clock is {clock.description}"
        )
        return space_latencies(self._space, tokens, self.estimated_ms, note, scale)

    def marks(
        self, landmarks: Sequence[Architecture], latencies: SpaceLatencies | None
    ) -> tuple[Mark, ...]:
        """Published networks by the latency of the space, those of which that is known."""
        if latencies is None:
            return ()
        factor = latencies.scale.factor if latencies.scale else 1.0
        found = []
        for architecture in landmarks:
            evaluator = self._make(self._arithmetic, lambda _, its=architecture: its)
            # A table has the operators of its space only.
            with contextlib.suppress(Infeasible):
                found.append(Mark(architecture.name, factor * evaluator.measure(()).value))
        return tuple(found)

    def _timed(self, clock: LatencyEvaluator, tokens: np.ndarray, count: int) -> Scale:
        estimates = self.estimated_ms(tokens)
        chosen, measured, reason = [], [], ""
        for position in spread_out(estimates, min(count, len(tokens))):
            try:
                measured.append(clock.measure(self._space.decode(tokens[position])).value)
                chosen.append(estimates[position])
            except Infeasible as infeasible:
                reason = str(infeasible)
        if not chosen:
            raise ValueError(f"none of {counted(count, 'network')} could be timed: {reason}")
        return fit_scale(chosen, measured)

    def _make(self, config: LatencyConfig, architecture_of: Callable) -> LatencyEvaluator:
        def count_of(network):
            return count(
                architecture_of(network),
                image_size=config.image_size,
                num_classes=self._num_classes,
            )

        return make_latency(config, architecture_of, count_of, self._num_classes)


def explore(
    space: SearchSpace,
    tokens: np.ndarray,
    surrogate: Surrogate,
    pricer: SpacePricer,
    factor: float,
    rewards: Sequence[RewardConfig],
    *,
    max_latency_ms: float | None = None,
    seed: int = 0,
) -> Explored:
    """Accuracies of a sample and of a front, and the proven best network of each reward.

    Args:
      space: the surrogate's.
      tokens: the sample, int32 [N, T].
      surrogate: predicts accuracy.
      pricer: prices networks.
      factor: milliseconds for one of the pricer's.
      rewards: whose best networks to find.
      max_latency_ms: slower networks do not count; None for no limit.
      seed: of mutations.

    Raises:
      ValueError: where all networks are slower than that.
    """

    def measure(rows):
        return np.clip(surrogate.predict(rows), 0.0, 1.0), factor * pricer.estimated_ms(rows)

    blocks = block_latency(space, pricer.estimate)
    blocks = dataclasses.replace(
        blocks,
        base_ms=factor * blocks.base_ms,
        added_ms=tuple(factor * added for added in blocks.added_ms),
    )
    proven = {c: find_optimum(surrogate, blocks, c, max_latency_ms) for c in rewards}
    # The most accurate networks within a few limits are where the front is grown from.
    limits = np.geomspace(blocks.fastest_ms, blocks.slowest_ms, _FRONT_POINTS)[1:]
    corners = [
        find_optimum(surrogate, blocks, named_reward("hard", float(limit))) for limit in limits
    ]
    found = [best.tokens for best in (*proven.values(), *corners)]
    sample = Pool.of(tokens, measure)
    pool = sample + Pool.of(np.array(found, np.int32), measure)
    pool = improved(pool, space, measure, np.random.default_rng(seed))
    marks = {c: Mark("", best.latency_ms, best.accuracy) for c, best in proven.items()}
    return Explored(sample, pool, marks, surrogate.note)


def published_marks(dataset: str, latency: LatencyConfig) -> dict:
    """The published networks and their line, as fields of a Preview, where they compare."""
    comparable = (published.DATASET, f"estimate:{published.DEVICE}", published.IMAGE_SIZE)
    if (dataset, latency.kind, latency.image_size) != comparable:
        return {}
    networks = (*published.A1_FAMILY, published.MOBILENET_V2)
    marks = tuple(Mark(n.name, n.latency_ms, n.accuracy) for n in networks)
    return {"published": marks, "published_curve": published.family_curve()}


def num_classes_of(dataset: str) -> tuple[int, str]:
    """Classes of a data set, without opening it, and what a reader should know of that number."""
    if dataset in CLASSES:
        return CLASSES[dataset], ""
    return _IMAGENET_CLASSES, (
        f"{dataset} is not opened; latencies are those of a classifier of {_IMAGENET_CLASSES:,} "
        "classes"
    )
