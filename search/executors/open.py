"""From a config to who measures."""

import contextlib
from collections.abc import Iterator
from typing import Protocol

from search.evaluators import AccuracyEvaluator, Evaluator, LatencyEvaluator
from search.executors.config import ExecutorConfig
from search.executors.measuring import InlineMeasuring, Measuring, OnStart, Workload, alone
from search.executors.tasks import MakeEvaluator
from search.latency import LatencyConfig, make_timer
from search.search_space import Network
from search.timing.measured import Timer
from search.timing.phone_journal import PhoneJournal


class Workers(Protocol):
    """Those who measure for a search, whoever and wherever they are."""

    def measuring(self, evaluator: Evaluator, on_start: OnStart) -> Measuring:
        """Has them measure what an evaluator is to judge; a MakeMeasuring."""

    def tflite(self, network: Network, image_size: int, quantization: str) -> bytes:
        """Has a network trained as for its accuracy, and converted; see `ProxyAccuracy.tflite`."""

    def workload(self) -> Workload:
        """What goes on now."""


class Executor(Protocol):
    """Where a search is measured.

    Attributes:
      num_workers: networks in training at a time.
    """

    num_workers: int

    def make_timer(
        self, config: LatencyConfig, num_classes: int, journal: PhoneJournal
    ) -> Timer | None:
        """As `search.latency.make_timer`, wherever the phones are."""

    def workers(
        self,
        accuracy: AccuracyEvaluator,
        latency: LatencyEvaluator,
        make_accuracy: MakeEvaluator,
        make_latency: MakeEvaluator,
    ) -> Workers:
        """Those who measure, which start when they are needed.

        Args:
          accuracy: the evaluator of this process, where it is this process that trains.
          latency: the evaluator of this process, for what needs no worker: arithmetic, and phones.
          make_accuracy: makes the evaluator in each worker that trains.
          make_latency: makes the evaluator in the worker that times.
        """


class _Inline:
    """The Executor that is this process."""

    num_workers = 1
    make_timer = staticmethod(make_timer)

    def workers(self, accuracy, latency, make_accuracy, make_latency):
        del latency, make_accuracy, make_latency  # a search measures by itself
        return _InlineWorkers(accuracy)


class _InlineWorkers:
    measuring, workload = staticmethod(InlineMeasuring), staticmethod(alone)

    def __init__(self, accuracy: AccuracyEvaluator):
        self._accuracy = accuracy

    def tflite(self, network: Network, image_size: int, quantization: str) -> bytes:
        return self._accuracy.tflite(network, image_size, quantization)


@contextlib.contextmanager
def open_executor(config: ExecutorConfig) -> Iterator[Executor]:
    """Where a search is to be measured; the workers end with the context.

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
