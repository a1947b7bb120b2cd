"""Makes a preview: samples a space, prices it, times a few networks, looks for the best one.

No data set is opened and nothing is trained, so a preview of a search on ImageNet needs none.
"""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from mnasnet.architectures import Architecture
from mnasnet.latency_estimate import pixel1_latency_ms
from mnasnet.stats import ModelStats, count
from search import published
from search.evaluators import Evaluation, Infeasible, LatencyEvaluator
from search.landing import Pool, improved, landing
from search.latency import LatencyConfig, make_latency
from search.latency_preview import (
    SpaceLatencies,
    fit_scale,
    space_latencies,
    spread_out,
)
from search.reward import RewardConfig
from search.reward_preview import Explored, Mark
from search.search_space import SearchSpace
from search.surrogate import SurrogateAccuracy

# Classes of the data sets that one need not open to know; of others the classifier is ImageNet's.
CLASSES = {"digits": 10, "mnist": 10, "cifar10": 10, "cifar100": 100, "imagenet": 1000}
_IMAGENET_CLASSES = 1000


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
        if not 0 <= self.timed <= self.networks:
            raise ValueError(
                f"preview_timed is {self.timed}, must be 0 to preview_networks, {self.networks}"
            )


class SpacePricer:
    """Latencies of a space: by arithmetic, or a clock's, scaled from a few networks.

    Args:
      space: of the networks.
      latency: how a search would time them.
      num_classes: of the classifier.
    """

    def __init__(self, space: SearchSpace, latency: LatencyConfig, num_classes: int):
        self._space, self._latency, self._num_classes = space, latency, num_classes
        self.is_arithmetic = latency.kind.startswith("estimate")
        self._evaluator: LatencyEvaluator | None = None
        if self.is_arithmetic:
            self._evaluator = self._make(space.architecture)

    def estimate(self, tokens: np.ndarray) -> np.ndarray:
        """Estimated milliseconds, float64 [n], of networks int32 [n, T]: unscaled, on a Pixel 1."""
        if self._evaluator is not None:
            evaluations = self._evaluator.measure_all([self._space.decode(row) for row in tokens])
            return np.array([evaluation.value for evaluation in evaluations])
        networks = [self._space.decode(row) for row in tokens]
        return np.array(
            [pixel1_latency_ms(self._count(self._space.architecture(n))) for n in networks]
        )

    def latencies(self, tokens: np.ndarray, timed: int) -> SpaceLatencies | None:
        """Of a uniform sample int32 [N, T] and the space's ends; None where a clock is not asked.

        Args:
          tokens: the sample.
          timed: how many of it to put on the clock, where there is one.

        Raises:
          ValueError: where not one of them could be timed.
        """
        if self.is_arithmetic:
            return space_latencies(self._space, tokens, self.estimate, self._evaluator.description)
        if not timed:
            return None
        estimates = self.estimate(tokens)
        clock = self._make(self._space.architecture)
        chosen, measured, reason = [], [], ""
        for position in spread_out(estimates, timed):
            try:
                evaluation = clock.measure(self._space.decode(tokens[position]))
            except Infeasible as infeasible:
                reason = str(infeasible)
                continue
            chosen.append(estimates[position])
            measured.append(
                evaluation.value if isinstance(evaluation, Evaluation) else float(evaluation)
            )
        if not chosen:
            raise ValueError(f"none of {timed} networks could be timed: {reason}")
        scale = fit_scale(chosen, measured)
        error = (
            "" if scale.error is None else f", mean error of one from the others {scale.error:.0%}"
        )
        note = (
            f"estimated from {len(chosen)} timed networks{error}; the Pixel-1 estimate, times "
            f"{scale.factor:.3g}, stands for {clock.description}"
        ).replace("%", " %")
        return space_latencies(self._space, tokens, self.estimate, note, scale)

    def marks(
        self, landmarks: Sequence[Architecture], latencies: SpaceLatencies | None
    ) -> tuple[Mark, ...]:
        """Published networks by the latency of the space; none where that is not known."""
        if latencies is None:
            return ()
        factor = latencies.scale.factor if latencies.scale else 1.0
        found = []
        for architecture in landmarks:
            found.append(
                Mark(architecture.name, factor * pixel1_latency_ms(self._count(architecture)))
            )
        return tuple(found)

    def _make(self, architecture_of: Callable) -> LatencyEvaluator:
        def count_of(network):
            return self._count(architecture_of(network))

        return make_latency(self._latency, architecture_of, count_of, self._num_classes)

    def _count(self, architecture: Architecture) -> ModelStats:
        return count(
            architecture, image_size=self._latency.image_size, num_classes=self._num_classes
        )


def explore(
    space: SearchSpace,
    tokens: np.ndarray,
    accuracy: SurrogateAccuracy,
    latency_of: Callable[[np.ndarray], np.ndarray],
    config: RewardConfig,
    seed: int,
) -> Explored:
    """Accuracies of the sample, of a better front, and the best network that is found.

    Args:
      space: of the networks.
      tokens: the sample, int32 [N, T].
      accuracy: computes rather than trains.
      latency_of: milliseconds [n] of networks [n, T].
      config: the reward.
      seed: of mutations.
    """

    def measure(rows):
        evaluations = accuracy.evaluate_all([space.decode(row) for row in rows])
        top1 = np.array([evaluation.value for evaluation in evaluations])
        return np.clip(top1, 0.0, 1.0), latency_of(rows)

    sample = Pool.of(tokens, measure)
    pool = improved(sample, space, measure, np.random.default_rng(seed))
    best = landing(pool, space, measure, config)
    return Explored(sample, pool + best, best, accuracy.description)


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
