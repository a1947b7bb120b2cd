"""Phones on the hosts of a Ray cluster, as one clock."""

import dataclasses
import queue
import socket
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayError, RayTaskError

from search.evaluators import Evaluation
from search.executors.ray_worker import first_line, stays_alive
from search.executors.tasks import HostLost, WorkerLost
from search.latency import LatencyConfig, make_timer
from search.timing.measured import Timer
from search.timing.phone_journal import PhoneJournal
from tflite_bench.device_errors import DeviceError
from tflite_bench.shelf_config import Event

PHONE = "phone"  # the kind of latency, and the resource that a host with phones carries
_LISTEN_SECONDS = 10.0
# An actor's start, with the search's code to ship, and a look at the phones.
_PATIENCE_SECONDS = 120.0


@dataclasses.dataclass(frozen=True)
class PhoneNode:
    """A node of Ray that carries phones.

    Attributes:
      host: its name, for messages.
      address: by which Ray knows it, also when it comes back.
      phones: how many, as its resource 'phone' says.
    """

    host: str
    address: str
    phones: int


class RayPhones:
    """A Timer that has the phones of several hosts timed on, each by an actor on its host.

    A host that is lost costs the measurements under way a retry; it is waited for, and serves again
    when it is back with phones that are timed as before.

    Args:
      nodes: that carry phones.
      config: which phones, and how; the same on each host.
      num_classes: see `search.latency.make_timer`.
      journal: is told what happens to phones, as it happens.
      make: in place of `search.latency.make_timer`.

    Raises:
      ValueError: where the phones of a host do not do, or differ from another's.
    """

    def __init__(
        self,
        nodes: list[PhoneNode],
        config: LatencyConfig,
        num_classes: int,
        journal: PhoneJournal,
        make: Callable[..., Timer] = make_timer,
    ):
        self._journal, self._lock = journal, threading.Lock()
        self._closed = threading.Event()
        self._free: queue.SimpleQueue[tuple[PhoneNode, Any]] = queue.SimpleQueue()
        self._away: set[PhoneNode] = set()
        self.at_once = sum(node.phones for node in nodes)
        self.settings, self.description = None, ""
        self._actors, self._threads = [], []
        try:
            for node in nodes:
                self._add(node, make, config, num_classes)
        except BaseException:
            self.close()
            raise
        if len(nodes) > 1:
            s = "s" if len(nodes) > 2 else ""
            self.description += f" (and those of {len(nodes) - 1} more host{s})"

    def close(self) -> None:
        """Gives the phones back, and asks the hosts nothing more: Ray may be another's next."""
        self._closed.set()
        if ray.is_initialized():
            for actor in self._actors:
                ray.kill(actor)
        for thread in self._threads:
            thread.join(timeout=2 * _LISTEN_SECONDS)

    def _add(
        self,
        node: PhoneNode,
        make: Callable[..., Timer],
        config: LatencyConfig,
        num_classes: int,
    ) -> None:
        actor = _PhoneHost.options(
            resources={PHONE: node.phones, f"node:{node.address}": 0.001},
            max_concurrency=node.phones + 2,  # besides those who time: who asks, who listens
        ).remote(make, config, num_classes)
        self._actors.append(actor)
        try:
            settings, description = _asked(node, actor.about.remote(), _PATIENCE_SECONDS)
        except WorkerLost as error:
            raise ValueError(f"ray_address: {error}") from error
        if self.settings not in (None, settings):
            raise ValueError(
                f"device: phones of a search must be of one model and timed alike: on host "
                f"{node.host} there is {description}, which is not {self.description}"
            )
        if self.settings is None:
            self.settings, self.description = settings, description
        self._run(self._listen, node, actor)
        for _ in range(node.phones):
            self._free.put((node, actor))

    def time(self, tflite: bytes) -> Evaluation:
        """See Timer; waits while no host with phones is there."""
        node, actor = self._free.get()
        while node in self._away:  # and nobody needs to find that out once more
            self._run(self._wait_for, node, actor)
            node, actor = self._free.get()
        try:
            evaluation, first_ms = _asked(node, actor.time.remote(tflite, self._journal.first_ms))
        except WorkerLost as error:
            self._tell_away(node, str(error))
            self._run(self._wait_for, node, actor)
            if not stays_alive(node.address):
                raise HostLost(str(error)) from error
            raise
        except BaseException:
            self._free.put((node, actor))
            raise
        self._free.put((node, actor))
        self._journal.remember(first_ms)
        return evaluation

    def _tell_away(self, node: PhoneNode, why: str) -> None:
        with self._lock:
            if node in self._away:
                return
            self._away.add(node)
        self._tell("gone", f"{why}; waiting for it")

    def _run(self, target: Callable[..., None], node: PhoneNode, actor: Any) -> None:
        thread = threading.Thread(target=target, args=(node, actor), daemon=True)
        self._threads.append(thread)
        thread.start()

    def _wait_for(self, node: PhoneNode, actor: Any) -> None:
        """Gives one place on a host back as soon as the host is."""
        told = None
        while not self._closed.is_set():
            try:
                # Waits for the host as long as that takes.
                settings, description = _asked(
                    node, actor.about.options(max_task_retries=-1).remote()
                )
                if settings == self.settings:
                    break
                why = f"host {node.host} is back with {description}, which was not so before"
            except (ValueError, DeviceError, WorkerLost) as error:
                why = str(error)
            if why != told:
                self._tell("waiting", f"{why}; waiting for it")
                told = why
            self._closed.wait(_LISTEN_SECONDS)
        else:
            return
        with self._lock:
            back = node in self._away
            self._away.discard(node)
        if back:
            self._tell("going_on", f"going on with the phones of host {node.host}")
        self._free.put((node, actor))

    def _listen(self, node: PhoneNode, actor: Any) -> None:
        """Hands on what happens to the phones of a host, as long as the search is there."""
        while not self._closed.is_set():
            try:
                events = _asked(node, actor.events.options(max_task_retries=-1).remote())
            except SystemExit:  # what Ray raises in its calls when it is shut down
                return
            except Exception:  # whoever times there says it
                self._closed.wait(_LISTEN_SECONDS)
                continue
            for event in events:
                self._journal.on_event(event)

    def _tell(self, kind: str, message: str) -> None:
        self._journal.on_event(Event(kind, "", message, time.time()))


