"""A sweep as search.main runs it: what it shows, records and leaves in its folder."""

import dataclasses
import time
from pathlib import Path

from search.evaluators import Evaluator
from search.executors.executor import Workers
from search.executors.measuring import MakeMeasuring
from search.front import ReferencePoint
from search.landmarks import measuring_landmarks
from search.loop import SearchConfig
from search.parts import Parts
from search.quantities import counted, duration, milliseconds, percent
from search.recorder import as_settings
from search.report import write_sweep_report
from search.sparingly import Sparingly
from search.sweeping.sweep import Sweep, SweepConfig
from search.tables import pareto_front, write_atomically, write_tables
from search.tensorboard import Scalars
from search.trials import COMPLETED, Trial
from search.workdir import Workdir


def open_sweep(
    parts: Parts, config: SweepConfig, path: str | Path, measuring: MakeMeasuring
) -> Sweep:
    """The sweep that is to be in this folder, begun or gone on with; raises as `Sweep`."""
    return Sweep(
        parts.space,
        parts.accuracy,
        parts.clock,
        config,
        path=path,
        count=parts.count,
        observers=_observers,
        measuring=measuring,
    )


def run_sweep(
    parts: Parts,
    sweep: Sweep,
    reference: ReferencePoint | None,
    flags_given: str,
    workers: Workers,
) -> None:
    """Runs a sweep to its end; the tables and reports are written also when it is stopped."""
    about = parts.about(flags_given) | {
        "max_trials": sweep.config.search.max_trials,
        "reference": dataclasses.asdict(reference) if reference else None,
    }
    path, store, nothing_left = sweep.workdir.path, sweep.workdir.store, sweep.done
    store.save_settings(about)
    write_atomically(path / "flags.txt", about["flags"])
    for config, search in zip(sweep.config.searches, sweep.searches, strict=True):
        of_search = {"max_trials": config.max_trials, "reward": dataclasses.asdict(config.reward)}
        search.store.save_settings(about | of_search)
    parts.journal.attach(store, lambda line: print(line, flush=True))
    progress = _Progress(sweep, about, workers)
    with measuring_landmarks(parts, store, workers, lambda line: print(line, flush=True)):
        progress.begin()
        try:
            while not sweep.done:
                sweep.advance()
                progress.on_turn()
        finally:
            progress.write()
    _share_landmarks(parts, sweep)
    report = write_sweep_report(path, store)
    front = pareto_front(sweep.trials())
    if front:
        print(f"\nFront of {counted(len(front), 'network')}: {_span(front)}")
    else:
        print("\nNone of the networks was feasible.")
    print(f"  report     {report}")
    if nothing_left:
        print(
            f"Nothing was left to do: all {len(sweep.trials())} trials were there. "
            "--max_trials raises it."
        )


def _observers(name: str, workdir: Workdir, config: SearchConfig) -> tuple:
    del name, config
    return (Scalars(workdir.path / "tensorboard"),)


def _share_landmarks(parts: Parts, sweep: Sweep) -> None:
    """Keeps those of the sweep for each search, too, rewarded by its formula."""
    landmarks = sweep.workdir.store.landmarks()
    for config, search in zip(sweep.config.searches, sweep.searches, strict=True):
        rewarding = Evaluator(parts.accuracy, parts.clock, config.reward)
        for name, measured in landmarks.items():
            search.store.add_landmark(name, rewarding.rewarded(measured))


class _Progress:
    """A line per round of turns, and the tables of the whole sweep brought up to date."""

    def __init__(self, sweep: Sweep, context: dict, workers: Workers):
        self._sweep, self._context, self._workers = sweep, context, workers
        self._max_trials = sweep.config.search.max_trials
        self._earlier, self._turns, self._written = len(sweep.trials()), 0, -1
        self._started, self._tables = 0.0, Sparingly(self._write)

    def begin(self) -> None:
        """The first search is about to have its turn."""
        self._started = time.monotonic()
        going_on = f", going on after {self._earlier}" if self._earlier else ""
        print(
            f"sweep    {self._max_trials} trials by {len(self._sweep.searches)} searches{going_on}",
            flush=True,
        )

    def on_turn(self) -> None:
        """A search had its turn; with very quick evaluators not every round is told."""
        self._turns += 1
        whole_round = self._turns % len(self._sweep.searches) == 0
        if whole_round:
            self._tables.when_due()

    def write(self) -> None:
        """Brings tables and display up to date."""
        self._tables.now()

    def _write(self) -> None:
        trials = self._sweep.trials()
        if len(trials) == self._written:
            return
        self._written, new = len(trials), len(trials) - self._earlier
        if new:
            seconds = time.monotonic() - self._started
            pace = as_settings(new, seconds, self._workers.workload())
            self._sweep.workdir.store.save_settings(pace)
        front = pareto_front(trials)
        write_tables(
            self._sweep.workdir.path,
            trials,
            self._context,
            best=front,
            found_by=self._sweep.found_by,
        )
        self._line(trials, front)

    def _line(self, trials: list[Trial], front: list[Trial]) -> None:
        parts = [f"trials {len(trials):{len(str(self._max_trials))}d}/{self._max_trials}"]
        if front:
            parts.append(f"front {counted(len(front), 'network')}, {_span(front)}")
        infeasible = sum(trial.status != COMPLETED for trial in trials)
        reused = sum(trial.reused_from is not None for trial in trials)
        parts.append(f"infeasible {infeasible}  reused {reused}")
        per_second = (len(trials) - self._earlier) / max(time.monotonic() - self._started, 1e-9)
        if per_second:
            parts.append(f"trials/h {3600 * per_second:.0f}")
            if len(trials) < self._max_trials:
                parts.append(f"left {duration((self._max_trials - len(trials)) / per_second)}")
        parts.append(str(self._workers.workload()))
        print("  ".join(filter(None, parts)), flush=True)


def _span(front: list[Trial]) -> str:
    """The ends of a front: '61.20 % at 20.1 ms to 70.35 % at 131 ms'."""
    ends = dict.fromkeys(
        f"{percent(end.measured.accuracy)} at {milliseconds(end.measured.latency_ms)}"
        for end in (front[0], front[-1])
    )
    return " to ".join(ends)
