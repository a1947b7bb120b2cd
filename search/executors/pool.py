"""Workers that share queues of tasks: each has one task at a time, a lost one is replaced."""

import dataclasses
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future

from search.executors.tasks import Outcome, Task, Worker, WorkerLost, WorkersFailed

# So many in a row that do not even start mean that none will. Counted for each place: those that
# start side by side may all die of one cause, such as a host that is lost.
_MAX_FAILED_STARTS = 3
_PATIENCE_SECONDS = 5

MakeWorker = Callable[[], Worker]


class WorkerPool:
    """Runs tasks on workers, each of which is driven by a thread of its own.

    Args:
      makers: of the workers for each kind of task; a worker is made when it is needed first, and
        again after it was lost.
      timeout: seconds after which a task's worker counts as hung; None for never.

    Nothing starts before the first task.
    """

    def __init__(self, makers: Mapping[str, Sequence[MakeWorker]], timeout: float | None = None):
        self._timeout = timeout
        self._queues = {kind: queue.SimpleQueue() for kind in makers}
        self._lanes = {kind: _Lane(len(of_kind)) for kind, of_kind in makers.items()}
        self._lock = threading.Lock()
        self._workers: dict[threading.Thread, Worker] = {}
        self._failure: BaseException | None = None
        self._pending: set[Future] = set()
        self._closed = self._started_all = False
        self._threads = [
            threading.Thread(target=self._serve, args=(kind, make), name=f"{kind}-{i}", daemon=True)
            for kind, of_kind in makers.items()
            for i, make in enumerate(of_kind)
        ]

    def submit(self, task: Task) -> Future:
        """Queues a task; the future's result is an Outcome.

        Its exception is WorkerLost, WorkersFailed, or what the evaluator raised.
        """
        future = Future()
        with self._lock:
            if self._failure is not None:
                future.set_exception(self._failure)
                return future
            self._lanes[task.kind].waiting += 1
            self._pending.add(future)
            if not self._started_all:
                self._started_all = True
                for thread in self._threads:
                    thread.start()
        self._queues[task.kind].put((task, future))
        return future

    def lane(self, kind: str) -> "_Lane":
        """How many workers of a kind there are and what they do, as of now."""
        with self._lock:
            return dataclasses.replace(self._lanes[kind])

    def close(self) -> None:
        """Ends all workers, whatever they are doing."""
        with self._lock:
            self._closed = True
            workers = list(self._workers.values())
        for kind, lane in self._lanes.items():
            for _ in range(lane.workers):
                self._queues[kind].put(None)
        for worker in workers:
            worker.close()
        # A thread that waits for a phone may wait on: it ends with the process.
        deadline = time.monotonic() + _PATIENCE_SECONDS
        for thread in self._threads if self._started_all else ():
            thread.join(timeout=max(deadline - time.monotonic(), 0))

    def _serve(self, kind: str, make: MakeWorker) -> None:
        """The life of one place in the pool."""
        worker = self._started(make)
        while (item := self._queues[kind].get()) is not None:
            task, future = item
            if worker is None or not worker.alive:
                self._close(worker)
                worker = self._started(make)
            with self._lock:
                self._lanes[kind].begin()
            try:
                if worker is None or self._closed:
                    raise self._failure or WorkerLost("the worker did not start")
                outcome = worker.run(task, self._timeout)
            except BaseException as error:
                if isinstance(error, WorkerLost):
                    self._close(worker)
                    worker = None
                result = error
            else:
                result = outcome
            with self._lock:
                self._lanes[kind].end()
            self._settle(future, result)
            if worker is None and not self._closed:
                worker = self._started(make)
        self._close(worker)

    def _started(self, make: MakeWorker) -> Worker | None:
        """A worker that is ready; None where that cannot be."""
        failed = 0
        while not self._closed and self._failure is None:
            try:
                worker = make()
            except WorkerLost as error:
                failed += 1
                if failed >= _MAX_FAILED_STARTS:
                    self.fail(WorkersFailed(f"{failed} workers in a row died: {error}"))
            except BaseException as error:
                self.fail(error)
            else:
                with self._lock:
                    if not self._closed:
                        self._workers[threading.current_thread()] = worker
                        return worker
                worker.close()
        return None

    def _close(self, worker: Worker | None) -> None:
        if worker is None:
            return
        with self._lock:
            self._workers.pop(threading.current_thread(), None)
        worker.close()

    def fail(self, error: BaseException) -> None:
        """No task will be worked on any more: all that are not done end with the error."""
        with self._lock:
            self._failure = self._failure or error
            pending = list(self._pending)
        for future in pending:
            self._settle(future, self._failure)

    def _settle(self, future: Future, result: Outcome | BaseException) -> None:
        with self._lock:
            if future not in self._pending:
                return
            self._pending.remove(future)
        if isinstance(result, BaseException):
            future.set_exception(result)
        else:
            future.set_result(result)


@dataclasses.dataclass
class _Lane:
    """The workers of one kind of task.

    Attributes:
      workers: how many there are.
      running: tasks that are worked on.
      waiting: tasks that wait for a worker.
    """

    workers: int
    running: int = 0
    waiting: int = 0
    _since: float | None = None
    _counted: float = 0.0
    _busy_seconds: float = 0.0

    def begin(self) -> None:
        self._count()
        self.waiting -= 1
        self.running += 1

    def end(self) -> None:
        self._count()
        self.running -= 1

    @property
    def busy_share(self) -> float | None:
        """Of the workers' time since the first task began, in [0, 1]; None before that."""
        if self._since is None:
            return None
        now = time.monotonic()
        busy = self._busy_seconds + self.running * (now - self._counted)
        return busy / (self.workers * max(now - self._since, 1e-9))

    def _count(self) -> None:
        now = time.monotonic()
        if self._since is None:
            self._since = self._counted = now
        self._busy_seconds += self.running * (now - self._counted)
        self._counted = now
