"""Keeps the tables and the pace of a workdir up to date while the search runs."""

import time

from search.tables import write_tables
from search.trials import Trial
from search.workdir import Workdir

# Writing the tables takes time that grows with the trials: at most a twentieth of the search's.
_SHARE_OF_TIME = 0.05


class Recorder:
    """An observer that rewrites trials.csv, pareto.csv and top.json after updates.

    With very quick evaluators not after every one; `write` brings them up to date at the end. The
    store gets the setting `pace`: {'trials': new since this search was started, 'seconds': since
    the first of them began}.

    Args:
      workdir: of the search.
      context: see `search.tables.write_tables`.
    """

    def __init__(self, workdir: Workdir, context: dict):
        self._workdir, self._context = workdir, context
        self._trials = workdir.store.trials()
        self._not_before = 0.0
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
        if time.monotonic() >= self._not_before:
            self.write()

    def write(self) -> None:
        """Writes the tables now."""
        start = time.monotonic()
        new = len(self._trials) - self._earlier
        if new and self._started is not None:
            pace = {"trials": new, "seconds": start - self._started}
            self._workdir.store.save_settings({"pace": pace})
        self._trials.sort(key=lambda trial: trial.trial)  # workers finish in any order
        write_tables(self._workdir.path, self._trials, self._context)
        now = time.monotonic()
        self._not_before = now + (now - start) / _SHARE_OF_TIME
