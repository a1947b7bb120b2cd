"""What a search asks of where it is measured: an Executor, and of that its Workers."""

from typing import Protocol

from search.evaluators import AccuracyEvaluator, Evaluator, LatencyEvaluator
from search.executors.measuring import Measuring, OnStart, Workload
from search.executors.tasks import MakeEvaluator
from search.latency import LatencyConfig
from search.search_space import Network
from search.timing.measured import Timer
from search.timing.phone_journal import PhoneJournal


class Workers(Protocol):
    """Those who measure for a search, whoever and wherever they are.

    Attributes:
      beside: whether they do so while this process does something else.
    """

    beside: bool

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
