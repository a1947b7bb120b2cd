"""From a config to who measures."""

import contextlib
from collections.abc import Iterator
from typing import Protocol

from search.evaluators import LatencyEvaluator
from search.executors.config import ExecutorConfig
from search.executors.measuring import InlineMeasuring, MakeMeasuring
from search.executors.tasks import MakeEvaluator
from search.latency import LatencyConfig, make_timer
from search.timing.measured import Timer
from search.timing.phone_journal import PhoneJournal


class OpenExecutor(Protocol):
    """Who measures, ready to be handed the evaluators.

    Attributes:
      num_workers: networks in training at a time.
    """

    num_workers: int

    def make_timer(
        self, config: LatencyConfig, num_classes: int, journal: PhoneJournal
    ) -> Timer | None:
        """As `search.latency.make_timer`, wherever the phones are."""

    def measuring(
        self,
        make_accuracy: MakeEvaluator,
        make_latency: MakeEvaluator,
        latency: LatencyEvaluator,
    ) -> MakeMeasuring:
        """Who measures with these evaluators.

        Args:
          make_accuracy: makes the evaluator in each worker that trains.
          make_latency: makes the evaluator in the worker that times.
          latency: the evaluator here, for what needs no worker: arithmetic, and phones.
        """


class _Inline:
    num_workers = 1
    make_timer = staticmethod(make_timer)

    def measuring(self, make_accuracy, make_latency, latency):
        del make_accuracy, make_latency, latency  # the search has its own
        return InlineMeasuring


@contextlib.contextmanager
def open_executor(config: ExecutorConfig) -> Iterator[OpenExecutor]:
    """Who measures; the workers end with the context.

    Raises:
      ValueError: for more than there is: GPUs, processors of a cluster, the cluster, Ray itself.
    """
    if config.kind == "inline":
        yield _Inline()
    elif config.kind == "processes":
        from search.executors.processes import Processes

        with Processes(config) as opened:
            yield opened
    else:
        try:
            import ray  # noqa: F401
        except ImportError as error:
            raise ValueError(
                "--executor=ray needs Ray, an extra: pip install -e '.[ray]'"
            ) from error
        from search.executors.ray_cluster import RayCluster

        with RayCluster(config) as opened:
            yield opened
