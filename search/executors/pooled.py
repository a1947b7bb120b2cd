"""What executors with workers have in common."""

import abc
import functools

from search.evaluators import LatencyEvaluator
from search.executors.config import ExecutorConfig
from search.executors.dispatch import DispatchedMeasuring
from search.executors.here import WorkerHere
from search.executors.measuring import MakeMeasuring
from search.executors.pool import MakeWorker, WorkerPool
from search.executors.tasks import MakeEvaluator
from search.latency import LatencyConfig, make_timer
from search.timing.measured import Timer
from search.timing.phone_journal import PhoneJournal


class PooledExecutor(abc.ABC):
    """An OpenExecutor with a pool of workers; a context manager, with which they end."""

    def __init__(self, config: ExecutorConfig):
        self.config = config
        self._pool: WorkerPool | None = None

    @abc.abstractmethod
    def trainers(self, make: MakeEvaluator) -> list[MakeWorker]:
        """Those who train."""

    @abc.abstractmethod
    def timer(self, make: MakeEvaluator) -> MakeWorker:
        """The one who times where that takes a processor: two would disturb each other."""

    def make_timer(
        self, config: LatencyConfig, num_classes: int, journal: PhoneJournal
    ) -> Timer | None:
        """See OpenExecutor."""
        return make_timer(config, num_classes, journal)

    def measuring(
        self,
        make_accuracy: MakeEvaluator,
        make_latency: MakeEvaluator,
        latency: LatencyEvaluator,
    ) -> MakeMeasuring:
        """See OpenExecutor."""
        if hasattr(latency, "measure_all"):
            timers = []  # the search computes it by itself
        elif at_once := getattr(latency, "at_once", None):
            # Phones: threads of the search wait for them.
            timers = [functools.partial(WorkerHere, latency)] * at_once
        else:
            timers = [self.timer(make_latency)]
        makers = {"accuracy": self.trainers(make_accuracy), "latency": timers}
        self._pool = self.make_pool(makers)
        return functools.partial(
            DispatchedMeasuring, runner=self._pool, max_retries=self.config.max_retries
        )

    def make_pool(self, makers: dict[str, list[MakeWorker]]) -> WorkerPool:
        """The pool of the workers for each kind of task."""
        return WorkerPool(makers, self.config.trial_timeout)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self._pool is not None:
            self._pool.close()
