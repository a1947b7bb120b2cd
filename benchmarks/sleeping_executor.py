"""Workers that sleep instead of training: any number of them for one thread."""

import hashlib
import heapq
import math
import threading
import time
from concurrent.futures import Future

from search.evaluators import Evaluation, Network
from search.executors.measuring import Workload
from search.executors.tasks import Outcome, Task


class SleepingExecutor:
    """A TaskRunner on which a training is a wait; a context manager.

    One thread ends all the waits, so that a thousand workers cost no more than ten. Accuracies and
    times depend on the network alone.

    Args:
      workers: that train at a time.
      unit: seconds; a training takes 1 to 10 of them, log-uniform.

    Attributes:
      cpu_seconds: that the thread has taken so far.
    """

    def __init__(self, workers: int, unit: float):
        self._workers, self._unit = workers, unit
        self._waiting: list[tuple[int, Task, Future]] = []  # heap, so first come, first served
        self._running: list[tuple[float, int, Task, Future, float]] = []  # heap by when it ends
        self._submitted, self._finished_work, self._closed = 0, 0.0, False
        self._spans: list[tuple[float, float]] = []
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._end_waits, daemon=True)
        self.cpu_seconds = 0.0

    def __enter__(self) -> "SleepingExecutor":
        self._thread.start()
        return self

    def __exit__(self, *exception) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def submit(self, task: Task) -> Future:
        """See TaskRunner."""
        future = Future()
        with self._changed:
            heapq.heappush(self._waiting, (self._submitted, task, future))
            self._submitted += 1
            if len(self._running) < self._workers:
                self._begin(time.monotonic())
                self._changed.notify()
        return future

    def workload(self) -> Workload:
        """See TaskRunner; nobody sleeps for latencies, which are arithmetic."""
        with self._changed:
            share = None
            if self._spans:
                open_for = time.monotonic() - self._spans[0][0]
                share = self._finished_work / (self._workers * max(open_for, 1e-9))
            return Workload(
                workers=self._workers,
                training=len(self._running),
                waiting=len(self._waiting),
                busy_share=share,
            )

    def busy_share(self, *, with_tail: bool) -> float:
        """Of the workers' time that was slept, in [0, 1].

        Args:
          with_tail: until the last training ended; else until the last one began, when there was
            no more work for those who were done.
        """
        first = self._spans[0][0]
        last = max(span[int(with_tail)] for span in self._spans)
        slept = sum(min(end, last) - begin for begin, end in self._spans)
        return slept / (self._workers * (last - first))

    def _begin(self, now: float) -> None:
        number, task, future = heapq.heappop(self._waiting)
        seconds = self._unit * 10 ** _uniform("time", task.network)
        heapq.heappush(self._running, (now + seconds, number, task, future, seconds))
        self._spans.append((now, now + seconds))

    def _end_waits(self) -> None:
        while True:
            ended = []
            with self._changed:
                while not self._closed and not (self._running and self._due() <= 0):
                    self._changed.wait(self._due() if self._running else None)
                if self._closed:
                    return
                now = time.monotonic()
                while self._running and self._running[0][0] <= now:
                    _, _, task, future, seconds = heapq.heappop(self._running)
                    ended.append((task, future, seconds))
                    self._finished_work += seconds
                    if self._waiting:
                        self._begin(now)
            for task, future, seconds in ended:
                record = {"kind": "sleep", "seconds": seconds}
                value = Evaluation(made_up_accuracy(task.network), record)
                future.set_result(Outcome(value, seconds))
            self.cpu_seconds = time.thread_time()

    def _due(self) -> float:
        return self._running[0][0] - time.monotonic()


def made_up_accuracy(network: Network) -> float:
    """In [0.5, 0.8]; blocks add up, so that there is something to learn."""
    return 0.5 + 0.3 * math.fsum(_uniform("block", (block,)) for block in network) / len(network)


def _uniform(purpose: str, network: Network) -> float:
    """A number in [0, 1) that looks random and is always the same."""
    digest = hashlib.blake2b(" ".join((purpose, *network)).encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64
