"""What a pool keeps account of: tasks on their way, and the workers that share a queue."""

import dataclasses
import time
from concurrent.futures import Future

from search.executors.tasks import Outcome, Task, WorkerLost


@dataclasses.dataclass(eq=False)
class Job:
    """A task on its way.

    Attributes:
      task: what is to be done.
      future: for whoever wants it done.
      lost: why each worker was lost that had tried.
    """

    task: Task
    future: Future[Outcome] = dataclasses.field(default_factory=Future)
    lost: list[WorkerLost] = dataclasses.field(default_factory=list)

    def tell(self, result: Outcome | BaseException) -> None:
        """Tells whoever wants it done what became of it."""
        if isinstance(result, BaseException):
            self.future.set_exception(result)
        else:
            lost = tuple(map(str, self.lost))
            self.future.set_result(dataclasses.replace(result, lost=lost))


@dataclasses.dataclass
class Lane:
    """Workers that share a queue.

    Attributes:
      workers: how many there are.
      running: tasks that are worked on.
      waiting: tasks that wait for a worker.
      done: tasks that a worker came through.
      given_up: tasks that lost too many.
    """

    workers: int
    running: int = 0
    waiting: int = 0
    done: int = 0
    given_up: int = 0
    _since: float | None = None
    _counted: float = 0.0
    _busy_seconds: float = 0.0

    def begin(self) -> None:
        self._count()
        self.waiting -= 1
        self.running += 1

    def end(self) -> None:
        self._count()
        self.running -= 1

    @property
    def busy_share(self) -> float | None:
        """Of the workers' time since the first task began, in [0, 1]; None before that."""
        if self._since is None:
            return None
        now = time.monotonic()
        busy = self._busy_seconds + self.running * (now - self._counted)
        return busy / (self.workers * max(now - self._since, 1e-9))

    def _count(self) -> None:
        now = time.monotonic()
        if self._since is None:
            self._since = self._counted = now
        self._busy_seconds += self.running * (now - self._counted)
        self._counted = now
