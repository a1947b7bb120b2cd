"""Does what grows with a search, such as rewriting its tables, only as often as time allows."""

import time
from collections.abc import Callable


class Sparingly:
    """Work that is done again and again, and takes at most a twentieth of all time.

    Args:
      work: to be done; what it takes may grow.
    """

    _SHARE_OF_TIME = 0.05

    def __init__(self, work: Callable[[], None]):
        self._work, self._not_before = work, 0.0

    def when_due(self) -> None:
        """Does it, unless it has just been done."""
        if time.monotonic() >= self._not_before:
            self.now()

    def now(self) -> None:
        """Does it."""
        start = time.monotonic()
        self._work()
        now = time.monotonic()
        self._not_before = now + (now - start) / self._SHARE_OF_TIME
