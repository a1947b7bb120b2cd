"""Latency by arithmetic: no clock, the same number every time."""

from collections.abc import Callable, Sequence

from mnasnet.latency_estimate import ESTIMATE_NOTE, pixel1_latency_ms
from mnasnet.stats import ModelStats
from search.evaluators import Evaluation, Network

PREFIX = "estimate:"
ESTIMATES = {"pixel1": (pixel1_latency_ms, ESTIMATE_NOTE)}


class EstimatedLatency:
    """A LatencyEvaluator that prices a network's layers.

    Args:
      kind: 'estimate:' and a key of ESTIMATES.
      image_size: height and width of the images at which the latency counts.
      count: a network's statistics at that size.
      num_classes: of the classifier that is priced with the network.
    """

    def __init__(
        self, kind: str, image_size: int, count: Callable[[Network], ModelStats], num_classes: int
    ):
        self._estimate, self.note = ESTIMATES[kind.removeprefix(PREFIX)]
        self._count = count
        self.settings = {"kind": kind, "image_size": image_size, "num_classes": num_classes}
        self.description = f"{self.note}, {image_size} px"

    def measure(self, network: Network) -> Evaluation:
        """See LatencyEvaluator; UnknownOperation for a network that the estimate cannot price."""
        return self.measure_all([network])[0]

    def measure_all(self, networks: Sequence[Network]) -> list[Evaluation]:
        """`measure` of many at once."""
        record = {"kind": self.settings["kind"], "note": self.note}
        return [Evaluation(self._estimate(self._count(network)), record) for network in networks]
