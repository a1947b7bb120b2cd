"""A sweep: one budget, several rewards, and so the whole front rather than a point of it.

One reward has one best network. Several searches, each with an exponent or a target of its own,
take turns batch by batch. What one has measured costs the others nothing, and their algorithms hear
of it, with the rewards that their own formulas give: a network that is too slow for one may be what
another looks for.
"""

import contextlib
import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

from search.evaluators import AccuracyEvaluator, LatencyEvaluator, Network, as_accuracy, as_latency
from search.executors.measuring import InlineMeasuring, MakeMeasuring
from search.loop import Observer, Search, SearchConfig, search_settings
from search.reward import RewardConfig
from search.search_space import SearchSpace
from search.trials import Measured, Trial
from search.workdir import Workdir, check_settings

KINDS = ("exponents", "targets")

# So that no two searches propose the same random networks.
_SEED_STEP = 1_000_003

# A reward accuracy * latency^w ends where one percent of latency buys |w| percent of accuracy. Each
# is half as much again as the last, from there where that hardly buys anything to there where
# accuracy all but collapses; the paper's -0.07 lies in the middle.
EXPONENTS = (-0.015, -0.023, -0.034, -0.051, -0.077, -0.115, -0.17, -0.26, -0.39, -0.58)
# Of the target that is given.
TARGET_RATIOS = (0.4, 0.5, 0.63, 0.8, 1.0, 1.25, 1.6, 2.0)


@dataclasses.dataclass(frozen=True)
class SweepConfig:
    """A sweep.

    Attributes:
      kind: 'exponents' (alpha and beta alike) or 'targets' (in ms).
      values: of the searches, in their order.
      search: settings of all of them; `max_trials` is of the whole sweep, and what differs of
        `reward` is replaced.

    Raises:
      ValueError: for a value out of range, values that are alike or fewer than two, a budget that
        is less than a batch for each, or a reward that the values do not change.
    """

    kind: str
    values: tuple[float, ...]
    search: SearchConfig

    def __post_init__(self):
        object.__setattr__(self, "values", tuple(map(float, self.values)))
        told = ", ".join(f"{value:g}" for value in self.values)
        if self.kind not in KINDS:
            raise ValueError(f"unknown sweep {self.kind!r}, known are {', '.join(KINDS)}")
        if len(set(self.values)) != len(self.values) or len(self.values) < 2:
            raise ValueError(f"a sweep needs two or more different {self.kind}, got {told}")
        for value in self.values:
            if self.kind == "exponents" and not -float("inf") < value < 0:
                raise ValueError(f"exponent {value:g} of the sweep must be below 0")
            if self.kind == "targets" and not 0 < value < float("inf"):
                raise ValueError(f"target {value:g} ms of the sweep must be over 0")
        reward = self.search.reward
        if self.kind == "exponents" and reward.form != "mnasnet":
            raise ValueError(
                f"a sweep of exponents needs an exponent, the {reward.form} reward has none"
            )
        if self.search.update != "batch":
            raise ValueError(
                f"update is {self.search.update!r}, must be 'batch' in a sweep, whose searches "
                "take turns batch by batch"
            )
        if self.search.max_trials < len(self.values) * self.search.batch_size:
            raise ValueError(
                f"max_trials is {self.search.max_trials}, a sweep of {len(self.values)} searches "
                f"with batches of {self.search.batch_size} needs "
                f"{len(self.values) * self.search.batch_size} or more"
            )

    @property
    def names(self) -> tuple[str, ...]:
        """What each search is called, which is also its subfolder."""
        return search_names(self.kind, self.values)

    @property
    def searches(self) -> tuple[SearchConfig, ...]:
        """The settings of each search."""
        turns = Turns(len(self.values), self.search.batch_size)
        return tuple(
            dataclasses.replace(
                self.search,
                reward=self._reward(value),
                seed=(self.search.seed + number * _SEED_STEP) % 2**31,
                max_trials=turns.share(number, self.search.max_trials),
            )
            for number, value in enumerate(self.values)
        )

    def _reward(self, value: float) -> RewardConfig:
        if self.kind == "exponents":
            return dataclasses.replace(self.search.reward, alpha=value, beta=value)
        return dataclasses.replace(self.search.reward, target_latency_ms=value)


@dataclasses.dataclass(frozen=True)
class Turns:
    """Whose trial each trial of a sweep is: batch b, from 0, is that of search b mod `searches`.

    Attributes:
      searches: how many there are.
      batch_size: trials of a turn.
    """

    searches: int
    batch_size: int

    def share(self, search: int, max_trials: int) -> int:
        """How many of so many trials a search has; the last batch may be cut short."""
        batches, rest = divmod(max_trials, self.batch_size)
        whole, next_one = divmod(batches, self.searches)
        own = (whole + (search < next_one)) * self.batch_size
        return own + (rest if search == next_one else 0)

    def number(self, search: int, trial: int) -> int:
        """The number in the sweep of a search's trial."""
        batch, place = divmod(trial, self.batch_size)
        return (batch * self.searches + search) * self.batch_size + place

    def search(self, number: int) -> int:
        """Whose trial has that number in the sweep."""
        return number // self.batch_size % self.searches


