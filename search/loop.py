"""The search: sample, evaluate, update (MnasNet, figure 1 and section 4.2)."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from search.evaluators import AccuracyEvaluator, Evaluator, LatencyEvaluator, Network
from search.hyperparameters import ControllerConfig, EvolutionConfig, PPOConfig
from search.learning.algorithms import ALGORITHMS
from search.reward import RewardConfig
from search.search_space import SearchSpace
from search.tally import Tally
from search.trials import Measured, Trial, TrialStore
from search.workdir import SettingsMismatch, Workdir, check_settings


@dataclasses.dataclass(frozen=True)
class SearchConfig:
    """A search.

    Attributes:
      reward: how accuracy and latency become the reward.
      max_trials: samples in all, repeats included; may be raised later to go on.
      batch_size: samples per update of the controller.
      seed: of everything random in the algorithm.
      algorithm: a key of `search.learning.algorithms.ALGORITHMS`.
      max_latency_ms: slower networks are infeasible and are not trained; None for no limit.
      controller: of algorithm 'ppo'; 'reinforce' takes units and uniform_mixture from it.
      ppo: of algorithm 'ppo'; 'reinforce' takes learning_rate and baseline_decay from it.
      evolution: of algorithm 'evolution'.

    Raises:
      ValueError: for a value out of range.
    """

    reward: RewardConfig
    max_trials: int = 8000
    batch_size: int = 20
    seed: int = 0
    algorithm: str = "ppo"
    max_latency_ms: float | None = None
    controller: ControllerConfig = ControllerConfig()
    ppo: PPOConfig = PPOConfig()
    evolution: EvolutionConfig = EvolutionConfig()

    def __post_init__(self):
        for name in ("max_trials", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, must be 1 or more")
        if not 0 <= self.seed < 2**31:
            raise ValueError(f"seed is {self.seed}, must be from 0 to {2**31 - 1}")
        if self.algorithm not in ALGORITHMS:
            raise ValueError(
                f"unknown algorithm {self.algorithm!r}, known are {', '.join(ALGORITHMS)}"
            )
        if self.max_latency_ms is not None and not self.max_latency_ms > 0:
            raise ValueError(f"max_latency_ms is {self.max_latency_ms}, must be over 0")


class Observer(Protocol):
    """Somebody who is told how the search goes."""

    def on_start(self, number: int, network: Network) -> None:
        """The network of trial `number`, from 0, is about to be measured."""

    def on_trial(self, trial: Trial) -> None:
        """A trial is known and committed."""

    def on_update(self, update: int, metrics: dict) -> None:
        """The algorithm has learned from update number `update`, from 1, and is checkpointed."""


@dataclasses.dataclass(frozen=True)
class SearchResult:
    """What a search has found.

    Attributes:
      trials: all, in order.
      best: the feasible one of the highest reward, the earliest of equals; None where none is.
    """

    trials: list[Trial]
    best: Trial | None


def run_search(
    space: SearchSpace,
    accuracy: AccuracyEvaluator | Callable[[Network], float],
    latency: LatencyEvaluator | Callable[[Network], float],
    config: SearchConfig,
    *,
    workdir: str | Path | Workdir | None = None,
    count: Callable[[Network], object] | None = None,
    observers: Sequence[Observer] = (),
) -> SearchResult:
    """Searches, or goes on with a search that was stopped or killed.

    Args:
      space: the networks there are.
      accuracy: evaluator, or function from block strings to top-1 in [0, 1].
      latency: evaluator, or function from block strings to milliseconds.
      config: what to do.
      workdir: where it is kept; a search that is there goes on. None keeps it in memory only.
      count: network -> object with `params` and `multiply_adds`, for the record.
      observers: are told of each trial and update that is new in this call.

    Returns:
      All trials, also those of earlier calls, and the best.

    Raises:
      SettingsMismatch: where the workdir holds a search of other settings, which the message names.
      ValueError: where it is in use.
    """
    if workdir is not None and not isinstance(workdir, Workdir):
        with Workdir(workdir) as opened:
            return run_search(
                space, accuracy, latency, config, workdir=opened, count=count, observers=observers
            )
    search = Search(
        space, accuracy, latency, config, workdir=workdir, count=count, observers=observers
    )
    while not search.done:
        search.advance()
    return search.result()


class Search:
    """A search that is advanced one batch at a time.

    Args:
      known: network -> its measurement by another search, which is taken over; None where there is
        none. The other arguments are those of `run_search`.
      more_settings: what the trials depend on besides the arguments, JSON-able.

    Attributes:
      store: its trials.
      updates: how often the algorithm has learned from a batch so far.
    """

    def __init__(
        self,
        space: SearchSpace,
        accuracy: AccuracyEvaluator | Callable[[Network], float],
        latency: LatencyEvaluator | Callable[[Network], float],
        config: SearchConfig,
        *,
        workdir: Workdir | None = None,
        count: Callable[[Network], object] | None = None,
        observers: Sequence[Observer] = (),
        known: Callable[[Network], Measured | None] = lambda network: None,
        more_settings: dict | None = None,
    ):
        self._space, self._config, self._known = space, config, known
        self._workdir, self._observers = workdir, observers
        self._evaluator = Evaluator(accuracy, latency, config.reward, config.max_latency_ms, count)
        self.store = workdir.store if workdir else TrialStore(":memory:")
        evaluators = self._evaluator.accuracy, self._evaluator.latency
        settings = search_settings(space, *evaluators, config)
        check_settings(self.store, settings | (more_settings or {}))
        self._algorithm = self._make_algorithm()
        self.updates, state = workdir.load_checkpoint() if workdir else (0, {})
        if state:
            self._algorithm.restore(state)
        recorded = self.store.trials()
        if len(recorded) < self.updates * config.batch_size:
            # A power cut may take the last trials, which a checkpoint outlived: what the algorithm
            # has learned must be what is recorded, so it learns again from the start.
            self.updates, self._algorithm = 0, self._make_algorithm()
        self._recorded = recorded[self.updates * config.batch_size :]
        self._evaluated = len(recorded)

    def _make_algorithm(self):
        config = self._config
        return ALGORITHMS[config.algorithm](
            self._space,
            controller=config.controller,
            ppo=config.ppo,
            evolution=config.evolution,
            seed=config.seed,
        )

    @property
    def done(self) -> bool:
        """Whether max_trials are there, and the algorithm has learned from all whole batches."""
        whole_batches = self._config.max_trials // self._config.batch_size
        return self.updates >= whole_batches and self._evaluated >= self._config.max_trials

    def advance(self) -> None:
        """Samples a batch, evaluates it, learns from it; the last batch may be cut short."""
        config = self._config
        first = self.updates * config.batch_size
        # Always a whole batch, so that a search of which max_trials is raised goes on as if it had
        # been so from the start; what lies over max_trials is not evaluated yet.
        batch = self._algorithm.sample(config.batch_size)
        trials = self._recorded[: config.batch_size]
        self._recorded = self._recorded[config.batch_size :]
        _check_replay(trials, batch.tokens)
        samples = [
            (number, tokens, self._space.decode(tokens))
            for number, tokens in enumerate(map(tuple, batch.tokens.tolist()), start=first)
            if first + len(trials) <= number < config.max_trials
        ]
        for group in [samples] if self._evaluator.at_once else [[sample] for sample in samples]:
            trials += self._evaluate(group)
        self._evaluated = max(self._evaluated, first + len(trials))
        if len(trials) < config.batch_size:
            return
        rewards = np.array([trial.reward for trial in trials], np.float32)
        metrics = self._algorithm.step(batch, rewards)
        self.updates += 1
        self._save_update(metrics)
        for observer in self._observers:
            observer.on_update(self.updates, metrics)

    def observe(self, trials: Sequence[Trial]) -> None:
        """Tells the algorithm of another search's trials, with the rewards that are given here."""
        if trials:
            tokens = np.array([trial.tokens for trial in trials], np.int32)
            rewards = [self._evaluator.rewarded(trial.measured).reward for trial in trials]
            self._algorithm.observe(tokens, np.array(rewards, np.float32))

    def _evaluate(self, samples: list[tuple[int, tuple[int, ...], Network]]) -> list[Trial]:
        """The trials of samples: their networks measured once each, committed together."""
        new, measured = {}, {}
        for number, _, network in samples:
            if self.store.find(network) is not None or network in new or network in measured:
                continue
            by_another = self._known(network)
            if by_another is not None:
                # It took no time here.
                by_another = dataclasses.replace(by_another, train_seconds=0.0, latency_seconds=0.0)
                measured[network] = self._evaluator.rewarded(by_another)
                continue
            new[network] = number
            for observer in self._observers:
                observer.on_start(number, network)
        measured |= zip(new, self._evaluator.measure_all(list(new)), strict=True)
        trials, first = [], {}
        for number, tokens, network in samples:
            recorded = self.store.find(network)
            if recorded is not None:
                trials.append(Trial(number, tokens, recorded.measured, recorded.trial))
            else:
                repeated = first.setdefault(network, number)
                reused_from = repeated if repeated != number else None
                trials.append(Trial(number, tokens, measured[network], reused_from))
        self.store.append(trials)
        for trial in trials:
            for observer in self._observers:
                observer.on_trial(trial)
        return trials

    def result(self) -> SearchResult:
        """What there is so far."""
        trials = self.store.trials()
        return SearchResult(trials, Tally(trials).best)

    def _save_update(self, metrics: dict) -> None:
        self.store.add_update(self.updates, metrics)
        if not self._workdir:
            return  # nobody will read a report of it, or go on with it
        probabilities = [np.round(row, 4).tolist() for row in self._algorithm.probabilities()]
        self.store.save_settings({"probabilities": probabilities})
        self._workdir.save_checkpoint(self.updates, self._algorithm.state())


def search_settings(
    space: SearchSpace,
    accuracy: AccuracyEvaluator,
    latency: LatencyEvaluator,
    config: SearchConfig,
) -> dict:
    """All that the trials depend on, as names with JSON-able values; not max_trials."""
    settings = {
        "space": {
            "name": space.name,
            "decisions": [[d.name, list(d.choices)] for d in space.decisions],
        },
        "accuracy": getattr(accuracy, "settings", {}),
        "latency": getattr(latency, "settings", {}),
        "search": dataclasses.asdict(config),
    }
    del settings["search"]["max_trials"]
    return settings


def _check_replay(trials: Sequence[Trial], tokens: np.ndarray) -> None:
    for trial, sampled in zip(trials, tokens, strict=False):
        if trial.tokens != tuple(sampled):
            raise SettingsMismatch(
                f"trial {trial.trial} was recorded as {trial.tokens}, but the search that goes on "
                f"samples {tuple(map(int, sampled))}: another version of this program or another "
                "kind of processor made the workdir; go on there, or start in another --workdir"
            )
