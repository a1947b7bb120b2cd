"""What the loop asks of whoever measures networks, and how it asks.

The loop knows nothing of training or timing. It takes two objects (or plain functions) that turn a
network, a tuple of block strings, into a number. `search.accuracy` and `search.latency` hold ours;
a user's own fit in the same way.
"""

import dataclasses
import json
import math
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from search.reward import RewardConfig, reward
from search.search_space import Network
from search.trials import Measured


class Infeasible(Exception):
    """Raised by an evaluator for a network that cannot be measured; the message is the reason.

    It is for failures of the network (does not convert, diverges). A failure of the surroundings
    (a device gone, a full disk) is any other exception: it ends the search and makes no trial.
    """


class HardwareError(OSError):
    """The processor or accelerator under an evaluator failed, whatever the network."""


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """A measurement: the value, and how it came about (JSON-able, kept with the trial)."""

    value: float
    record: dict = dataclasses.field(default_factory=dict)


class AccuracyEvaluator(Protocol):
    """Measures accuracy.

    One that computes rather than trains may have a second method besides, with which a search asks
    for a whole batch at once: `evaluate_all(networks) -> list`, in their order, of Evaluations or,
    for networks that cannot be measured, of Infeasible exceptions.

    Attributes:
      settings: what the numbers depend on, JSON-able; a search goes on only with the same.
    """

    settings: dict

    def evaluate(self, network: Network) -> Evaluation:
        """Top-1 in [0, 1]; raises Infeasible."""


