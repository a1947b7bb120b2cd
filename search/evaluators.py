"""What the loop asks of whoever measures networks.

The loop knows nothing of training or timing. It takes two objects (or plain functions) that turn a
network, a tuple of block strings, into a number. `search.accuracy` and `search.latency` hold ours;
a user's own fit in the same way.
"""

import dataclasses
from collections.abc import Callable
from typing import Protocol

Network = tuple[str, ...]


class Infeasible(Exception):
    """Raised by an evaluator for a network that cannot be measured; the message is the reason.

    It is for failures of the network (does not convert, diverges). A failure of the surroundings
    (a device gone, a full disk) is any other exception: it ends the search and makes no trial.
    """


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """A measurement: the value, and how it came about (JSON-able, kept with the trial)."""

    value: float
    record: dict = dataclasses.field(default_factory=dict)


class AccuracyEvaluator(Protocol):
    """Measures accuracy.

    Attributes:
      settings: what the numbers depend on, JSON-able; a search goes on only with the same.
    """

    settings: dict

    def evaluate(self, network: Network) -> Evaluation:
        """Top-1 in [0, 1]; raises Infeasible."""


class LatencyEvaluator(Protocol):
    """Measures latency.

    Attributes:
      settings: what the numbers depend on, JSON-able; a search goes on only with the same.
    """

    settings: dict

    def measure(self, network: Network) -> Evaluation:
        """Milliseconds, over 0; raises Infeasible."""


def as_accuracy(accuracy: AccuracyEvaluator | Callable[[Network], float]) -> AccuracyEvaluator:
    """An evaluator from an evaluator or from a function network -> top-1."""
    return accuracy if hasattr(accuracy, "evaluate") else _Function(accuracy)


def as_latency(latency: LatencyEvaluator | Callable[[Network], float]) -> LatencyEvaluator:
    """An evaluator from an evaluator or from a function network -> milliseconds."""
    return latency if hasattr(latency, "measure") else _Function(latency)


class _Function:
    """A plain function as an evaluator of either kind."""

    def __init__(self, function: Callable[[Network], float]):
        self._function = function
        self.settings = {"function": getattr(function, "__qualname__", type(function).__name__)}

    def evaluate(self, network: Network) -> Evaluation:
        value = self._function(network)
        return value if isinstance(value, Evaluation) else Evaluation(float(value))

    measure = evaluate
