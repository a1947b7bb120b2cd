"""The search: sample, evaluate, update (MnasNet, figure 1 and section 4.2)."""

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from search.evaluators import AccuracyEvaluator, Evaluator, LatencyEvaluator, Network
from search.executors.measuring import InlineMeasuring, MakeMeasuring
from search.learning.algorithms import ALGORITHMS
from search.samples import Sample, Samples, as_batch
from search.search_config import SearchConfig, search_settings
from search.search_space import SearchSpace
from search.tally import Tally
from search.trials import Measured, Trial, TrialStore
from search.workdir import Workdir, check_settings

__all__ = ["Observer", "Search", "SearchConfig", "SearchResult", "run_search", "search_settings"]


class Observer(Protocol):
    """Somebody who is told how the search goes."""

    def on_start(self, number: int, network: Network) -> None:
        """The turn of the network of trial `number`, from 0, has come to be measured."""

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
    measuring: MakeMeasuring = InlineMeasuring,
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
      measuring: makes who measures; `search.executors` has several processes and clusters.

    Returns:
      All trials, also those of earlier calls, and the best.

    Raises:
      SettingsMismatch: where the workdir holds a search of other settings, which the message names.
      ValueError: where it is in use.
    """
    if workdir is not None and not isinstance(workdir, Workdir):
        with Workdir(workdir) as opened:
            return run_search(
                space,
                accuracy,
                latency,
                config,
                workdir=opened,
                count=count,
                observers=observers,
                measuring=measuring,
            )
    search = Search(
        space,
        accuracy,
        latency,
        config,
        workdir=workdir,
        count=count,
        observers=observers,
        measuring=measuring,
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
        measuring: MakeMeasuring = InlineMeasuring,
    ):
        self._space, self._config, self._known = space, config, known
        self._workdir, self._observers = workdir, observers
        self._evaluator = Evaluator(accuracy, latency, config.reward, config.max_latency_ms, count)
        self.store = workdir.store if workdir else TrialStore(":memory:")
        evaluators = self._evaluator.accuracy, self._evaluator.latency
        settings = search_settings(space, *evaluators, config)
        check_settings(self.store, settings | (more_settings or {}))
        self._measuring = measuring(self._evaluator, self._on_start)
        # The samples of each network that is being measured; the first is whom it is measured for.
        self._being_measured: dict[Network, list[Sample]] = {}
        self._samples = Samples(space)
        self._algorithm = self._make_algorithm()
        self._recorded = {trial.trial: trial for trial in self.store.trials()}
        self._evaluated = len(self._recorded)
        self._learned: set[int] = set()  # numbers of the trials that the algorithm was told of
        self._lowest_free = 0  # all numbers below it have a sample
        self.updates = 0
        self._go_on()

    def _make_algorithm(self):
        config = self._config
        return ALGORITHMS[config.algorithm](
            self._space,
            controller=config.controller,
            ppo=config.ppo,
            evolution=config.evolution,
            seed=config.seed,
        )

    def _go_on(self) -> None:
        """Restores the checkpoint, where all that its algorithm was told of is recorded."""
        updates, state = self._workdir.load_checkpoint() if self._workdir else (0, {})
        learned = set(state.get("learned", np.zeros(0, int)).tolist())
        # A power cut may take the last trials, which a checkpoint outlived: what the algorithm has
        # learned must be what is recorded, else it learns again from the start.
        if learned and learned <= self._recorded.keys():
            self._algorithm.restore(_part(state, "algorithm/"))
            self.updates, self._learned = updates, learned
            for number in learned:
                del self._recorded[number]
            self._start(self._samples.restore(_part(state, "samples/")))
        elif self._config.update == "async" and self._recorded:
            # Which trials it learned from together is known to the checkpoint only: it hears of
            # them as of somebody else's.
            self.observe(list(self._recorded.values()))
            self._learned, self._recorded = set(self._recorded), {}
            self.updates = len(self._learned) // self._config.batch_size

    @property
    def done(self) -> bool:
        """Whether max_trials are there, and the algorithm has learned from all whole batches."""
        missing = self._config.max_trials - self._evaluated
        return (
            missing <= 0 and self._config.max_trials - len(self._learned) < self._config.batch_size
        )

    def advance(self) -> None:
        """Measures until there is a batch to learn from, and learns; the last may be cut short."""
        self._sample()
        size, in_order = self._config.batch_size, self._config.update == "batch"
        while not (ready := self._samples.ready(size, in_order=in_order)):
            if self._evaluated >= self._config.max_trials:
                return
            self._take(self._measuring.finished())
        rewards = np.array([sample.trial.reward for sample in ready], np.float32)
        metrics = self._algorithm.step(as_batch(ready), rewards)
        self._samples.drop(ready)
        self._learned |= {sample.number for sample in ready}
        self.updates += 1
        metrics |= self._measuring.workload().metrics()
        self._save_update(metrics)
        for observer in self._observers:
            observer.on_update(self.updates, metrics)

    def observe(self, trials: Sequence[Trial]) -> None:
        """Tells the algorithm of another search's trials, with the rewards that are given here."""
        if trials:
            tokens = np.array([trial.tokens for trial in trials], np.int32)
            rewards = [self._evaluator.rewarded(trial.measured).reward for trial in trials]
            self._algorithm.observe(tokens, np.array(rewards, np.float32))

    def _sample(self) -> None:
        """Samples whole batches, until there are enough for all workers to have work."""
        size, asynchronous = self._config.batch_size, self._config.update == "async"
        enough = size + (self._measuring.workload().workers if asynchronous else 0)
        # What is recorded and not among the checkpoint's samples was sampled right after it, maybe
        # for more workers than there are now.
        while len(self._samples) < enough or (asynchronous and self._recorded):
            # Always a whole batch, so that a search of which max_trials is raised goes on as if it
            # had been so from the start; what lies over max_trials is not measured yet.
            batch = self._algorithm.sample(size)
            free = filter(self._is_free, itertools.count(self._lowest_free))
            numbers = list(itertools.islice(free, size))
            self._lowest_free = numbers[-1] + 1
            self._start(self._samples.add(batch, numbers))

    def _is_free(self, number: int) -> bool:
        return number not in self._learned and number not in self._samples

    def _start(self, samples: Sequence[Sample]) -> None:
        """Hands samples in to be measured, where nothing is known of their networks."""
        trials, to_measure, first = [], [], {}
        for sample in samples:
            network = sample.network
            if (recorded := self._recorded.pop(sample.number, None)) is not None:
                sample.check(recorded)
                self._samples.finish(recorded)
            elif sample.number >= self._config.max_trials:
                continue
            elif (earlier := self.store.find(network) or first.get(network)) is not None:
                trials.append(sample.becomes(earlier.measured, reused_from=earlier.trial))
            elif network in self._being_measured:
                self._being_measured[network].append(sample)
            elif (elsewhere := self._known(network)) is not None:
                # It took no time here.
                elsewhere = dataclasses.replace(elsewhere, train_seconds=0.0, latency_seconds=0.0)
                first[network] = sample.becomes(self._evaluator.rewarded(elsewhere))
                trials.append(first[network])
            else:
                self._being_measured[network] = [sample]
                to_measure.append(network)
        self._commit(trials)
        if to_measure:
            self._measuring.submit(to_measure)

    def _on_start(self, network: Network) -> None:
        for observer in self._observers:
            observer.on_start(self._being_measured[network][0].number, network)

    def _take(self, measured: Sequence[Measured]) -> None:
        """Commits what was measured, and the repeats that waited for it, together."""
        trials = []
        for one in measured:
            first, *repeats = self._being_measured.pop(one.network)
            trials.append(first.becomes(one))
            trials += [repeat.becomes(one, reused_from=first.number) for repeat in repeats]
        self._commit(sorted(trials, key=lambda trial: trial.trial))

    def _commit(self, trials: list[Trial]) -> None:
        self.store.append(trials)
        self._evaluated += len(trials)
        for trial in trials:
            self._samples.finish(trial)
            for observer in self._observers:
                observer.on_trial(trial)

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
        state = {f"algorithm/{name}": array for name, array in self._algorithm.state().items()}
        state |= {f"samples/{name}": array for name, array in self._samples.state().items()}
        state["learned"] = np.array(sorted(self._learned))
        self._workdir.save_checkpoint(self.updates, state)


def _part(state: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """The arrays whose names begin with prefix, without it."""
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
