"""Tells that a search waits since its cluster has no host left that a worker fits on."""

import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence

import ray
from ray.exceptions import RayError

from search.executors.measuring import Workload
from search.executors.tasks import WorkersFailed

_LOOK_SECONDS = 5.0


class Watch:
    """Looks from time to time whether anybody trains; a thread that ends with `stop`.

    Args:
      workload: what the workers do, as of now.
      needs: of each of them, as Ray names it.
      patience: seconds without a worker at work before that is told.
      look: seconds between two looks.
      tell: shows a line to whoever watches; by default on stderr.
      nodes: of the cluster, as `ray.nodes` has them.
      on_gone: is told once no node is left, where none can come back.
    """

    def __init__(
        self,
        workload: Callable[[], Workload],
        needs: Mapping[str, float],
        patience: float = 60.0,
        look: float = _LOOK_SECONDS,
        tell: Callable[[str], None] | None = None,
        nodes: Callable[[], Sequence[Mapping]] = ray.nodes,
        on_gone: Callable[[WorkersFailed], None] | None = None,
    ):
        self._workload, self._needs, self._patience, self._look = workload, needs, patience, look
        self._tell, self._nodes, self._on_gone = tell or _on_stderr, nodes, on_gone
        self._stopped = threading.Event()
        threading.Thread(target=self._watch, name="ray-watch", daemon=True).start()

    def stop(self) -> None:
        """Ends it."""
        self._stopped.set()

    def _watch(self) -> None:
        at_work, told = time.monotonic(), False
        while not self._stopped.wait(self._look):
            if self._on_gone is not None and not self._alive():
                self._on_gone(WorkersFailed("the Ray that the search had started has died"))
                return
            workload = self._workload()
            if workload.training or not workload.waiting:
                at_work = time.monotonic()
                if told:
                    self._tell("going on: the cluster has room for a worker again")
                    told = False
            elif not told and time.monotonic() - at_work >= self._patience and self._lacking():
                needs = ", ".join(f"{name}={amount:g}" for name, amount in self._needs.items())
                self._tell(
                    f"no host of the cluster has room for a worker ({needs}): {workload.waiting} "
                    "networks wait until one joins it"
                )
                told = True

    def _lacking(self) -> bool:
        """Whether no host has what a worker needs; else one is on its way."""
        hosts = self._alive()  # none where the cluster is gone: whoever trains says so
        return bool(hosts) and not any(
            all(host.get(name, 0) >= amount for name, amount in self._needs.items())
            for host in hosts
        )

    def _alive(self) -> list[Mapping[str, float]]:
        """What each node has that is alive."""
        try:
            return [node["Resources"] for node in self._nodes() if node["Alive"]]
        except (RayError, RuntimeError):  # nobody answers any more
            return []


def _on_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