def _asked(node: PhoneNode, answer: ray.ObjectRef, timeout: float | None = None):
    try:
        return ray.get(answer, timeout=timeout)
    except GetTimeoutError as error:
        raise WorkerLost(
            f"host {node.host} does not look at its phones within {timeout:g} s: maybe another "
            "search has them"
        ) from error
    except RayTaskError as error:
        cause = error.cause
        if isinstance(cause, DeviceError):
            raise type(cause)(f"host {node.host}: {cause}") from error
        if isinstance(cause, ValueError):
            raise ValueError(f"host {node.host}: {cause}") from error
        raise cause from error
    except RayError as error:
        raise WorkerLost(f"host {node.host} with phones was lost: {first_line(error)}") from error


@ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=0)
class _PhoneHost:
    """Times on the phones of its host."""

    def __init__(self, make: Callable[..., Timer], config: LatencyConfig, num_classes: int):
        self._make = lambda: make(config, num_classes, self._journal)
        self._journal, self._making = _Heard(), threading.Lock()
        self._timer: Timer | None = None

    def about(self) -> tuple[Mapping, str]:
        timer = self._made()
        return timer.settings, timer.description

    def time(
        self, tflite: bytes, first_ms: Mapping[str, float]
    ) -> tuple[Evaluation, dict[str, float]]:
        self._journal.remember(first_ms)
        evaluation = self._made().time(tflite)
        record = {**evaluation.record, "host": socket.gethostname()}
        return dataclasses.replace(evaluation, record=record), self._journal.first_ms

    def events(self) -> list[Event]:
        """The events since it was asked last; waits for the first of them, not for ever."""
        host = socket.gethostname()
        return [
            dataclasses.replace(event, message=f"host {host}: {event.message}")
            for event in self._journal.taken(_LISTEN_SECONDS)
        ]

    def _made(self) -> Timer:
        # Not when the actor is made: one that raises there cannot say what, nor try again.
        with self._making:
            if self._timer is None:
                self._timer = self._make()
            return self._timer


class _Heard(PhoneJournal):
    """A journal whose events are taken to the search."""

    def __init__(self):
        super().__init__()
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()

    def on_event(self, event: Event) -> None:
        self._events.put(event)

    def taken(self, seconds: float) -> list[Event]:
        """The events since it was asked last; waits so long for the first."""
        events = []
        try:
            events.append(self._events.get(timeout=seconds))
            while True:
                events.append(self._events.get_nowait())
        except queue.Empty:
            return events