class Sweep:
    """Searches that take turns.

    The order of the turns is fixed, and what a search is told before its turn is read from the
    trials of the others: the batches that were theirs since its last turn. So a sweep that was
    stopped anywhere goes on as if it had been left alone.

    Args:
      space: of all searches.
      accuracy: see `search.loop.run_search`; so are latency and count.
      latency: see there.
      config: what to do.
      path: the folder that it is kept in, each search in a subfolder; a sweep that is there goes
        on. None keeps it in memory only.
      count: see there.
      observers: from a search's name, workdir (None in memory) and settings to its observers.
      measuring: see there.

    Raises:
      SettingsMismatch: where the folder holds another sweep or search.
      ValueError: where it is in use.
    """

    def __init__(
        self,
        space: SearchSpace,
        accuracy: AccuracyEvaluator | Callable[[Network], float],
        latency: LatencyEvaluator | Callable[[Network], float],
        config: SweepConfig,
        *,
        path: str | Path | None = None,
        count: Callable[[Network], object] | None = None,
        observers: Callable[[str, Workdir | None, SearchConfig], Sequence[Observer]] | None = None,
        measuring: MakeMeasuring = InlineMeasuring,
    ):
        self.config = config
        self.turns = Turns(len(config.values), config.search.batch_size)
        settings = sweep_settings(config)
        self._open = contextlib.ExitStack()
        with contextlib.ExitStack() as undone:
            undone.push(self._open)
            self.workdir = self._open.enter_context(Workdir(path)) if path is not None else None
            if self.workdir:
                evaluators = as_accuracy(accuracy), as_latency(latency)
                whole = search_settings(space, *evaluators, config.search) | settings
                check_settings(self.workdir.store, whole)
            self.searches = []
            for name, search_config in zip(config.names, config.searches, strict=True):
                workdir = None
                if self.workdir:
                    workdir = self._open.enter_context(Workdir(self.workdir.path / name))
                self.searches.append(
                    Search(
                        space,
                        accuracy,
                        latency,
                        search_config,
                        workdir=workdir,
                        count=count,
                        observers=observers(name, workdir, search_config) if observers else (),
                        known=self._known,
                        more_settings=settings,
                        measuring=measuring,
                    )
                )
            undone.pop_all()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._open.close()

    @property
    def done(self) -> bool:
        """Whether all searches are."""
        return all(search.done for search in self.searches)

    def advance(self) -> None:
        """A turn: the search that is furthest behind hears of the others, then has a batch."""
        # One that learns again what is recorded, since its checkpoint is gone, catches up first.
        batch = min(
            search.updates * self.turns.searches + number
            for number, search in enumerate(self.searches)
            if not search.done
        )
        search = self.searches[batch % self.turns.searches]
        search.observe(self._told_before(batch))
        search.advance()

    def trials(self) -> list[Trial]:
        """All trials so far, numbered as in the sweep; see `union`."""
        return union([search.store.trials() for search in self.searches], self.turns)

    def found_by(self, trial: Trial) -> str:
        """The name of the search that a trial of `trials()` is of."""
        return self.config.names[self.turns.search(trial.trial)]

    def _told_before(self, batch: int) -> list[Trial]:
        """What the others have measured since the last turn of the search whose turn it is."""
        told, size = [], self.turns.batch_size
        for earlier in range(max(batch - self.turns.searches + 1, 0), batch):
            update, number = divmod(earlier, self.turns.searches)
            told += self.searches[number].store.trials(update * size)[:size]
        return told

    def _known(self, network: Network) -> Measured | None:
        for search in self.searches:
            trial = search.store.find(network)
            if trial is not None:
                return trial.measured
        return None


def search_names(kind: str, values: Sequence[float]) -> tuple[str, ...]:
    """What the searches of a sweep are called: 'exponent-0.07', 'target-60ms'."""
    form = "exponent{:g}" if kind == "exponents" else "target-{:g}ms"
    return tuple(form.format(value) for value in values)


def sweep_settings(config: SweepConfig) -> dict:
    """What the trials of a sweep depend on besides what those of a search do."""
    return {"sweep": {"kind": config.kind, "values": list(config.values)}}


def union(trials: Sequence[Sequence[Trial]], turns: Turns) -> list[Trial]:
    """The trials of all searches in the order of their turns, numbered so.

    Args:
      trials: of each search, in order.
      turns: says whose is whose: `turns.search(trial.trial)` found it.

    Returns:
      Trials whose `reused_from` is that of the first in the sweep to measure the network; rewards
      are those of their own searches.
    """
    together = sorted(
        (
            dataclasses.replace(trial, trial=turns.number(number, trial.trial))
            for number, of_search in enumerate(trials)
            for trial in of_search
        ),
        key=lambda trial: trial.trial,
    )
    first: dict[Network, int] = {}
    for position, trial in enumerate(together):
        number = first.setdefault(trial.network, trial.trial)
        reused_from = number if number != trial.trial else None
        together[position] = dataclasses.replace(trial, reused_from=reused_from)
    return together
