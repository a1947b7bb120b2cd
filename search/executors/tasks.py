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


# What each kind of task asks of an evaluator, and whose workers have that evaluator.
_METHODS = {"latency": "measure", "accuracy": "evaluate", "tflite": "tflite"}
_LANES = {"latency": "latency", "accuracy": "accuracy", "tflite": "accuracy"}


@dataclasses.dataclass(frozen=True)
class Task:
    """Something that a worker does with one network.

    Attributes:
      kind: 'latency' or 'accuracy', which are measured, or 'tflite', to hand a trained one over.
      network: block strings.
      arguments: of the evaluator's method besides the network.
    """

    kind: str
    network: Network
    arguments: tuple = ()

    @property
    def lane(self) -> str:
        """Whose it is: 'latency' of those who time, 'accuracy' of those who train."""
        return _LANES[self.kind]

    @property
    def limited(self) -> bool:
        """Whether it is part of a trial, to which a limit of time is set."""
        return self.kind != "tflite"


@dataclasses.dataclass(frozen=True)
class WorkerName:
    """Who did a task.

    Attributes:
      host: its name.
      process: its number there; None for the search itself.
    """

    host: str
    process: int | None = None

    def __str__(self) -> str:
        who = "the search itself" if self.process is None else f"process {self.process}"
        return f"{self.host}, {who}"


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of a task.

    Attributes:
      value: the measurement or file, or why the network has none.
      seconds: that it took, from when the worker began.
      worker: who did it; None where each who tried was lost.
      lost: what happened to the workers that were lost over it, in their order.
    """

    value: Evaluation | float | bytes | Infeasible
    seconds: float
    worker: WorkerName | None = None
    lost: tuple[str, ...] = ()


class WorkerLost(Exception):
    """A worker died or hung over a task; which of the two had the fault nobody knows."""


class HostLost(WorkerLost):
    """A worker went with its host: no network's fault."""


class WorkersFailed(SurroundingsError):
    """No worker can be had: the surroundings' fault, so it ends the search and makes no trial."""


class Worker(Protocol):
    """Somebody who works on one task at a time, somewhere.

    Attributes:
      name: who it is.
    """

    name: WorkerName

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


def took_too_long(timeout: float) -> str:
    """What is told of a worker that hung, or seemed to."""
    return f"took longer than {timeout:g} s (--trial_timeout)"


def run_task(evaluator: AnyEvaluator, task: Task) -> Outcome:
    """Works on a task here and now.

    Raises:
      WorkerLost: where this host does not do for it, though another may.
      Whatever else the evaluator raised that is not Infeasible.
    """
    do = getattr(evaluator, _METHODS[task.kind])
    start = time.monotonic()
    try:
        value = do(task.network, *task.arguments)
    except Infeasible as reason:
        value = reason
    except (MemoryError, HardwareError) as error:
        raise WorkerLost(f"{type(error).__name__}: {error}".rstrip(": ")) from error
    return Outcome(value, time.monotonic() - start)
