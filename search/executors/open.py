"""From a config to who measures."""

import contextlib
from collections.abc import Iterator

from search.evaluators import AccuracyEvaluator
from search.executors.config import ExecutorConfig
from search.executors.executor import Executor
from search.executors.measuring import InlineMeasuring, alone
from search.latency import make_timer
from search.search_space import Network


class _Inline:
    """The Executor that is this process."""

    num_workers = 1
    make_timer = staticmethod(make_timer)

    def workers(self, accuracy, latency, make_accuracy, make_latency):
        del latency, make_accuracy, make_latency  # a search measures by itself
        return _InlineWorkers(accuracy)


class _InlineWorkers:
    beside = False
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
