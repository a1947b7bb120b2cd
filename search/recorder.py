"""Keeps the tables and the pace of a workdir up to date while the search runs."""

import time
from collections.abc import Callable

from search.executors.measuring import Workload, alone
from search.sparingly import Sparingly
from search.tables import write_tables
from search.trials import Trial
from search.workdir import Workdir


class Recorder:
    """An observer that rewrites trials.csv, pareto.csv and top.json after updates.

    With very quick evaluators not after every one; `write` brings them up to date at the end. The
    store gets the settings of `as_settings`.

    Args:
      workdir: of the search.
      context: see `search.tables.write_tables`.
      workload: what the workers do, as of now.
    """

    def __init__(self, workdir: Workdir, context: dict, workload: Callable[[], Workload] = alone):
        self._workdir, self._context, self._workload = workdir, context, workload
        self._trials = workdir.store.trials()
        self._tables = Sparingly(self._write)
        self._earlier, self._started = len(self._trials), None

    def on_start(self, number: int, network: tuple[str, ...]) -> None:
        """See Observer."""
        if self._started is None:
            self._started = time.monotonic()

    def on_trial(self, trial: Trial) -> None:
        """See Observer."""
        self._trials.append(trial)

    def on_update(self, update: int, metrics: dict) -> None:
        """See Observer."""
        self._tables.when_due()

    def write(self) -> None:
        """Writes the tables now."""
        self._tables.now()

    def _write(self) -> None:
        new = len(self._trials) - self._earlier
        if new and self._started is not None:
            seconds = time.monotonic() - self._started
            self._workdir.store.save_settings(as_settings(new, seconds, self._workload()))
        self._trials.sort(key=lambda trial: trial.trial)  # workers finish in any order
        write_tables(self._workdir.path, self._trials, self._context)


def as_settings(trials: int, seconds: float, workload: Workload) -> dict:
    """How a search gets on, for a report while it runs.

    Args:
      trials: that are new since it was started last.
      seconds: since the first of them began.
      workload: of the workers.

    Returns:
      The settings `pace` {'trials', 'seconds'} and `workload`, see `Workload.metrics`.
    """
    return {"pace": {"trials": trials, "seconds": seconds}, "workload": workload.metrics()}
