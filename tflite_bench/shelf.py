"""Several phones of one model as one clock.

Work goes to the next free phone. A phone that goes away in the middle costs one measurement, which
is repeated on another; when none is left the shelf waits, says so, and goes on when one returns.
"""

import dataclasses
import threading
import time
from collections.abc import Callable, Mapping

from tflite_bench import thermal
from tflite_bench.adb import Adb
from tflite_bench.device_errors import (
    DeviceError,
    NoPhoneError,
    OfflineError,
    PhoneGoneError,
    TooHotError,
    ToolError,
    UnauthorizedError,
)
from tflite_bench.measurement import Measurement, MeasurementError
from tflite_bench.phone_clock import PhoneClock
from tflite_bench.phone_lock import is_locked
from tflite_bench.roster import MakeClock, Roster, Slot
from tflite_bench.shelf_config import Event, ShelfConfig

# The phone is not there: it serves again as soon as it is plugged in, nothing speaks against it.
_AWAY = (NoPhoneError, PhoneGoneError, OfflineError, UnauthorizedError)
# While work goes on, the shelf looks for returned phones so many times less often.
_LEISURE = 10
_PATIENCE = ShelfConfig()


class PhoneShelf:
    """A clock of one phone or several; `measure` may be called from several threads.

    Attributes:
      events: all that happened so far, oldest first.
    """

    def __init__(
        self,
        adb: Adb,
        make_clock: MakeClock,
        config: ShelfConfig = _PATIENCE,
        reference: bytes | None = None,
        first_ms: Mapping[str, float] | None = None,
        on_event: Callable[[Event], None] = lambda event: None,
    ):
        """Finds the phones.

        Args:
          adb: to find them.
          make_clock: serial, and whom to tell that a measurement pauses -> clock on that phone.
          config: which phones, and how patient to be.
          reference: a network to see by whether a phone has become slower; None for no such look.
          first_ms: hardware serial -> latency of the reference in an earlier life of this shelf.
          on_event: is told whatever happens; not always in a thread that called `measure`.

        Raises:
          NoPhoneError: where no phone is attached.
          ValueError: for phones of several models that may not be mixed.
          DeviceError: where one that is named, or every phone, cannot be used; it says why.
        """
        self.events: list[Event] = []
        self._config, self._reference, self._on_event = config, reference, on_event
        self._changed = threading.Condition()
        self._looked, self._waiting = time.monotonic(), False
        self._looking: threading.Thread | None = None
        self._adb_complaint = ""
        self._first_ms = dict(first_ms or {})
        self._roster = Roster(
            adb, make_clock, config.roster, config.drift, self._first_ms, self._tell
        )

    @property
    def phones(self) -> list[PhoneClock]:
        """The clocks of all phones, attached or not."""
        return [slot.clock for slot in list(self._roster.slots.values())]

    @property
    def device(self) -> str:
        """The model of the phones."""
        return self._roster.model

    @property
    def first_ms(self) -> dict[str, float]:
        """Hardware serial -> first latency of the reference, to tell drift after a restart."""
        slots = list(self._roster.slots.values())
        seen = {slot.clock.phone.hardware_serial: slot.drift.first_ms for slot in slots}
        return self._first_ms | {serial: ms for serial, ms in seen.items() if ms is not None}

    def measure(self, tflite: bytes) -> Measurement:
        """The latency of one network on the next free phone; waits while there is none.

        Raises:
          MeasurementError: where the network cannot be timed.
          ToolError: where the benchmark_model does not do, on whichever phone.
          DeviceError: where phones failed at it too often; the message lists how.
        """
        reasons: list[str] = []
        tried: set[str] = set()
        while True:
            slot = self._take(avoid=tried)
            timing_it = False
            try:
                if not self._steady(slot):
                    continue
                timing_it = True
                measurement = slot.clock.measure(tflite)
                slot.failures = 0
                slot.done += 1
                slot.drift.count()
                return self._corrected(slot, measurement)
            except ToolError:
                raise
            except DeviceError as error:
                self._failed(slot, error)
                tried.add(slot.serial)
                if not isinstance(error, (*_AWAY, TooHotError)) or (
                    timing_it and isinstance(error, _AWAY)
                ):
                    reasons.append(str(error))
                if len(reasons) >= self._config.max_failures:
                    raise DeviceError(
                        f"{len(reasons)} measurements of one network failed: {'; '.join(reasons)}"
                    ) from error
            finally:
                self._give_back(slot)

    def _corrected(self, slot: Slot, measurement: Measurement) -> Measurement:
        if self._reference is None:
            return measurement
        latency_ms, drift = measurement.latency_ms, slot.drift
        return dataclasses.replace(
            measurement,
            latency_ms=drift.corrected(latency_ms),
            phone=dataclasses.replace(
                measurement.phone,
                drift=drift.latest,
                uncorrected_ms=latency_ms if drift.notable else None,
            ),
        )

    def _steady(self, slot: Slot) -> bool:
        """Times the reference where it is due; False for a phone that drifted too far."""
        if self._reference is None or not slot.drift.due:
            return True
        try:
            slot.drift.look(slot.clock.measure(self._reference).latency_ms)
        except MeasurementError as error:
            # Not this candidate's fault.
            raise ToolError(f"the reference network cannot be timed: {error}") from error
        drift = f"{slot.drift.latest:+.1%} against its first reference latency"
        if slot.drift.too_far:
            self._set_aside(slot, f"it drifted by {drift}")
            return False
        if slot.drift.notable:
            message = f"phone {slot.serial} drifted by {drift}: its latencies are corrected for it"
            self._tell("drift", slot.serial, message)
        return True

    def _failed(self, slot: Slot, error: DeviceError) -> None:
        slot.drift.look_again()
        if isinstance(error, _AWAY):
            slot.attached = False
            if slot.why_not != "is gone":
                slot.why_not = "is gone"
                self._tell("gone", slot.serial, str(error))
        elif isinstance(error, TooHotError):
            slot.leave_alone(slot.clock.limits.poll_seconds, "is hot")
            self._tell("hot", slot.serial, str(error))
        else:
            slot.failures += 1
            self._tell("failed", slot.serial, f"phone {slot.serial}: {error}")
            if slot.failures >= 2:
                self._set_aside(slot, f"it failed {slot.failures} times")

    def _set_aside(self, slot: Slot, why: str) -> None:
        seconds = self._config.aside_seconds
        slot.failures = 0
        slot.drift.look_again()
        slot.leave_alone(seconds, f"is set aside, {why}")
        message = f"phone {slot.serial} is set aside for {seconds:g} s: {why}"
        self._tell("set_aside", slot.serial, message)

    def _give_back(self, slot: Slot) -> None:
        with self._changed:
            slot.busy = False
            self._changed.notify_all()

    def _take(self, avoid: set[str]) -> Slot:
        """A phone that is there, free and cool, now this thread's; waits while there is none."""
        while True:
            with self._changed:
                slot = self._free_slot(avoid)
                self._look_around(urgent=slot is None)
                if slot is None:
                    self._wait()
                    continue
                slot.busy = True
            if self._serves(slot):
                return slot
            self._give_back(slot)

    def _free_slot(self, avoid: set[str]) -> Slot | None:
        now = time.monotonic()
        free = [
            slot
            for slot in list(self._roster.slots.values())
            if slot.attached and not slot.busy and slot.not_before <= now
        ]
        # Rather another phone than those that just failed, and all in turn.
        return min(free, key=lambda slot: (slot.serial in avoid, slot.done), default=None)

    def _serves(self, slot: Slot) -> bool:
        """Whether a phone answers, is nobody else's and is cool; says what has changed."""
        limits = slot.clock.limits
        try:
            reason = thermal.too_hot(slot.clock.state(), limits)
        except DeviceError as error:
            self._failed(slot, error)
            return False
        if reason:
            if not slot.why_not:
                self._tell("hot", slot.serial, f"phone {slot.serial} cools down: {reason}")
            slot.leave_alone(limits.poll_seconds, f"cools down, {reason}")
            return False
        if is_locked(slot.clock.phone.hardware_serial):
            slot.leave_alone(self._config.poll_seconds, "is used by another process")
            return False
        if slot.why_not:
            slot.why_not = ""
            self._tell("found", slot.serial, f"phone {slot.serial} serves again")
        if self._waiting:
            self._waiting = False
            self._tell("going_on", slot.serial, f"going on with phone {slot.serial}")
        return True

    def _wait(self) -> None:
        """Gives the phones a moment; where none is at work, says so, once. Holds the lock."""
        slots = list(self._roster.slots.values())
        if not any(slot.busy for slot in slots) and not self._waiting:
            self._waiting = True
            reasons = "; ".join(f"{slot.serial} {slot.why_not}" for slot in slots)
            self._tell("waiting", "", f"waiting for a phone: {reasons}")
        self._changed.wait(self._config.poll_seconds)

    def _look_around(self, urgent: bool) -> None:
        """Has a thread see who has come and gone, now and then. Holds the lock.

        Args:
          urgent: somebody waits for a phone.
        """
        patience = self._config.poll_seconds * (1 if urgent else _LEISURE)
        if self._looking is not None or time.monotonic() - self._looked < patience:
            return
        # A thread, since a phone that does not answer keeps adb busy for many seconds, in which
        # the other phones can work.
        self._looking = threading.Thread(target=self._refresh, daemon=True)
        self._looking.start()

    def _refresh(self) -> None:
        try:
            self._roster.refresh()
            self._adb_complaint = ""
        except DeviceError as error:  # adb itself: it may recover
            if self._adb_complaint != str(error):
                self._adb_complaint = str(error)
                self._tell("failed", "", str(error))
        finally:
            with self._changed:
                self._looked, self._looking = time.monotonic(), None
                self._changed.notify_all()

    def _tell(self, kind: str, serial: str, message: str) -> None:
        event = Event(kind, serial, message, time.time())
        self.events.append(event)
        self._on_event(event)
