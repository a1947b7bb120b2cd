"""Which phones are there, and which of them serve."""

import dataclasses
import time
from collections.abc import Callable, Collection, Mapping

from tflite_bench.adb import Adb
from tflite_bench.device_errors import (
    DeviceError,
    DeviceFlagError,
    NoPhoneError,
    NotAttachedError,
    OfflineError,
    UnauthorizedError,
)
from tflite_bench.drift import Drift, DriftConfig
from tflite_bench.phone_clock import PhoneClock

# Tells of an event: its kind, the phone's serial, one line.
Tell = Callable[[str, str, str], None]
# Serial, and whom to tell in one line that a measurement pauses -> the clock.
MakeClock = Callable[[str, Callable[[str], None]], PhoneClock]


@dataclasses.dataclass(frozen=True)
class RosterConfig:
    """Which phones to use.

    Attributes:
      serials: of the phones; () for all that are attached.
      device_model: only phones of this model, such as 'Pixel 2'; None where all are of one.
      mix_models: phones of different models may serve side by side.
    """

    serials: tuple[str, ...] = ()
    device_model: str | None = None
    mix_models: bool = False


class Slot:
    """One phone's place.

    Attributes:
      clock: on the phone.
      drift: of the phone.
      serial: of the phone.
      attached: whether adb lists it as usable.
      busy: whether a thread of this process has it.
      failures: since the last success.
      done: measurements.
      not_before: the time.monotonic() until which to leave it alone.
      why_not: why it does not serve at the moment, '' where it does.
    """

    def __init__(self, clock: PhoneClock, drift: Drift):
        self.clock, self.drift = clock, drift
        self.serial = clock.phone.serial
        self.attached, self.busy = True, False
        self.failures = self.done = 0
        self.not_before, self.why_not = 0.0, ""

    def leave_alone(self, seconds: float, why: str) -> None:
        """Makes it not serve for so long."""
        self.not_before, self.why_not = time.monotonic() + seconds, why


class Roster:
    """The phones; one thread at a time may refresh it, others may read `slots` meanwhile.

    Attributes:
      slots: serial -> slot, of all phones that were ever found.
      model: of the phones, the first one's where models are mixed.
    """

    def __init__(
        self,
        adb: Adb,
        make_clock: MakeClock,
        config: RosterConfig,
        drift: DriftConfig,
        first_ms: Mapping[str, float],
        tell: Tell,
    ):
        """Finds the phones; arguments and errors as those of PhoneShelf."""
        self.slots: dict[str, Slot] = {}
        self.model = ""
        self._adb, self._make_clock, self._config = adb, make_clock, config
        self._drift, self._first_ms, self._tell = drift, first_ms, tell
        self._refused: dict[str, str] = {}
        problems = self._look()
        for serial in config.serials:
            if serial in problems:
                raise problems[serial]
        if not self.slots:
            if problems:
                raise none_fit(problems.values())
            raise NoPhoneError(
                "no phone is attached: plug one in with USB debugging on (see `adb devices`)"
            )
        self._tell_refused(problems)

    def refresh(self) -> None:
        """Sees who has come and gone, and tries to reach again whom adb has lost.

        Raises:
          DeviceError: where adb itself fails.
        """
        try:
            self._tell_refused(self._look(reconnect=True))
        except ValueError as error:  # a phone of another model has joined
            self._tell("unfit", "", str(error))

    def _look(self, reconnect: bool = False) -> dict[str, DeviceError]:
        """Serial -> why a phone cannot be used."""
        states = {attached.serial: attached.state for attached in self._adb.devices()}
        if reconnect:
            for slot in list(self.slots.values()):
                if not slot.attached and not slot.busy:
                    # Also where adb lists it: it may not have noticed that the phone is gone.
                    self._adb.reconnect(slot.serial)
            states = {attached.serial: attached.state for attached in self._adb.devices()}
        problems: dict[str, DeviceError] = {}
        for serial in self._config.serials or tuple(states):
            try:
                if states.get(serial) != "device":
                    raise unusable(serial, states.get(serial))
                if serial in self.slots:
                    self.slots[serial].attached = True
                else:
                    self._add(serial)
            except DeviceError as error:
                problems[serial] = error
        return problems

    def _add(self, serial: str) -> None:
        clock = self._make_clock(serial, lambda message: self._tell("pause", serial, message))
        phone = clock.phone
        if any(
            slot.clock.phone.hardware_serial == phone.hardware_serial
            for slot in self.slots.values()
        ):
            return  # the same phone by cable and by network
        wanted = self._config.device_model
        if wanted and wanted.lower() not in {name.lower() for name in phone.names}:
            raise DeviceFlagError(
                f"phone {serial} is a {phone.model}, not the --device_model={wanted}"
            )
        if self.slots and phone.model != self.model and not self._config.mix_models:
            raise ValueError(
                f"phone {serial} is a {phone.model}, another one a {self.model}: phones of several "
                "models are not mixed, choose one with --device_model"
            )
        self.model = self.model or phone.model
        drift = Drift(
            self._drift, clock.config.max_spread, self._first_ms.get(phone.hardware_serial)
        )
        self.slots[serial] = Slot(clock, drift)
        self._tell("found", serial, f"phone {serial}: {phone.model}, cores {clock.cpu_mask:x}")

    def _tell_refused(self, problems: Mapping[str, DeviceError]) -> None:
        """Says of each phone that never served why, once."""
        for serial, error in problems.items():
            if serial not in self.slots and self._refused.get(serial) != str(error):
                self._refused[serial] = str(error)
                self._tell("unfit", serial, str(error))


def none_fit(problems: Collection[DeviceError]) -> DeviceError:
    """The one error for all phones; the user's mistake where it is with each of them."""
    if len(problems) == 1:
        return next(iter(problems))
    mistaken = all(isinstance(error, DeviceFlagError) for error in problems)
    told = "; ".join(str(error) for error in problems)
    return (DeviceFlagError if mistaken else DeviceError)(f"no phone can be used: {told}")


def unusable(serial: str, state: str | None) -> DeviceError:
    """What a state of `adb devices` other than 'device' means (None: it is not listed)."""
    if state is None:
        return NotAttachedError(f"phone {serial} is not attached (see `adb devices`)")
    if state in ("unauthorized", "authorizing"):
        return UnauthorizedError(
            f"phone {serial} is unauthorised: unlock it and allow this computer's USB debugging"
        )
    if state.startswith("no permissions"):
        return OfflineError(
            f"phone {serial} may not be opened by this user: set up udev rules for it"
        )
    return OfflineError(f"phone {serial} is {state}: plug it out and in again")
