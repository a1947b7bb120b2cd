"""What a report draws on: everything a store holds, and what follows from it."""

import dataclasses
import math
import re
from collections import Counter
from functools import cached_property
from pathlib import Path

from search.reward import RewardConfig
from search.tables import pareto_front, top
from search.trials import COMPLETED, Measured, Trial, TrialStore

# Without a controller's word, its last trials tell what it has converged to.
_LAST_TRIALS = 100


@dataclasses.dataclass(frozen=True)
class Findings:
    """A search as it stands.

    Attributes:
      workdir: the folder that it is kept in.
      trials: in order.
      landmarks: reference networks by name, measured like the trials.
      updates: (number, metrics) of the algorithm's updates, in order.
      settings: what the search kept of itself; any of it may be missing.
      events: what happened to its phones, in order; see `TrialStore.events`.
    """

    workdir: Path
    trials: list[Trial]
    landmarks: dict[str, Measured]
    updates: list[tuple[int, dict]]
    settings: dict
    events: list[dict] = dataclasses.field(default_factory=list)

    @classmethod
    def of(cls, workdir: str | Path, store: TrialStore) -> "Findings":
        """Reads a store, which may grow meanwhile."""
        return cls(
            workdir=Path(workdir),
            trials=store.trials(),
            landmarks=store.landmarks(),
            updates=store.updates(),
            settings=store.settings(),
            events=store.events(),
        )

    @cached_property
    def top(self) -> list[Trial]:
        """The best networks, best first."""
        return top(self.trials)

    @property
    def best(self) -> Trial | None:
        """The best network; None where none is feasible."""
        return self.top[0] if self.top else None

    @cached_property
    def front(self) -> list[Trial]:
        """The Pareto front, fastest first."""
        return pareto_front(self.trials)

    @property
    def max_trials(self) -> int:
        """How many trials there are to be; those that there are where that is not told."""
        return max(self.settings.get("max_trials") or 0, len(self.trials))

    @property
    def reward_config(self) -> RewardConfig | None:
        """How rewards were made; None where that is not told."""
        config = self.settings.get("reward") or self._search_settings.get("reward")
        return RewardConfig(**config) if config else None

    @property
    def batch_size(self) -> int | None:
        """Trials per update; None where that is not told."""
        return self.settings.get("batch_size") or self._search_settings.get("batch_size")

    @property
    def random_trials(self) -> list[Trial]:
        """The trials from before the algorithm learnt; all, where it does not learn."""
        if not self.updates or self._search_settings.get("algorithm") == "random":
            return self.trials
        return self.trials[: self.batch_size or 0]

    @property
    def decisions(self) -> list[tuple[str, list]]:
        """(name, choices) of each decision of the space; none where that is not told."""
        space = (self.settings.get("settings") or {}).get("space", {})
        told = self.settings.get("decisions") or space.get("decisions") or []
        return [(name, list(choices)) for name, choices in told]

    @property
    def max_entropy(self) -> float | None:
        """Entropy in nats of the uniform distribution over the space: log of its size."""
        return sum(math.log(len(choices)) for _, choices in self.decisions) or None

    @property
    def choice_shares(self) -> tuple[list[list[float]], str]:
        """How likely each choice of each decision is in the end, and where that is known from."""
        told = self.settings.get("probabilities")
        if told and len(told) == len(self.decisions):
            return told, "the controller's probabilities after its last update"
        last = self.trials[-_LAST_TRIALS:]
        shares = []
        for position, (_, choices) in enumerate(self.decisions):
            counts = Counter(trial.tokens[position] for trial in last)
            shares.append([counts[token] / max(len(last), 1) for token in range(len(choices))])
        return shares, f"shares among the last {len(last)} trials"

    @property
    def notes(self) -> list[str]:
        """What must be said wherever latencies are shown."""
        notes = list(self.settings.get("notes") or [])
        told = self._records("latency").get("note")
        return notes if not told or any(told in note for note in notes) else [*notes, told]

    @property
    def accuracy_name(self) -> str:
        """What the accuracies are, in three words: measured by the proxy task, predicted, or ours
        not to say, as for a function of the user's.
        """
        kind = (self.settings.get("settings") or {}).get("accuracy", {}).get("kind")
        return {"proxy": "top-1, proxy task", "surrogate": "top-1, predicted"}.get(kind, "top-1")

    @property
    def latency_settings(self) -> dict:
        """What latencies depend on, as their evaluator tells it; else what all records share."""
        told = (self.settings.get("settings") or {}).get("latency")
        return told or self._records("latency")

    def how_measured(self, kind: str) -> str:
        """How the numbers came about: what the records of all trials have in common.

        Args:
          kind: 'accuracy' or 'latency'.
        """
        common = self._records(kind) or (self.settings.get("settings") or {}).get(kind, {})
        told = [
            f"{name.replace('_', ' ')} {value:g}"
            if isinstance(value, float)
            else f"{name.replace('_', ' ')} {value}"
            for name, value in common.items()
            if isinstance(value, str | int | float) and name not in ("note", "worker")
        ]
        return ", ".join(told)

    @property
    def latency_spread(self) -> float | None:
        """Median over networks of how far the repeats of a timing disagree, as a share."""
        records = [trial.measured.records.get("latency", {}) for trial in self._measured_trials]
        spreads = sorted(record["spread"] for record in records if "spread" in record)
        return spreads[len(spreads) // 2] if spreads else None

    @property
    def reasons(self) -> list[tuple[str, int]]:
        """(an example, how many) of the reasons of infeasible trials, the most frequent first.

        Reasons that differ only in their numbers count as one.
        """
        examples, counts = {}, Counter()
        for trial in self.trials:
            if trial.status != COMPLETED:
                kind = re.sub(r"\d[\d.,e+-]*", "#", trial.measured.reason)
                examples.setdefault(kind, trial.measured.reason)
                counts[kind] += 1
        return [(examples[kind], count) for kind, count in counts.most_common()]

    def seconds(self, field: str) -> float:
        """Wall time that all trials and landmarks took; `field` is of Measured."""
        measured = [trial.measured for trial in self._measured_trials]
        return sum(getattr(m, field) or 0.0 for m in (*measured, *self.landmarks.values()))

    @property
    def _measured_trials(self) -> list[Trial]:
        return [trial for trial in self.trials if trial.reused_from is None]

    @property
    def _search_settings(self) -> dict:
        return (self.settings.get("settings") or {}).get("search", {})

    def _records(self, kind: str) -> dict:
        """What is alike in the records of all measured trials."""
        records = [trial.measured.records.get(kind) for trial in self._measured_trials]
        records = [record for record in records if record]
        if not records:
            return {}
        return {
            name: value
            for name, value in records[0].items()
            if all(record.get(name) == value for record in records)
        }
