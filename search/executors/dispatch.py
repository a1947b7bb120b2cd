"""Measures on an executor: which network is to be timed, trained, tried again, or given up."""

import collections
import dataclasses
import queue
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Protocol

from search.evaluators import Candidate, Evaluator, Infeasible
from search.executors.measuring import Workload
from search.executors.tasks import HostLost, Task, WorkerLost
from search.search_space import Network
from search.trials import Measured


class Lane(Protocol):
    """The workers for one kind of task, as of now; see `search.executors.pool`."""

    workers: int
    running: int
    waiting: int
    busy_share: float | None


class TaskRunner(Protocol):
    """Runs tasks somewhere."""

    def submit(self, task: Task) -> Future:
        """Queues a task; the future's result is an Outcome.

        Its exception is WorkerLost where the worker died or hung, else what ends the search.
        """

    def lane(self, kind: str) -> Lane:
        """The workers for a kind of task."""


class DispatchedMeasuring:
    """Times networks and trains them on workers; the two overlap.

    A network is timed first and trained at once when that is done, so while some train the next are
    timed. Latencies that are arithmetic are computed here.

    Args:
      evaluator: says what becomes of measurements; does not measure but for arithmetic.
      on_start: is told of each network that is handed in.
      runner: of the tasks.
      max_retries: how often a measurement whose worker was lost is begun again before its network
        is infeasible; those that went with their hosts do not count.
    """

    def __init__(
        self,
        evaluator: Evaluator,
        on_start: Callable[[Network], None],
        runner: TaskRunner,
        max_retries: int,
    ):
        self._evaluator, self._on_start = evaluator, on_start
        self._runner, self._max_retries = runner, max_retries
        self._done: queue.SimpleQueue[tuple[Candidate, Task, Future]] = queue.SimpleQueue()
        self._ready: list[Candidate] = []
        self._lost: dict[Task, list[WorkerLost]] = collections.defaultdict(list)  # each time
        self._failure: Exception | None = None
        self._retries = 0

    @property
    def num_workers(self) -> int:
        """See Measuring."""
        return self._runner.lane("accuracy").workers

    def submit(self, networks: Sequence[Network]) -> None:
        """See Measuring."""
        candidates = [self._evaluator.candidate(network) for network in networks]
        for network in networks:
            self._on_start(network)
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
        return [self._evaluator.rewarded(self._measured(candidate)) for candidate in ready]

    def workload(self) -> Workload:
        """See Measuring."""
        training, timing = map(self._runner.lane, ("accuracy", "latency"))
        return Workload(
            workers=training.workers,
            training=training.running,
            timing=timing.running,
            waiting=training.waiting + timing.waiting,
            busy_share=training.busy_share,
            retries=self._retries,
        )

    def _run(self, candidate: Candidate, kind: str) -> None:
        task = Task(kind, candidate.network)
        future = self._runner.submit(task)
        future.add_done_callback(lambda done: self._done.put((candidate, task, done)))

    def _take(self, candidate: Candidate, task: Task, future: Future) -> None:
        try:
            outcome = future.result()
            candidate.take(task.kind, outcome.value, outcome.seconds)
            if task.kind in candidate.records:
                candidate.records[task.kind]["worker"] = outcome.worker
        except WorkerLost as error:
            self._lost[task].append(error)
            lost = [one for one in self._lost[task] if not isinstance(one, HostLost)]
            if isinstance(error, HostLost) or len(lost) <= self._max_retries:
                self._retries += 1
                self._run(candidate, task.kind)
                return
            times = "once" if len(lost) == 1 else f"{len(lost)} times"
            candidate.take(task.kind, Infeasible(f"{task.kind} failed {times}: {error}"), 0.0)
        except Exception as error:
            self._failure = error
            return
        self._go_on(candidate, after=task.kind)

    def _go_on(self, candidate: Candidate, after: str) -> None:
        if after == "latency" and candidate.feasible:
            self._run(candidate, "accuracy")
        else:
            self._ready.append(candidate)

    def _measured(self, candidate: Candidate) -> Measured:
        measured = candidate.measured()
        tasks = (Task(kind, candidate.network) for kind in ("latency", "accuracy"))
        if lost := [str(error) for task in tasks for error in self._lost.pop(task, ())]:
            records = measured.records | {"lost_workers": lost}
            measured = dataclasses.replace(measured, records=records)
        return measured
