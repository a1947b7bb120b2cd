"""Measures on workers: which network is to be timed next, and which trained."""

import dataclasses
import queue
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Protocol

from search.evaluators import Candidate, Evaluator
from search.executors.measuring import OnStart, Workload
from search.executors.tasks import Outcome, Task
from search.search_space import Network
from search.trials import Measured


class TaskRunner(Protocol):
    """Runs tasks somewhere."""

    def submit(self, task: Task) -> Future[Outcome]:
        """Queues a task; the exception of the future is what ends the search."""

    def workload(self) -> Workload:
        """What goes on now."""


class DispatchedMeasuring:
    """Times networks and trains them on workers; the two overlap.

    A network is timed first and trained at once when that is done, so while some train the next are
    timed. Latencies that are arithmetic are computed here.

    Args:
      evaluator: says what becomes of measurements; does not measure but for arithmetic.
      on_start: is told of each network that is handed in.
      runner: of the tasks.
    """

    def __init__(self, evaluator: Evaluator, on_start: OnStart, runner: TaskRunner):
        self._evaluator, self._on_start, self._runner = evaluator, on_start, runner
        self._done: queue.SimpleQueue[tuple[Candidate, Task, Future]] = queue.SimpleQueue()
        self._ready: list[Candidate] = []
        self._failure: Exception | None = None

    def submit(self, networks: Sequence[Network]) -> None:
        """See Measuring."""
        candidates = [self._evaluator.candidate(network) for network in networks]
        for network in networks:
            self._on_start(network)
        # Those that cost most first: one of them at the end would have all other workers wait.
        candidates.sort(key=lambda candidate: -(candidate.multiply_adds or 0))
        if hasattr(self._evaluator.latency, "measure_all"):
            self._evaluator.add("latency", candidates)
            for candidate in candidates:
                self._go_on(candidate, after="latency")
        else:
            for candidate in candidates:
                self._run(candidate, "latency")

    def finished(self) -> list[Measured]:
        """See Measuring."""
        while not self._ready:
            if self._failure is not None:  # only now: what was finished before it is kept
                raise self._failure
            self._take(*self._done.get())
        while not self._done.empty() and self._failure is None:
            self._take(*self._done.get())
        ready, self._ready = self._ready, []
        return [self._evaluator.rewarded(candidate.measured()) for candidate in ready]

    def workload(self) -> Workload:
        """See Measuring."""
        return self._runner.workload()

    def _run(self, candidate: Candidate, kind: str) -> None:
        task = Task(kind, candidate.network)
        future = self._runner.submit(task)
        future.add_done_callback(lambda done: self._done.put((candidate, task, done)))

    def _take(self, candidate: Candidate, task: Task, future: Future[Outcome]) -> None:
        try:
            outcome = future.result()
            candidate.take(task.kind, outcome.value, outcome.seconds)
        except Exception as error:
            self._failure = error
            return
        if outcome.worker is not None and task.kind in candidate.records:
            candidate.records[task.kind]["worker"] = dataclasses.asdict(outcome.worker)
        if outcome.lost:
            candidate.records.setdefault("lost_workers", []).extend(outcome.lost)
        self._go_on(candidate, after=task.kind)

    def _go_on(self, candidate: Candidate, after: str) -> None:
        if after == "latency" and candidate.feasible:
            self._run(candidate, "accuracy")
        else:
            self._ready.append(candidate)
