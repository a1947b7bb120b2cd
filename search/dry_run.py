"""What the flags of a search would do and how long it would take: search.main --dry_run."""

import contextlib
import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from search.evaluators import Evaluator, Infeasible
from search.executors.config import ExecutorConfig, usable_cores
from search.head import print_head, print_workers
from search.loop import Search, search_settings
from search.parts import Parts
from search.quantities import counted, duration
from search.sweeping.sweep import SweepConfig
from search.timing import phone_timer
from search.timing.phone_list import print_phones
from search.trials import COMPLETED, Trial, TrialStore
from search.workdir import check_settings
from tflite_bench.command_line import SurroundingsError

# To find out what one network costs. A short training is run to its end.
_MAX_SECONDS = 20.0
_TIMED_UPDATES = 3


@dataclasses.dataclass(frozen=True)
class Cost:
    """What one new network costs.

    Attributes:
      train_seconds: wall time of its accuracy.
      latency_seconds: wall time of its latency, conversion included.
      source: where that is known from.
    """

    train_seconds: float
    latency_seconds: float
    source: str

    def seconds(self, workers: int, timers: int | None) -> float:
        """Wall time per network where many are measured.

        Args:
          workers: that train side by side.
          timers: that time meanwhile; None where one process does both, one after the other.
        """
        if timers is None:
            return self.train_seconds + self.latency_seconds
        return max(self.train_seconds / workers, self.latency_seconds / timers)


