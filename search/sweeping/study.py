"""The paper's studies as data: variants of a search, run with the same budget and seeds."""

import dataclasses
import time

import numpy as np

from search.front import ReferencePoint, hypervolume
from search.loop import SearchConfig, run_search
from search.parts import Parts
from search.reward import RewardConfig, named_reward
from search.search_space import SearchSpace
from search.spaces.cell_space import accel_nasbench_cell_space
from search.sweeping.sweep import EXPONENTS, Sweep, SweepConfig
from search.tables import top
from search.trials import COMPLETED, Trial

# Of the target; the paper's figure 5 goes from 23 to 111 ms around 75.
TARGET_RATIOS = (0.4, 0.7, 1.0, 1.4, 2.0)
FIXED_EXPONENTS = (-0.03, -0.07, -0.15, -0.3)
FIVE_EXPONENTS = (-0.023, -0.051, -0.115, -0.26, -0.58)


# The sweep whose front others are measured against.
LONG_SWEEP = ("exponents", EXPONENTS)


@dataclasses.dataclass(frozen=True)
class Variant:
    """One of the things that a study sets side by side.

    Attributes:
      name: what the study calls it.
      reward: of the search; of a sweep the base.
      sweep: kind and values where it is a sweep, else None.
      cells: whether it searches the cell-like space.
    """

    name: str
    reward: RewardConfig
    sweep: tuple[str, tuple[float, ...]] | None = None
    cells: bool = False


@dataclasses.dataclass(frozen=True)
class Run:
    """A variant, run with one seed.

    Attributes:
      variant: what was run.
      seed: of it.
      trials: all, in order.
      landed: of each of its searches the best by its own reward, where one is feasible.
      cpu_seconds: of this process, evaluators included.
    """

    variant: Variant
    seed: int
    trials: list[Trial]
    landed: list[Trial]
    cpu_seconds: float

    @property
    def points(self) -> tuple[np.ndarray, np.ndarray]:
        """(accuracy, latency in ms) [N] of the feasible trials, repeats included."""
        measured = [trial.measured for trial in self.trials if trial.status == COMPLETED]
        return np.array([m.accuracy for m in measured]), np.array([m.latency_ms for m in measured])

    def hypervolume(self, reference: ReferencePoint) -> float:
        """Of all its networks together."""
        return hypervolume(*self.points, reference)


def rewards(target_latency_ms: float) -> list[Variant]:
    """Soft against hard, with the two slopes beside them (MnasNet, figure 6)."""
    names = {"soft": "soft", "hard": "hard", "two_slope": "two slopes"}
    variants = []
    for name, words in names.items():
        config = named_reward(name, target_latency_ms)
        text = f"{words} ({config.alpha:g}, {config.beta:g})"
        variants.append(Variant(text, config))
    return variants


def targets(target_latency_ms: float) -> list[Variant]:
    """One budget over five targets, for each kind of reward (MnasNet, figure 5)."""
    values = tuple(round(ratio * target_latency_ms, 6) for ratio in TARGET_RATIOS)
    return [
        dataclasses.replace(variant, sweep=("targets", values))
        for variant in rewards(target_latency_ms)
    ]


def spaces(target_latency_ms: float) -> list[Variant]:
    """One choice for all blocks against one for each (MnasNet, table 5)."""
    soft = named_reward("soft", target_latency_ms)
    return [
        Variant("factorized: one choice per block", soft, ("exponents", EXPONENTS)),
        Variant("cell-like: one choice for all", soft, ("exponents", EXPONENTS), cells=True),
    ]


def exponents(target_latency_ms: float) -> list[Variant]:
    """Fixed exponents with the whole budget each, against that budget over several."""
    soft = named_reward("soft", target_latency_ms)
    fixed = [
        Variant(f"fixed {value:g}", dataclasses.replace(soft, alpha=value, beta=value))
        for value in FIXED_EXPONENTS
    ]
    return [
        *fixed,
        Variant("sweep of 5 exponents", soft, ("exponents", FIVE_EXPONENTS)),
        Variant(f"sweep of {len(EXPONENTS)} exponents", soft, ("exponents", EXPONENTS)),
    ]


STUDIES = {"rewards": rewards, "targets": targets, "spaces": spaces, "exponents": exponents}


def run(variant: Variant, parts: Parts, config: SearchConfig) -> Run:
    """Runs a variant in memory.

    Args:
      variant: what to run.
      parts: space and evaluators.
      config: budget, batches, seed and algorithm; its reward is replaced.
    """
    start = time.process_time()
    config = dataclasses.replace(config, reward=variant.reward)
    space = accel_nasbench_cell_space() if variant.cells else parts.space
    if variant.sweep:
        trials, landed = _sweep(space, parts, SweepConfig(*variant.sweep, config))
    else:
        trials = run_search(space, parts.accuracy, parts.clock, config).trials
        landed = top(trials, 1)
    return Run(variant, config.seed, trials, landed, time.process_time() - start)


def long_front(parts: Parts, config: SearchConfig, factor: int) -> Run:
    """The front that others are measured against: a sweep of so many times the budget.

    By evolution, which costs little; its seed is none of the runs'.
    """
    longer = longer_config(config, factor)
    variant = Variant(
        f"front of {longer.max_trials:,} networks",
        named_reward("soft", config.reward.target_latency_ms),
        LONG_SWEEP,
    )
    return run(variant, parts, longer)


def longer_config(config: SearchConfig, factor: int) -> SearchConfig:
    """The search of `long_front`."""
    return dataclasses.replace(
        config,
        algorithm="evolution",
        max_trials=factor * config.max_trials,
        seed=(config.seed + 2**30) % 2**31,
    )


def _sweep(
    space: SearchSpace, parts: Parts, config: SweepConfig
) -> tuple[list[Trial], list[Trial]]:
    with Sweep(space, parts.accuracy, parts.clock, config) as sweep:
        while not sweep.done:
            sweep.advance()
        landed = [trial for s in sweep.searches for trial in top(s.store.trials(), 1)]
        return sweep.trials(), landed
