"""A worker that is an actor of a Ray cluster."""

import dataclasses
import os
import socket
import time
from typing import Any

import ray
from ray.exceptions import (
    GetTimeoutError,
    LocalRayletDiedError,
    RayError,
    RaySystemError,
    RayTaskError,
    RuntimeEnvSetupError,
)

from mnasnet.data.image_dataset import DataError
from search.executors.tasks import (
    HostLost,
    MakeEvaluator,
    Outcome,
    Task,
    WorkerLost,
    WorkerName,
    WorkersFailed,
    run_task,
    took_too_long,
)

# Not a worker's end but that of all.
_OF_ALL = (LocalRayletDiedError, RaySystemError, RuntimeEnvSetupError)
_SECONDS_TO_NOTICE = 5.0


class RayWorker:
    """A Worker wherever the cluster has room for it; waits until it has.

    Args:
      make: makes the evaluator there.
      options: of the actor, as Ray takes them.

    Raises:
      WorkerLost: where it dies before it is ready.
      ValueError: where the evaluator cannot be made there, as without data; names the host.
    """

    def __init__(self, make: MakeEvaluator, options: dict[str, Any]):
        self._actor = _Actor.options(**options).remote()
        self._alive = True
        host, process, self._node = self._ask(self._actor.where.remote(), None)
        self.name = WorkerName(host, process)
        try:
            self._ask(self._actor.prepare.remote(make), None)
        except (ValueError, OSError) as error:
            self.close()
            raise DataError(f"worker on host {host}: {error}") from error

    @property
    def alive(self) -> bool:
        """See Worker."""
        return self._alive

    def run(self, task: Task, timeout: float | None) -> Outcome:
        """See Worker."""
        outcome = self._ask(self._actor.run.remote(task), timeout)
        return dataclasses.replace(outcome, worker=self.name)

    def close(self) -> None:
        """See Worker."""
        self._alive = False
        if ray.is_initialized():
            ray.kill(self._actor)

    def _ask(self, answer: ray.ObjectRef, timeout: float | None):
        name = getattr(self, "name", "a worker")
        try:
            return ray.get(answer, timeout=timeout)
        except RayTaskError as error:
            raise error.cause from error
        except GetTimeoutError as error:
            raise WorkerLost(f"{name}, {took_too_long(timeout)}") from error
        except _OF_ALL as error:
            raise WorkersFailed(f"Ray: {first_line(error)}") from error
        except RayError as error:
            self._alive = False
            node = getattr(self, "_node", None)
            lost = WorkerLost if node is None or stays_alive(node) else HostLost
            raise lost(f"{name}, was lost: {first_line(error)}") from error


@ray.remote(max_restarts=0, max_task_retries=0)
class _Actor:
    """The life of a worker."""

    def where(self) -> tuple[str, int, str]:
        return socket.gethostname(), os.getpid(), ray.get_runtime_context().get_node_id()

    def prepare(self, make: MakeEvaluator) -> None:
        self._evaluator = make()

    def run(self, task: Task) -> Outcome:
        return run_task(self._evaluator, task)


def stays_alive(node: str) -> bool:
    """Whether a node, by its id or address, outlives what it held: Ray notices workers first."""
    deadline = time.monotonic() + _SECONDS_TO_NOTICE
    while ray.is_initialized() and time.monotonic() < deadline:
        alive = (there for there in ray.nodes() if there["Alive"])
        if not any(node in (there["NodeID"], there["NodeManagerAddress"]) for there in alive):
            return False
        time.sleep(0.5)
    return True


def first_line(error: BaseException) -> str:
    """What an error of Ray says first; the rest is where in Ray it was said."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
