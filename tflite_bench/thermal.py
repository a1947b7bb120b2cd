"""A phone's state of the moment: heat, charge, free space; and whether to measure in it."""

import dataclasses
import re

from tflite_bench.adb import Adb

# Where files go on a phone: the one folder from which its shell user may run programs.
STORAGE = "/data/local/tmp"

_SCRIPT = f"""
dumpsys battery
dumpsys thermalservice 2>/dev/null
echo "low_power: $(settings get global low_power 2>/dev/null)"
echo storage; df -k {STORAGE}
"""
_NAMES = ("none", "light", "moderate", "severe", "critical", "emergency", "shutdown")


@dataclasses.dataclass(frozen=True)
class State:
    """What a phone said of itself; None where it did not say.

    Attributes:
      temperature_c: of the battery, in degrees Celsius.
      thermal_status: Android's, 0 (none) to 6 (shutdown); Android 10 and later.
      battery_percent: charge.
      battery_saver: whether it holds the cores back.
      free_mb: space for files, in MB.
    """

    temperature_c: float | None
    thermal_status: int | None
    battery_percent: int | None
    battery_saver: bool
    free_mb: int | None

    @property
    def thermal_name(self) -> str:
        """Android's word for the thermal status."""
        if self.thermal_status is None:
            return "unknown"
        return _NAMES[min(self.thermal_status, len(_NAMES) - 1)]


@dataclasses.dataclass(frozen=True)
class Limits:
    """Where a phone is measured on, and how long to wait for it to get there.

    Attributes:
      max_temperature_c: of the battery, in degrees Celsius.
      max_thermal_status: Android's; at 1 (light) the cores already run slower on some phones.
      min_free_mb: space left beside what is pushed, in MB.
      poll_seconds: between two looks at a phone that cools down.
      cooldown_seconds: at most so long.
    """

    max_temperature_c: float = 40.0
    max_thermal_status: int = 0
    min_free_mb: int = 50
    poll_seconds: float = 5.0
    cooldown_seconds: float = 600.0

    def __post_init__(self):
        if not 0 < self.max_temperature_c < 100:
            raise ValueError(
                f"max_temperature_c is {self.max_temperature_c!r}, must be between 0 and 100 C"
            )
        for field in ("max_thermal_status", "min_free_mb", "cooldown_seconds"):
            if getattr(self, field) < 0:
                raise ValueError(f"{field} is {getattr(self, field)!r}, must be 0 or more")
        if self.poll_seconds <= 0:
            raise ValueError(f"poll_seconds is {self.poll_seconds!r}, must be over 0")


def read_state(adb: Adb, serial: str) -> State:
    """Asks a phone for its state.

    Raises:
      DeviceError: where it cannot be reached.
    """
    text, _, storage = adb.shell(serial, ["sh", "-c", _SCRIPT]).stdout.partition("\nstorage\n")
    temperature = _integer(r"^\s*temperature: (-?\d+)", text)
    #
    free = re.search(r"\s(\d+)\s+\d+%\s", storage)
    return State(
        temperature_c=None if temperature is None else temperature / 10,
        thermal_status=_integer(r"^\s*Thermal Status: (\d+)", text),
        battery_percent=_integer(r"^\s*level: (\d+)", text),
        battery_saver=_integer(r"^low_power: (\d+)", text) == 1,
        free_mb=int(free[1]) // 1024 if free else None,
    )


def too_hot(state: State, limits: Limits) -> str | None:
    """Why it has to cool down first, or None."""
    if state.temperature_c is not None and state.temperature_c > limits.max_temperature_c:
        return f"battery at {state.temperature_c:.1f} C, over {limits.max_temperature_c:g} C"
    if state.thermal_status is not None and state.thermal_status > limits.max_thermal_status:
        return f"thermal status {state.thermal_status} ({state.thermal_name})"
    return None


def unfit(state: State, limits: Limits) -> str | None:
    """What else speaks against measuring, that waiting does not mend, or None."""
    if state.battery_saver:
        return "battery saver is on, it slows the cores down: switch it off"
    if state.free_mb is not None and state.free_mb < limits.min_free_mb:
        return f"no space left: {state.free_mb} MB free, {limits.min_free_mb} MB are needed"
    return None


def _integer(pattern: str, text: str) -> int | None:
    match = re.search(pattern, text, re.MULTILINE)
    return int(match[1]) if match else None
