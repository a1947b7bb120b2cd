"""What the report of a sweep draws on."""

import contextlib
import dataclasses
from functools import cached_property
from pathlib import Path

import numpy as np

from search.front import ReferencePoint, hypervolume
from search.reporting.findings import Findings
from search.sweeping.sweep import Turns, search_names, union
from search.tables import distinct_feasible, pareto_front, top
from search.trials import Trial, TrialStore

_COURSE_POINTS = 60


@dataclasses.dataclass(frozen=True)
class Contribution:
    """What one search of a sweep gave.

    Attributes:
      name: of the search.
      trials: that it had.
      best: its network of the highest reward by its own formula; None where none is feasible.
      on_front: networks of the union front that it found first.
      hypervolume: of its own networks.
      lost_without: what the union's hypervolume would lose without the networks that no other
        search proposed.
    """

    name: str
    trials: int
    best: Trial | None
    on_front: int
    hypervolume: float
    lost_without: float


@dataclasses.dataclass(frozen=True)
class SweepFindings:
    """A sweep as it stands.

    Attributes:
      whole: its trials in the order of their turns, its landmarks and settings.
      names: of the searches.
      turns: whose is whose.
    """

    whole: Findings
    names: tuple[str, ...]
    turns: Turns

    @classmethod
    def of(cls, workdir: str | Path, store: TrialStore) -> "SweepFindings":
        """Reads the stores of a sweep, which may grow meanwhile; searches may not have begun."""
        kept = Findings.of(workdir, store)
        settings = kept.settings["settings"]
        names = search_names(settings["sweep"]["kind"], settings["sweep"]["values"])
        turns = Turns(len(names), settings["search"]["batch_size"])
        trials = []
        for name in names:
            path = Path(workdir) / name / "search.sqlite"
            trials.append([])
            if path.is_file():
                with contextlib.closing(TrialStore(path, read_only=True)) as of_search:
                    trials[-1] = of_search.trials()
        return cls(dataclasses.replace(kept, trials=union(trials, turns)), names, turns)

    def found_by(self, trial: Trial) -> str:
        """The name of the search that a trial is of."""
        return self.names[self.turns.search(trial.trial)]

    @property
    def targets_ms(self) -> list[float]:
        """The target of each search; none where the searches differ in their exponents."""
        told = self.whole.settings["settings"]["sweep"]
        return list(told["values"]) if told["kind"] == "targets" else []

    @cached_property
    def networks(self) -> list[Trial]:
        """The first trial of each feasible network."""
        return distinct_feasible(self.whole.trials)

    @cached_property
    def front(self) -> list[Trial]:
        """The union front, fastest first."""
        return pareto_front(self.whole.trials)

    @cached_property
    def reference(self) -> ReferencePoint | None:
        """Where hypervolume is measured from; None where nothing is feasible."""
        given = self.whole.settings.get("reference")
        if given:
            return ReferencePoint(**given)
        if not self.networks:
            return None
        return ReferencePoint(
            min(trial.measured.accuracy for trial in self.networks),
            max(trial.measured.latency_ms for trial in self.networks),
        )

    @property
    def hypervolume(self) -> float:
        """Of the union front."""
        return self._hypervolume(self.networks)

    @cached_property
    def contributions(self) -> list[Contribution]:
        """What each search gave, in the sweep's order."""
        of_search = [[] for _ in self.names]
        proposers: dict[tuple, set[int]] = {}
        for trial in self.whole.trials:
            number = self.turns.search(trial.trial)
            of_search[number].append(trial)
            proposers.setdefault(trial.network, set()).add(number)
        found_first = [self.turns.search(trial.trial) for trial in self.front]
        contributions = []
        for number, (name, trials) in enumerate(zip(self.names, of_search, strict=True)):
            others = [trial for trial in self.networks if proposers[trial.network] != {number}]
            contributions.append(
                Contribution(
                    name=name,
                    trials=len(trials),
                    best=next(iter(top(trials, 1)), None),
                    on_front=found_first.count(number),
                    hypervolume=self._hypervolume(distinct_feasible(trials)),
                    lost_without=self.hypervolume - self._hypervolume(others),
                )
            )
        return contributions

    @cached_property
    def course(self) -> tuple[np.ndarray, np.ndarray]:
        """(trials, hypervolume after so many) at some points of the sweep, the last the end."""
        count = len(self.whole.trials)
        numbers = np.unique(np.linspace(1, count, min(count, _COURSE_POINTS)).astype(int))
        volumes = [self._hypervolume(distinct_feasible(self.whole.trials[:n])) for n in numbers]
        return numbers, np.array(volumes)

    def _hypervolume(self, networks: list[Trial]) -> float:
        if self.reference is None:
            return 0.0
        measured = [trial.measured for trial in networks]
        return hypervolume(
            [m.accuracy for m in measured], [m.latency_ms for m in measured], self.reference
        )
