"""What a clock says about a network, with all that a reader needs to trust the number."""

import dataclasses
import datetime
import hashlib
import math
import statistics

CLOCKS = ("cpu", "wall")


class MeasurementError(Exception):
    """This network could not be timed; the message is one line that says why."""


@dataclasses.dataclass(frozen=True)
class PhoneConditions:
    """The phone that a network was timed on, and how it was doing.

    Attributes:
      serial: what adb calls it.
      hardware_serial: what it calls itself.
      model: such as 'Google Pixel'.
      android: release of its system.
      abi: format of the binaries that it prefers.
      cpu_mask: the cores that ran the network, as taskset's hexadecimal mask.
      temperature_c: of the battery before and after, in degrees Celsius; None where unknown.
      thermal_status: Android's, before and after, 0 (none) to 6 (shutdown); None where unknown.
      drift: how much slower than at first the phone timed the reference network of late: 0.07 is
        7 %; None where nobody looked.
      uncorrected_ms: the latency before it was corrected for drift, None where it was not.
    """

    serial: str
    hardware_serial: str
    model: str
    android: str
    abi: str
    cpu_mask: str
    temperature_c: tuple[float | None, float | None]
    thermal_status: tuple[int | None, int | None]
    drift: float | None = None
    uncorrected_ms: float | None = None


@dataclasses.dataclass(frozen=True)
class Measurement:
    """The latency of one network on one device; `dataclasses.asdict` of it is ready for JSON.

    Attributes:
      latency_ms: of one inference: the median over `repeats_ms`.
      spread: how far the repeats disagree: (largest - smallest) / median of `repeats_ms`.
      repeats_ms: the latency that each repeat of the measurement found.
      runs: inferences timed, all repeats together.
      warmup_runs: inferences before them that were not timed.
      num_threads: threads that the interpreter may use.
      clock: 'cpu' (time that the inference spent on a processor, blind to whatever else the machine
        does) or 'wall'.
      device: what the network ran on, such as the model of the CPU.
      tool: the program that timed it.
      tool_version: its version.
      model_sha256: of the .tflite file.
      quantization: of the file: 'none', 'float16', 'dynamic' or 'int8'.
      measured_at: when, in UTC, as ISO 8601.
      delegate: what executed the operators: 'xnnpack', 'gpu' or 'none' (TFLite's own kernels).
      discarded_ms: what further repeats found that did not agree with the others.
      tool_sha256: of the program, where it is a single file: another build gives other numbers.
      raw: what the program printed, one text per repeat, discarded ones included, in order.
      phone: None where it is not a phone.

    Raises:
      MeasurementError: for a latency that is not a positive number: that is no measurement.
    """

    latency_ms: float
    spread: float
    repeats_ms: tuple[float, ...]
    runs: int
    warmup_runs: int
    num_threads: int
    clock: str
    device: str
    tool: str
    tool_version: str
    model_sha256: str
    quantization: str
    measured_at: str
    delegate: str = "xnnpack"
    discarded_ms: tuple[float, ...] = ()
    tool_sha256: str | None = None
    raw: tuple[str, ...] = ()
    phone: PhoneConditions | None = None

    def __post_init__(self):
        for value in (self.latency_ms, *self.repeats_ms):
            if not (math.isfinite(value) and value > 0):
                raise MeasurementError(f"the clock says {value!r} ms, must be over 0")
        if self.clock not in CLOCKS:
            raise ValueError(f"clock is {self.clock!r}, must be one of {', '.join(CLOCKS)}")


def from_repeats(repeats_ms, *, tflite: bytes, **fields) -> Measurement:
    """A Measurement of one network now: latency and spread worked out from its repeats.

    Args:
      repeats_ms: one latency per repeat, at least one.
      tflite: the network, as timed.
      **fields: the remaining attributes of Measurement.

    Raises:
      MeasurementError: for no repeats, or one that is not a positive number.
    """
    repeats_ms = tuple(float(value) for value in repeats_ms)
    if not repeats_ms or not all(math.isfinite(value) and value > 0 for value in repeats_ms):
        raise MeasurementError(f"the clock says {repeats_ms} ms, all must be over 0")
    latency_ms = statistics.median(repeats_ms)
    return Measurement(
        latency_ms=latency_ms,
        spread=(max(repeats_ms) - min(repeats_ms)) / latency_ms,
        repeats_ms=repeats_ms,
        model_sha256=hashlib.sha256(tflite).hexdigest(),
        measured_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        **fields,
    )
