"""What the runs of a comparison say: figures with their spread, and who is better than whom."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from search.comparison.runs import Run

CHECKPOINTS = (100, 200, 500, 2000)
# A run that comes this near to the proven optimum has found it.
AT_OPTIMUM = 1e-6
# What is called better or worse rather than chance.
SIGNIFICANCE = 0.05
_MOST_GROUPINGS = 1000


@dataclasses.dataclass(frozen=True)
class Summary:
    """The runs of one variant.

    Attributes:
      variant: its name.
      runs: in the order of seeds.
      checkpoints: numbers of trials.
      best: the best reward after so many trials, [runs, checkpoints].
      chosen: of the network that the noisy rewards would have chosen, the same shape.
    """

    variant: str
    runs: tuple[Run, ...]
    checkpoints: tuple[int, ...]
    best: np.ndarray
    chosen: np.ndarray

    @classmethod
    def of(cls, runs: Sequence[Run]) -> "Summary":
        """From the runs of one variant, at least one."""
        checkpoints = checkpoints_of(len(runs[0].rewards))
        rows = np.array(checkpoints) - 1
        return cls(
            runs[0].variant,
            tuple(runs),
            checkpoints,
            np.array([run.best[rows] for run in runs]),
            np.array([run.chosen[rows] for run in runs]),
        )

    @property
    def curves(self) -> np.ndarray:
        """Best reward so far, [runs, trials]."""
        return np.array([run.best for run in self.runs])

    @property
    def cpu_seconds(self) -> float:
        """Per 1,000 trials, mean over runs; evaluations included."""
        return float(np.mean([1000 * run.cpu_seconds / len(run.rewards) for run in self.runs]))

    @property
    def distinct(self) -> float:
        """Share of the trials that are different networks, mean over runs."""
        return float(np.mean([run.distinct / len(run.rewards) for run in self.runs]))

    def at_optimum(self, optimum: float) -> int:
        """How many runs have found the optimum."""
        return int((self.best[:, -1] >= optimum - AT_OPTIMUM).sum())

    def trials_to(self, reward: float) -> float:
        """Trials until a run has this reward, the median of the runs; inf where half never do."""
        reached = self.curves >= reward
        first = np.where(reached.any(axis=1), reached.argmax(axis=1) + 1.0, np.inf)
        # Of an even number the later of the two in the middle: a mean with infinity says nothing.
        return float(np.sort(first)[len(first) // 2])


def checkpoints_of(trials: int) -> tuple[int, ...]:
    """Numbers of trials after which variants are compared: CHECKPOINTS, and the last."""
    return (*(count for count in CHECKPOINTS if count < trials), trials)


@dataclasses.dataclass(frozen=True)
class Verdict:
    """A variant beside a baseline after some number of trials.

    Attributes:
      variant: its name.
      trials: the number.
      difference: of the mean best rewards.
      superiority: the probability that a run of the variant is ahead of one of the baseline, equal
        ones counting half (Vargha and Delaney's A); 0.5 is no difference.
      p: of the Mann-Whitney U test, two-sided.
      p_holm: the same, Holm's correction for the number of verdicts made.
    """

    variant: str
    trials: int
    difference: float
    superiority: float
    p: float
    p_holm: float

    @property
    def word(self) -> str:
        """'better', 'worse', or 'no difference shown'."""
        if self.p_holm >= SIGNIFICANCE:
            return "no difference shown"
        return "better" if self.superiority > 0.5 else "worse"


def verdicts(summaries: Sequence[Summary], baseline: str) -> list[Verdict]:
    """All variants against one of them, after each checkpoint; none where it is not there."""
    by_name = {summary.variant: summary for summary in summaries}
    if baseline not in by_name:
        return []
    base = by_name.pop(baseline)
    found = []
    for summary in by_name.values():
        for column, trials in enumerate(summary.checkpoints):
            ours, theirs = summary.best[:, column], base.best[:, column]
            superiority, p = mann_whitney(ours, theirs)
            difference = float(ours.mean() - theirs.mean())
            found.append(Verdict(summary.variant, trials, difference, superiority, p, p))
    corrected = holm([verdict.p for verdict in found])
    return [dataclasses.replace(v, p_holm=p) for v, p in zip(found, corrected, strict=True)]


def mann_whitney(ours: np.ndarray, theirs: np.ndarray) -> tuple[float, float]:
    """(probability that ours is greater, equal ones counting half; two-sided p).

    Exact for few runs or where none are equal, else by the normal approximation, corrected for
    those that are. Runs of two variants have nothing in common but the noise, so they are not taken
    as pairs.
    """
    # Imported here: it takes a second, and readers of a comparison's parts may do without.
    from scipy.stats import PermutationMethod, mannwhitneyu

    everything = np.concatenate([ours, theirs])
    if np.ptp(everything) == 0:
        return 0.5, 1.0
    groupings = math.comb(len(everything), len(ours))
    if len(np.unique(everything)) == len(everything):
        method = "exact"
    elif groupings <= _MOST_GROUPINGS:
        method = PermutationMethod(n_resamples=groupings)  # goes through all of them
    else:
        method = "asymptotic"
    result = mannwhitneyu(ours, theirs, method=method)
    return float(result.statistic / (len(ours) * len(theirs))), float(result.pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction: the chance of a single false alarm stays below the level."""
    p_values = np.asarray(p_values, np.float64)
    order = np.argsort(p_values)
    raised = p_values[order] * np.arange(len(p_values), 0, -1)
    corrected = np.empty(len(p_values))
    corrected[order] = np.minimum(np.maximum.accumulate(raised), 1.0)
    return corrected.tolist()
