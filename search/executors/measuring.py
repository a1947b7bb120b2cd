"""What the loop asks of whoever has networks measured: hand some in, take what is finished."""

import collections
import dataclasses
from collections.abc import Callable, Sequence
from typing import Protocol

from search.evaluators import Evaluator
from search.search_space import Network
from search.trials import Measured


@dataclasses.dataclass(frozen=True)
class Workload:
    """What those who measure are doing.

    Attributes:
      workers: that train.
      training: networks in training.
      timing: networks that are converted and timed.
      waiting: networks that wait for either.
      busy_share: of the workers' time since the first network, in [0, 1]; None before that.
      retries: what was begun again, since a worker was lost or hung.
    """

    workers: int
    training: int = 0
    timing: int = 0
    waiting: int = 0
    busy_share: float | None = None
    retries: int = 0

    def __str__(self) -> str:
        """'workers 2  busy 93%  retries 0'; '' before the first network."""
        if self.busy_share is None:
            return ""
        return f"workers {self.workers}  busy {self.busy_share:.0%}  retries {self.retries}"

    def metrics(self) -> dict[str, float]:
        """What of it is worth a curve; nothing where this process measures by itself."""
        if self.busy_share is None:
            return {}
        return {"workers": self.workers, "busy_share": self.busy_share, "retries": self.retries}


def alone() -> Workload:
    """What goes on where a search measures by itself."""
    return Workload(workers=1)


class Measuring(Protocol):
    """Measures networks in whatever order suits it."""

    def submit(self, networks: Sequence[Network]) -> None:
        """Hands in networks, each of them new."""

    def finished(self) -> list[Measured]:
        """Waits until at least one is finished; all that are, with rewards.

        Raises:
          Whatever an evaluator raised that is not Infeasible.
        """

    def workload(self) -> Workload:
        """What goes on now."""


OnStart = Callable[[Network], None]
"""Is told when a network's turn comes; by those who have queues of their own, when it is queued."""

MakeMeasuring = Callable[[Evaluator, OnStart], Measuring]
"""From an evaluator, and from who is told of each network."""


class InlineMeasuring:
    """Measures in this process, one network after the other, or all at once where that is quick.

    Args:
      evaluator: that measures.
      on_start: is told of each network when its turn comes.
    """

    def __init__(self, evaluator: Evaluator, on_start: OnStart):
        self._evaluator, self._on_start = evaluator, on_start
        self._waiting = collections.deque()

    def submit(self, networks: Sequence[Network]) -> None:
        """See Measuring."""
        self._waiting.extend(networks)

    def finished(self) -> list[Measured]:
        """See Measuring."""
        count = len(self._waiting) if self._evaluator.in_batches else 1
        networks = [self._waiting.popleft() for _ in range(count)]
        for network in networks:
            self._on_start(network)
        return self._evaluator.measure_all(networks)

    def workload(self) -> Workload:
        """See Measuring."""
        return alone()
