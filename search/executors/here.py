"""Workers in this process, for what waits rather than computes: phones."""

import dataclasses
import socket

from search.executors.tasks import AnyEvaluator, Outcome, Task, WorkerName, run_task


class WorkerHere:
    """A Worker that has its thread work. It cannot be lost, and its evaluator ends what hangs.

    Args:
      evaluator: that works; several of these may share one that several threads can ask.
    """

    alive = True

    def __init__(self, evaluator: AnyEvaluator):
        self._evaluator = evaluator
        self.name = WorkerName(socket.gethostname())

    def run(self, task: Task, timeout: float | None) -> Outcome:
        """See Worker."""
        return dataclasses.replace(run_task(self._evaluator, task), worker=self.name)

    def close(self) -> None:
        """See Worker."""
