"""What executors with a pool of workers have in common."""

import abc
import functools

from search.evaluators import AccuracyEvaluator, Evaluator, Infeasible, LatencyEvaluator
from search.executors.config import ExecutorConfig
from search.executors.dispatch import DispatchedMeasuring, TaskRunner
from search.executors.here import WorkerHere
from search.executors.measuring import Measuring, OnStart, Workload
from search.executors.pool import MakeWorker, WorkerPool
from search.executors.tasks import MakeEvaluator, Task
from search.latency import LatencyConfig, make_timer
from search.search_space import Network
from search.timing.measured import Timer
from search.timing.phone_journal import PhoneJournal


class PooledExecutor(abc.ABC):
    """An Executor with a pool of workers; a context manager, with which they end."""

    def __init__(self, config: ExecutorConfig):
        self.config = config
        self._pool: WorkerPool | None = None

    @abc.abstractmethod
    def trainers(self, make: MakeEvaluator) -> list[MakeWorker]:
        """Those who train."""

    @abc.abstractmethod
    def timing_worker(self, make: MakeEvaluator) -> MakeWorker:
        """The one who times where that takes a processor: two would disturb each other."""

    def make_timer(
        self, config: LatencyConfig, num_classes: int, journal: PhoneJournal
    ) -> Timer | None:
        """See Executor."""
        return make_timer(config, num_classes, journal)

    def workers(
        self,
        accuracy: AccuracyEvaluator,
        latency: LatencyEvaluator,
        make_accuracy: MakeEvaluator,
        make_latency: MakeEvaluator,
    ) -> "PoolWorkers":
        """See Executor."""
        del accuracy  # only workers train
        if hasattr(latency, "measure_all"):
            timers = []  # the search computes it by itself
        elif at_once := getattr(latency, "at_once", None):
            # Phones: threads of the search wait for them.
            timers = [functools.partial(WorkerHere, latency)] * at_once
        else:
            timers = [self.timing_worker(make_latency)]
        self._pool = self.make_pool({"accuracy": self.trainers(make_accuracy), "latency": timers})
        return PoolWorkers(self._pool)

    def make_pool(self, makers: dict[str, list[MakeWorker]]) -> WorkerPool:
        """The pool of the workers of each lane."""
        return WorkerPool(makers, self.config.trial_timeout, self.config.max_retries)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self._pool is not None:
            self._pool.close()


class PoolWorkers:
    """Workers, see there, in a pool.

    Args:
      runner: the pool.
    """

    beside = True

    def __init__(self, runner: TaskRunner):
        self._runner = runner

    def measuring(self, evaluator: Evaluator, on_start: OnStart) -> Measuring:
        """See Workers."""
        return DispatchedMeasuring(evaluator, on_start, self._runner)

    def tflite(self, network: Network, image_size: int, quantization: str) -> bytes:
        """See Workers."""
        made = self._runner.submit(Task("tflite", network, (image_size, quantization))).result()
        if isinstance(made.value, Infeasible):
            raise made.value
        return made.value

    def workload(self) -> Workload:
        """See Workers."""
        return self._runner.workload()
