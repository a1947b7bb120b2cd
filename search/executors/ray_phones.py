"""Phones on the hosts of a Ray cluster, as one clock."""

import queue
from collections.abc import Mapping

import ray
from ray.exceptions import RayError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from search import latency as latency_door
from search.evaluators import Evaluation
from search.executors.ray_worker import first_line
from search.executors.tasks import WorkerLost
from search.latency import LatencyConfig
from search.timing.phone_journal import PhoneJournal
from tflite_bench.shelf_config import Event

PHONE = "phone"  # the kind of latency, and the resource that a host with phones carries


class RayPhones:
    """A Timer that has the phones of several hosts timed on, each by an actor on its host.

    Args:
      hosts: Ray's node -> number of phones there, as its resource 'phone' says.
      config: which phones, and how; the same on each host.
      num_classes: see `search.latency.make_timer`.
      journal: is told what happens to phones.

    Raises:
      ValueError: where the phones of a host do not do, or differ from another's.
    """

    def __init__(
        self,
        hosts: Mapping[str, int],
        config: LatencyConfig,
        num_classes: int,
        journal: PhoneJournal,
    ):
        self._journal = journal
        self._free = queue.SimpleQueue()
        self.at_once = sum(hosts.values())
        self.settings, self.description = None, ""
        for node, phones in hosts.items():
            there = NodeAffinitySchedulingStrategy(node, soft=False)
            actor = _PhoneHost.options(
                scheduling_strategy=there,
                resources={PHONE: phones},
                max_concurrency=phones + 1,
            ).remote(config, num_classes)
            settings, description = _asked(actor.about.remote())
            if self.settings not in (None, settings):
                raise ValueError(
                    f"phones of a search must be of one model and timed alike: {description} is "
                    f"not {self.description}"
                )
            self.settings, self.description = settings, description
            for _ in range(phones):
                self._free.put(actor)
        if len(hosts) > 1:
            self.description += f" (and on {len(hosts) - 1} more hosts)"

    def time(self, tflite: bytes) -> Evaluation:
        """See Timer."""
        actor = self._free.get()
        try:
            evaluation, events, first_ms = _asked(actor.time.remote(tflite, self._journal.first_ms))
        finally:
            self._free.put(actor)
        for event in events:
            self._journal.on_event(event)
        self._journal.remember(first_ms)
        return evaluation


def _asked(answer: ray.ObjectRef):
    try:
        return ray.get(answer)
    except RayTaskError as error:
        raise error.cause from error
    except RayError as error:
        raise WorkerLost(f"a host with phones was lost: {first_line(error)}") from error


@ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=0)
class _PhoneHost:
    """Times on the phones of its host."""

    def __init__(self, config: LatencyConfig, num_classes: int):
        self._journal = _Heard()
        self._timer, self._failure = None, None
        try:
            self._timer = latency_door.make_timer(config, num_classes, self._journal)
        except Exception as error:  # an actor that raises here cannot say what
            self._failure = error

    def about(self) -> tuple[dict, str]:
        if self._failure is not None:
            raise self._failure
        return self._timer.settings, self._timer.description

    def time(
        self, tflite: bytes, first_ms: dict[str, float]
    ) -> tuple[Evaluation, list[Event], dict[str, float]]:
        self._journal.remember(first_ms)
        evaluation = self._timer.time(tflite)
        return evaluation, self._journal.taken(), self._journal.first_ms


class _Heard(PhoneJournal):
    """A journal whose events are taken to the search with the next measurement."""

    def taken(self) -> list[Event]:
        """The events since it was asked last."""
        with self._lock:
            events, self._held_back = self._held_back, []
            return events
