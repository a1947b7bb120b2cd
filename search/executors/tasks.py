"""What is handed to a worker, and what may come back."""

import dataclasses
import time
from collections.abc import Callable
from typing import Protocol

from search.evaluators import (
    AccuracyEvaluator,
    Evaluation,
    HardwareError,
    Infeasible,
    LatencyEvaluator,
)
from search.search_space import Network
from tflite_bench.command_line import SurroundingsError

AnyEvaluator = AccuracyEvaluator | LatencyEvaluator
MakeEvaluator = Callable[[], AnyEvaluator]
"""Makes an evaluator where the work is done; must survive pickling."""


@dataclasses.dataclass(frozen=True)
class Task:
    """One measurement of one network.

    Attributes:
      kind: 'latency' or 'accuracy'.
      network: block strings.
    """

    kind: str
    network: Network


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What an evaluator made of a task.

    Attributes:
      value: the measurement, or why the network has none.
      seconds: that it took, from when the worker began.
      worker: who did it.
    """

    value: Evaluation | float | Infeasible
    seconds: float
    worker: str = ""


class WorkerLost(Exception):
    """A worker died or hung over a task; which of the two had the fault nobody knows."""


class HostLost(WorkerLost):
    """A worker went with its host: no network's fault."""


class WorkersFailed(SurroundingsError):
    """No worker can be had: the surroundings' fault, so it ends the search and makes no trial."""


class Worker(Protocol):
    """Somebody who works on one task at a time, somewhere.

    Attributes:
      name: host and process, for messages.
    """

    name: str

    def run(self, task: Task, timeout: float | None) -> Outcome:
        """Works on a task.

        Raises:
          WorkerLost: where it died or took longer than `timeout` seconds; it is of no more use.
          Whatever the evaluator raised that is not Infeasible.
        """

    @property
    def alive(self) -> bool:
        """Whether it can take a task."""

    def close(self) -> None:
        """Ends it, whatever it is doing; any thread may ask, more than once."""


def run_task(evaluator: AnyEvaluator, task: Task) -> Outcome:
    """Works on a task here and now.

    Raises:
      WorkerLost: where this host does not do for it, though another may.
      Whatever else the evaluator raised that is not Infeasible.
    """
    measure = evaluator.measure if task.kind == "latency" else evaluator.evaluate
    start = time.monotonic()
    try:
        value = measure(task.network)
    except Infeasible as reason:
        value = reason
    except (MemoryError, HardwareError) as error:
        raise WorkerLost(f"{type(error).__name__}: {error}".rstrip(": ")) from error
    return Outcome(value, time.monotonic() - start)
