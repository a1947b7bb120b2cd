"""Workers that share queues of tasks: each has one task at a time, a lost one is replaced.

Its task is begun again before any other, by whoever is free next.
"""

import itertools
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future

from search.evaluators import Infeasible
from search.executors.lane import Job, Lane
from search.executors.measuring import Workload
from search.executors.tasks import HostLost, Outcome, Task, Worker, WorkerLost, WorkersFailed

# So many in a row that do not even start mean that none will. Counted for each place: those that
# start side by side may all die of one cause, such as a host that is lost.
_MAX_FAILED_STARTS = 3
_PATIENCE_SECONDS = 5
# So many networks that none comes through mean that it is not the networks.
_MAX_GIVEN_UP = 5
_AGAIN, _NEW, _END = range(3)  # ranks in a queue

MakeWorker = Callable[[], Worker]


class WorkerPool:
    """Runs tasks on workers, each of which is driven by a thread of its own.

    Args:
      makers: of the workers of each lane; a worker is made again after it was lost. The lane
        'accuracy' has those who train.
      timeout: seconds after which a measurement's worker counts as hung; None for never.
      max_retries: how often a task whose worker was lost is begun again before it is given up as
        infeasible; those that went with their hosts do not count.

    No more of a lane start than there have been tasks of either.
    """

    def __init__(
        self,
        makers: Mapping[str, Sequence[MakeWorker]],
        timeout: float | None = None,
        max_retries: int = 0,
    ):
        self._timeout, self._max_retries = timeout, max_retries
        # (rank, number, job), so that what was lost comes first and the end last.
        self._queues = {lane: queue.PriorityQueue() for lane in makers}
        self._numbers = itertools.count()
        self._lanes = {lane: Lane(len(of_lane)) for lane, of_lane in makers.items()}
        self._lock = threading.Lock()
        self._workers: dict[threading.Thread, Worker] = {}
        self._failure: BaseException | None = None
        self._pending: set[Job] = set()
        self._closed = False
        self._retries = 0
        self._held: list[tuple[Job, Outcome]] = []  # given up, see _settle_given_up
        self._threads: list[threading.Thread] = []
        self._not_started = {
            lane: [
                threading.Thread(
                    target=self._serve, args=(lane, make), name=f"{lane}-{i}", daemon=True
                )
                for i, make in enumerate(of_lane)
            ]
            for lane, of_lane in makers.items()
        }

    def submit(self, task: Task) -> Future[Outcome]:
        """Queues a task.

        The future's exception is WorkersFailed, what the evaluator raised, or WorkerLost where the
        pool was closed before.
        """
        job = Job(task)
        with self._lock:
            if self._closed or self._failure is not None:
                job.future.set_exception(self._failure or WorkerLost("the search is over"))
                return job.future
            self._pending.add(job)
            self._queue(job)
            # Those of the other lane, too: what is timed now is trained next.
            for threads in self._not_started.values():
                if threads:
                    thread = threads.pop(0)
                    thread.start()  # where Ctrl-C may come
                    self._threads.append(thread)
        return job.future

    def workload(self) -> Workload:
        """What goes on now."""
        with self._lock:
            training = self._lanes["accuracy"]
            timing = self._lanes.get("latency", Lane(0))
            return Workload(
                workers=training.workers,
                training=training.running,
                timing=timing.running,
                waiting=training.waiting + timing.waiting,
                busy_share=training.busy_share,
                retries=self._retries,
            )

    def close(self) -> None:
        """Ends all workers, whatever they are doing."""
        with self._lock:
            self._closed = True
            workers = list(self._workers.values())
        for name, lane in self._lanes.items():
            for _ in range(lane.workers):
                self._queues[name].put((_END, next(self._numbers), None))
        for worker in workers:
            worker.close()
        # A thread that waits for a phone may wait on: it ends with the process.
        deadline = time.monotonic() + _PATIENCE_SECONDS
        for thread in self._threads:
            thread.join(timeout=max(deadline - time.monotonic(), 0))

    def _serve(self, lane: str, make: MakeWorker) -> None:
        """The life of one place in the pool."""
        worker = self._started(make)
        while (job := self._queues[lane].get()[-1]) is not None:
            if worker is None or not worker.alive:
                self._close(worker)
                worker = self._started(make)
            with self._lock:
                self._lanes[lane].begin()
            try:
                if worker is None or self._closed or self._failure is not None:
                    raise self._failure or WorkerLost("the worker did not start")
                result = worker.run(job.task, self._timeout if job.task.limited else None)
            except BaseException as error:
                if isinstance(error, WorkerLost):
                    self._close(worker)
                    worker = None
                result = error
            with self._lock:
                self._lanes[lane].end()
                self._lanes[lane].done += isinstance(result, Outcome)
            if isinstance(result, WorkerLost):
                self._begin_again(job, result)
            else:
                self._settle(job, result)
            self._settle_given_up()
            if worker is None and not self._closed:
                worker = self._started(make)
        self._close(worker)

    def _queue(self, job: Job) -> None:
        self._lanes[job.task.lane].waiting += 1
        rank = _AGAIN if job.lost else _NEW
        self._queues[job.task.lane].put((rank, next(self._numbers), job))

    def _begin_again(self, job: Job, error: WorkerLost) -> None:
        """Queues a job whose worker was lost, or gives it up."""
        job.lost.append(error)
        lost = [one for one in job.lost if not isinstance(one, HostLost)]
        with self._lock:
            if self._closed:
                result = error
            elif isinstance(error, HostLost) or len(lost) <= self._max_retries:
                if job in self._pending:
                    self._retries += 1
                    self._queue(job)
                return
            else:
                times = "once" if len(lost) == 1 else f"{len(lost)} times"
                result = Outcome(Infeasible(f"{job.task.kind} failed {times}: {error}"), 0.0)
                self._lanes[job.task.lane].given_up += 1
                self._held.append((job, result))
                return
        self._settle(job, result)

    def _settle_given_up(self) -> None:
        """Settles those that were given up, where it is known whose fault it is.

        It is the networks' where others come through, and the surroundings' where the first are all
        given up; as long as neither is known they are held back while others are under way.
        """
        failure, ready = None, []
        with self._lock:
            held, self._held = self._held, []
            nothing_else = len(held) == len(self._pending)
            for job, result in held:
                lane = self._lanes[job.task.lane]
                if lane.given_up >= _MAX_GIVEN_UP and not lane.done:
                    failure = WorkersFailed(
                        f"none of the first {lane.given_up} networks came through, the last one: "
                        f"{result.value}"
                    )
                if lane.done or nothing_else:
                    ready.append((job, result))
                else:
                    self._held.append((job, result))
            if failure is None:
                # At once: who looks next must not count them as under way.
                self._pending.difference_update(job for job, _ in ready)
        if failure is not None:
            self.fail(failure)
            return
        for job, result in ready:
            job.tell(result)

    def _started(self, make: MakeWorker) -> Worker | None:
        """A worker that is ready; None where that cannot be."""
        failed = 0
        while not self._closed and self._failure is None:
            try:
                worker = make()
            except HostLost:  # nobody's fault, however many go; a start waits for another host
                continue
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
        for job in pending:
            self._settle(job, self._failure)

    def _settle(self, job: Job, result: Outcome | BaseException) -> None:
        with self._lock:
            if job not in self._pending:
                return
            self._pending.remove(job)
        job.tell(result)
