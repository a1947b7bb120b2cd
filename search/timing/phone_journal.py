"""What happened to the phones of a search: kept with its trials, told as it happens."""

import contextlib
import sqlite3
import sys
import threading
from collections.abc import Callable, Mapping

from search.trials import TrialStore
from tflite_bench.shelf_config import Event

_FIRST_MS = "phone_first_ms"


class PhoneJournal:
    """Hears of events, from any thread, and what phones timed the reference network at first.

    Until it is attached to a store it tells events on stderr, and holds them back for the store: a
    preview or a comparison keeps nothing, but whoever waits for a phone must know.

    Attributes:
      first_ms: hardware serial -> latency of the reference network when the search first saw it.
    """

    def __init__(self):
        self.first_ms: dict[str, float] = {}
        self._held_back: list[Event] = []
        self._store: TrialStore | None = None
        self._tell: Callable[[str], None] = lambda line: print(line, file=sys.stderr, flush=True)
        self._lock = threading.RLock()

    def attach(self, store: TrialStore, tell: Callable[[str], None]) -> None:
        """Keeps and tells what is heard from now on; takes up what an earlier life has kept.

        Args:
          store: of the search.
          tell: shows a line to whoever watches.
        """
        with self._lock:
            self._store, self._tell = store, tell
            self.first_ms = dict(store.settings().get(_FIRST_MS) or {})
            for event in self._held_back:
                self._keep(event)
            self._held_back.clear()

    def on_event(self, event: Event) -> None:
        """Takes in an event."""
        with self._lock:
            if self._store is None:
                self._held_back.append(event)
            else:
                self._keep(event)
            self._tell(event.message)

    def _keep(self, event: Event) -> None:
        # A disk that is full stops the search at its next trial, which says so better than a thread
        # that looks for phones; and that thread may outlive the search by a moment.
        with contextlib.suppress(sqlite3.Error):
            self._store.add_event(event.time, event.kind, event.serial, event.message)

    def remember(self, first_ms: Mapping[str, float]) -> None:
        """Keeps the first latencies of the reference network that are new."""
        with self._lock:
            if first_ms.items() <= self.first_ms.items():
                return
            self.first_ms |= first_ms
            if self._store is not None:
                self._store.save_settings({_FIRST_MS: self.first_ms})
