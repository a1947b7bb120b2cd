"""What is counted while the trials come in."""

from collections.abc import Iterable

from search.trials import COMPLETED, Trial


class Tally:
    """Counts over trials.

    Attributes:
      trials: how many there are.
      infeasible: how many of them are.
      reused: how many repeat a network that was measured before.
      best: the feasible trial of the highest reward, the earliest of equals; None where none is.
    """

    def __init__(self, trials: Iterable[Trial] = ()):
        self.trials = self.infeasible = self.reused = 0
        self.best: Trial | None = None
        self._numbers = set()
        for trial in trials:
            self.add(trial)

    def add(self, trial: Trial) -> bool:
        """Counts a trial; False where it was counted before."""
        if trial.trial in self._numbers:
            return False
        self._numbers.add(trial.trial)
        self.trials += 1
        self.reused += trial.reused_from is not None
        if trial.status != COMPLETED:
            self.infeasible += 1
        elif self.best is None or _rank(trial) > _rank(self.best):
            self.best = trial
        return True


def _rank(trial: Trial) -> tuple[float, int]:
    # Workers finish in any order, so the earlier of equals may come later.
    return trial.reward, -trial.trial
