"""The Pareto front of accuracy and latency, and the hypervolume that says how good one is."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class ReferencePoint:
    """The corner from which hypervolume is measured: what is no better there counts for nothing.

    Attributes:
      accuracy: top-1 in [0, 1].
      latency_ms: over 0.

    Raises:
      ValueError: for a value out of range.
    """

    accuracy: float
    latency_ms: float

    def __post_init__(self):
        if not 0 <= self.accuracy <= 1:
            raise ValueError(f"reference accuracy is {self.accuracy}, must be top-1 in [0, 1]")
        if not 0 < self.latency_ms < float("inf"):
            raise ValueError(f"reference latency is {self.latency_ms} ms, must be over 0")


def pareto_positions(accuracy, latency_ms) -> np.ndarray:
    """Positions of the points that no other beats: none is faster without being less accurate.

    Args:
      accuracy: [N].
      latency_ms: [N].

    Returns:
      int [M], fastest first. Points equal in both measures are all there, the earlier first.
    """
    accuracy, latency_ms = np.asarray(accuracy, np.float64), np.asarray(latency_ms, np.float64)
    order = np.lexsort((-accuracy, latency_ms))  # stable: the earlier of equals stays first
    accuracy, latency_ms = accuracy[order], latency_ms[order]
    best_before = np.concatenate([[-np.inf], np.maximum.accumulate(accuracy)])[: len(order)]
    better = accuracy > best_before
    # A point equals one of the front if it equals the last one of it so far.
    last = np.maximum.accumulate(np.where(better, np.arange(len(order)), 0))
    equal = (accuracy == accuracy[last]) & (latency_ms == latency_ms[last])
    return order[better | equal]


def hypervolume(accuracy, latency_ms, reference: ReferencePoint) -> float:
    """The area, in ms of top-1 in [0, 1], that points dominate up to a reference point.

    A point dominates all that is slower and less accurate. The area is exact: under the staircase
    of the front, from the reference's accuracy up, to the reference's latency.

    Args:
      accuracy: [N], top-1 in [0, 1]; N may be 0.
      latency_ms: [N].
      reference: bounds the area.
    """
    accuracy, latency_ms = np.asarray(accuracy, np.float64), np.asarray(latency_ms, np.float64)
    inside = (accuracy > reference.accuracy) & (latency_ms < reference.latency_ms)
    accuracy, latency_ms = accuracy[inside], latency_ms[inside]
    front = pareto_positions(accuracy, latency_ms)
    steps = np.diff(np.append(latency_ms[front], reference.latency_ms))
    return float(steps @ (accuracy[front] - reference.accuracy))