def dry_run(
    parts: Parts,
    executor: ExecutorConfig,
    num_workers: int,
    workdir: str | None = None,
    sweep: SweepConfig | None = None,
) -> None:
    """Prints what a search would do; measures a network if need be, and writes nothing.

    Args:
      parts: of the search.
      executor: who would measure.
      num_workers: that were found.
      workdir: folder of the search, which need not be there.
      sweep: None for a search alone.

    Raises:
      ValueError: where the workdir holds a search of other settings, or data cannot be read.
    """
    config, timed = parts.config, True
    try:
        at_once = getattr(parts.clock, "at_once", None)
    except (ValueError, SurroundingsError) as error:
        if parts.latency.kind != phone_timer.KIND:
            raise
        timed, at_once = False, None
        print_head(parts, sweep, f"phone: {error}")
    else:
        print_head(parts, sweep)
    updates = counted(config.max_trials // config.batch_size, "update")
    print(
        f"Budget    {counted(config.max_trials, 'trial')}, of which {config.algorithm} learns in "
        f"{updates} of {config.batch_size} (--update={config.update})"
    )
    print_workers(executor, num_workers, parts)
    if parts.latency.kind == phone_timer.KIND:
        print_phones(parts.latency.device)
    trials, landmarks = _earlier(parts, workdir, check=timed and not sweep)
    if workdir:
        print(f"Workdir   {workdir}, {_standing(workdir, trials, config.max_trials)}")
    trials_left = max(config.max_trials - len(trials), 0)
    landmarks_left = len({landmark.name for landmark in parts.landmarks.values()} - landmarks)
    if not trials_left + landmarks_left:
        print("Time      none, all is done")
        return
    cost = _cost_of(trials) or _measure(parts, timed)
    timers = None if executor.kind == "inline" else at_once or 1
    side_by_side = _side_by_side(executor, num_workers)
    if config.update == "batch":  # each waits for the last of the one before
        side_by_side = min(side_by_side, config.batch_size)
    seconds = (trials_left + landmarks_left) * cost.seconds(side_by_side, timers)
    hands_over = parts.trains and not sweep  # best.tflite
    seconds += cost.train_seconds if hands_over else 0.0
    hours = f"{seconds / 3600:,.0f} hours" if seconds >= 36000 else duration(seconds)
    print(f"Time      about {hours}, {cost.source}")
    each = _brief(cost.train_seconds)
    if parts.trains:
        each += f" of training, {_brief(cost.latency_seconds)} of timing"
    told = f"{counted(trials_left, 'trial')} of {each}"
    if landmarks_left:
        told += f", {counted(landmarks_left, 'landmark')} of the same"
    if hands_over:
        told += ", and the best one trained once more"
    if side_by_side > 1:
        told += f", {side_by_side:g} networks side by side"
    print(f"          {told}; a network that comes up again costs nothing")
    if not timed:
        print("          the timing comes on top")
        print("The search would not start: there is no phone to time on.")


def _brief(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds >= 0.001 else "0 s"


def _side_by_side(config: ExecutorConfig, num_workers: int) -> float:
    """How many workers get on as fast as one alone."""
    cores = usable_cores()
    if config.kind != "processes" or config.gpus:
        return num_workers
    return min(num_workers, max(cores / (config.threads or cores), 1))


def _earlier(parts: Parts, workdir: str | None, check: bool) -> tuple[list[Trial], set[str]]:
    """(trials, names of landmarks) that the workdir has."""
    path = Path(workdir or "")
    if not workdir or not (path / "search.sqlite").is_file():
        return [], set()
    with contextlib.closing(TrialStore(path / "search.sqlite", read_only=True)) as store:
        if check and "settings" in store.settings():
            settings = search_settings(parts.space, parts.accuracy, parts.clock, parts.config)
            check_settings(store, settings)
        trials, landmarks = store.trials(), set(store.landmarks())
    for of_sweep in sorted(path.glob("*/search.sqlite")):
        with contextlib.closing(TrialStore(of_sweep, read_only=True)) as store:
            trials += store.trials()
    return trials, landmarks


def _standing(workdir: str, trials: Sequence[Trial], max_trials: int) -> str:
    if not trials:
        return "nothing there yet" if Path(workdir).exists() else "which will be made"
    if len(trials) >= max_trials:
        return f"with all {counted(len(trials), 'trial')}"
    return f"with {counted(len(trials), 'trial')}: the search goes on"


def _cost_of(trials: Sequence[Trial]) -> Cost | None:
    """The mean over measured trials; None where there are none."""
    measured = [
        trial.measured
        for trial in trials
        if trial.reused_from is None and trial.status == COMPLETED
    ]
    if not measured:
        return None
    return Cost(
        float(np.mean([one.train_seconds or 0.0 for one in measured])),
        float(np.mean([one.latency_seconds or 0.0 for one in measured])),
        f"mean of the {counted(len(measured), 'network')} measured so far",
    )


def _measure(parts: Parts, timed: bool) -> Cost:
    """What a random network of the space costs now."""
    if timed and Evaluator(parts.accuracy, parts.clock, parts.config.reward).in_batches:
        return _search_a_little(parts)
    [tokens] = parts.space.sample_uniform(np.random.default_rng(parts.config.seed), 1)
    network = parts.space.decode(tokens)
    start, steps = time.monotonic(), ""
    if parts.trains:
        cost = parts.accuracy.cost(network, _MAX_SECONDS)
        train_seconds, steps = cost.seconds, f"{counted(cost.steps, 'step')} of "
        if cost.steps < cost.num_steps:
            steps = f"{cost.steps:,} of {counted(cost.num_steps, 'step')} of "
    else:
        parts.accuracy.evaluate(network)
        train_seconds = time.monotonic() - start
    # After the training, since the first to use TensorFlow waits for it.
    start, latency_seconds = time.monotonic(), 0.0
    if timed:
        with contextlib.suppress(Infeasible):  # which takes its time, too
            parts.clock.measure(network)
        latency_seconds = time.monotonic() - start
    return Cost(
        train_seconds, latency_seconds, f"estimate from {steps}one random network, on this host"
    )


def _search_a_little(parts: Parts) -> Cost:
    """Where nothing is trained and nothing timed, the algorithm takes the time."""
    config = dataclasses.replace(
        parts.config, max_trials=(1 + _TIMED_UPDATES) * parts.config.batch_size
    )
    search = Search(parts.space, parts.accuracy, parts.clock, config, count=parts.count)
    search.advance()  # slower than those after it
    start = time.monotonic()
    while not search.done:
        search.advance()
    per_trial = (time.monotonic() - start) / (_TIMED_UPDATES * config.batch_size)
    return Cost(per_trial, 0.0, f"estimate from {_TIMED_UPDATES} updates in memory")