class LatencyEvaluator(Protocol):
    """Measures latency; may have `measure_all(networks)` as AccuracyEvaluator has `evaluate_all`.

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
    """A plain function as an evaluator of either kind; what it depends on nobody knows."""

    def __init__(self, function: Callable[[Network], float]):
        self._function = function
        self.settings = {}

    def evaluate(self, network: Network) -> Evaluation:
        value = self._function(network)
        return value if isinstance(value, Evaluation) else Evaluation(float(value))

    measure = evaluate


class Candidate:
    """What is known of a network while it is being measured.

    Args:
      network: block strings.
      max_latency_ms: see Evaluator.
      stats: has params and multiply_adds; None where nobody counts them.
    """

    def __init__(self, network: Network, max_latency_ms: float = math.inf, stats=None):
        self.network, self._max_latency_ms = network, max_latency_ms
        self._known = {"accuracy": None, "latency_ms": None, "reason": None}
        self.records = {}
        if stats is not None:
            self._known |= {"params": stats.params, "multiply_adds": stats.multiply_adds}

    @property
    def multiply_adds(self) -> int | None:
        """Of the network; None where nobody counts them."""
        return self._known.get("multiply_adds")

    @property
    def feasible(self) -> bool:
        """Whether nothing speaks against going on with it."""
        return self._known["reason"] is None

    def take(self, kind: str, outcome: "Evaluation | float | Infeasible", seconds: float) -> None:
        """Adds a measurement, or why there is none.

        Args:
          kind: 'latency' or 'accuracy'.
          outcome: of the evaluator.
          seconds: that it took.

        Raises:
          ValueError: for an accuracy outside [0, 1] or a latency that is not over 0.
        """
        self._known["train_seconds" if kind == "accuracy" else "latency_seconds"] = seconds
        if isinstance(outcome, Infeasible):
            self._known["reason"] = " ".join(str(outcome).split()) or "infeasible"
            return
        evaluation = outcome if isinstance(outcome, Evaluation) else Evaluation(float(outcome))
        self.records[kind] = json.loads(json.dumps(evaluation.record, default=float))
        value = float(evaluation.value)
        if math.isnan(value):
            self._known["reason"] = f"the {kind} is not a number"
            return
        # Checked at once, so that no network is trained in vain.
        if kind == "latency" and not 0 < value < math.inf:
            raise ValueError(f"latency is {value} ms, must be finite and over 0")
        if kind == "accuracy" and not 0 <= value <= 1:
            raise ValueError(f"accuracy is {value}, must be top-1 in [0, 1]")
        self._known["accuracy" if kind == "accuracy" else "latency_ms"] = value
        if kind == "latency" and value > self._max_latency_ms:
            self._known["reason"] = f"latency {value:.4g} ms is over {self._max_latency_ms:g} ms"

    def measured(self) -> Measured:
        """The measurement so far, without a reward."""
        return Measured(self.network, **self._known, records=self.records, reward=0.0)


class Evaluator:
    """Measures networks: latency first, since it is cheap, then accuracy, then the reward.

    Args:
      accuracy: evaluator, or function network -> top-1 in [0, 1].
      latency: evaluator, or function network -> ms.
      reward_config: how the two become the reward.
      max_latency_ms: slower networks are infeasible and are not trained; None for no limit.
      count: network -> object with params and multiply_adds; None where there is no such thing.
    """

    def __init__(
        self,
        accuracy: AccuracyEvaluator | Callable[[Network], float],
        latency: LatencyEvaluator | Callable[[Network], float],
        reward_config: RewardConfig,
        max_latency_ms: float | None = None,
        count: Callable[[Network], object] | None = None,
    ):
        self.accuracy, self.latency = as_accuracy(accuracy), as_latency(latency)
        self._reward_config = reward_config
        self._max_latency_ms = math.inf if max_latency_ms is None else max_latency_ms
        self._count = count

    @property
    def in_batches(self) -> bool:
        """Whether a batch of networks is measured as quickly as one."""
        return hasattr(self.accuracy, "evaluate_all") and hasattr(self.latency, "measure_all")

    def candidate(self, network: Network) -> Candidate:
        """A network of which nothing is measured yet."""
        stats = None if self._count is None else self._count(network)
        return Candidate(network, self._max_latency_ms, stats)

    def measure(self, network: Network) -> Measured:
        """What becomes of a network; see `measure_all`."""
        return self.measure_all([network])[0]

    def measure_all(self, networks: Sequence[Network]) -> list[Measured]:
        """What becomes of each network; infeasible, with the reason, where an evaluator says so.

        Raises:
          ValueError: for an accuracy outside [0, 1] or a latency that is not over 0.
        """
        candidates = [self.candidate(network) for network in networks]
        self.add("latency", candidates)
        self.add("accuracy", candidates)
        return [self.rewarded(candidate.measured()) for candidate in candidates]

    def add(self, kind: str, candidates: Sequence[Candidate]) -> None:
        """Adds one of the two measurements to the candidates that are feasible."""
        feasible = [candidate for candidate in candidates if candidate.feasible]
        if not feasible:
            return
        evaluate_all = (
            _all_by(self.latency, "measure")
            if kind == "latency"
            else _all_by(self.accuracy, "evaluate")
        )
        start = time.monotonic()
        outcomes = evaluate_all([candidate.network for candidate in feasible])
        seconds = (time.monotonic() - start) / len(feasible)
        for candidate, outcome in zip(feasible, outcomes, strict=True):
            candidate.take(kind, outcome, seconds)

    def rewarded(self, measured: Measured) -> Measured:
        """A measurement, maybe of another search, with the reward that is given here."""
        if measured.reason is not None:
            value = self._reward_config.infeasible_reward
        else:
            value = reward(measured.accuracy, measured.latency_ms, self._reward_config)
        return dataclasses.replace(measured, reward=value)


def _all_by(evaluator: object, method: str) -> Callable[[list[Network]], list]:
    """The evaluator's method for many networks, made from the one for a single one if need be."""
    if hasattr(evaluator, f"{method}_all"):
        return getattr(evaluator, f"{method}_all")

    def one_by_one(networks):
        evaluations = []
        for network in networks:
            try:
                evaluations.append(getattr(evaluator, method)(network))
            except Infeasible as reason:
                evaluations.append(reason)
        return evaluations

    return one_by_one
