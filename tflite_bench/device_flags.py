"""Flags that say what to measure on and how; for every binary that has a clock."""

from absl import flags

from tflite_bench.benchmark_tool import ToolConfig
from tflite_bench.devices import DeviceConfig
from tflite_bench.drift import DriftConfig
from tflite_bench.host import HostConfig
from tflite_bench.roster import RosterConfig
from tflite_bench.shelf_config import ShelfConfig
from tflite_bench.thermal import Limits

_HOST, _AUTO = "host", "auto"

DEVICE = flags.DEFINE_string(
    "device",
    None,
    "what to time networks on: host (this machine), auto (the phones that are attached), or "
    "serials of phones with commas between (python -m tflite_bench.phones lists them)",
)
BENCHMARK_MODEL = flags.DEFINE_string(
    "benchmark_model",
    None,
    "path of TFLite's benchmark_model binary for the device: phones need it, on the host it takes "
    "the place of LiteRT",
)
ADB = flags.DEFINE_string(
    "adb", None, "path of the adb program; by default that on PATH, else that of PyPI's adbutils"
)
_CPU_MASK = flags.DEFINE_string(
    "cpu_mask",
    None,
    "cores to run networks on, in hexadecimal as for taskset: f0 is cores 4 to 7; by default a "
    "phone's fastest kind of core",
)
_DEVICE_MODEL = flags.DEFINE_string(
    "device_model", None, "with --device=auto: only phones of this model, such as 'Pixel 2'"
)
NUM_THREADS = flags.DEFINE_integer(
    "num_threads",
    HostConfig.num_threads,
    "threads of the timed inference; on the host without --benchmark_model one is timed in CPU "
    "time, more in wall time",
)
_RUNS = flags.DEFINE_integer(
    "runs", ToolConfig.runs, "inferences to time, at least (with benchmark_model in each repeat)"
)
_WARMUP_RUNS = flags.DEFINE_integer(
    "warmup_runs", ToolConfig.warmup_runs, "inferences before, which do not count"
)
_MIN_SECONDS = flags.DEFINE_float(
    "min_seconds", ToolConfig.min_seconds, "of a repeat by benchmark_model, at least"
)
_MAX_SPREAD = flags.DEFINE_float(
    "max_spread",
    ToolConfig.max_spread,
    "how far repeats by benchmark_model may lie apart, as a share: 0.05 is 5 %",
)
_MAX_TRIES = flags.DEFINE_integer(
    "max_tries", ToolConfig.max_tries, "repeats by benchmark_model, at most, until they agree"
)
_USE_XNNPACK = flags.DEFINE_bool(
    "use_xnnpack", ToolConfig.use_xnnpack, "TFLite's optimized kernels, in benchmark_model"
)
_USE_GPU = flags.DEFINE_bool(
    "use_gpu", ToolConfig.use_gpu, "the GPU in place of the cores, in benchmark_model"
)
_MAX_TEMPERATURE_C = flags.DEFINE_float(
    "max_temperature_c",
    Limits.max_temperature_c,
    "battery temperature, in degrees Celsius, above which a phone cools down first",
)
_COOLDOWN_SECONDS = flags.DEFINE_float(
    "cooldown_seconds", Limits.cooldown_seconds, "to wait for that, at most"
)
_REFERENCE_EVERY = flags.DEFINE_integer(
    "reference_every",
    DriftConfig.every,
    "measurements of a search after which each phone times the reference network again",
)
_MAX_DRIFT = flags.DEFINE_float(
    "max_drift",
    DriftConfig.max_drift,
    "a phone that times the reference network further off than this share is set aside",
)


def device_config(*, mix_models: bool = False) -> DeviceConfig:
    """What the flags say; without --device it is this machine.

    Args:
      mix_models: phones of different models may serve side by side.

    Raises:
      ValueError: for a value out of range.
    """
    device = _HOST if DEVICE.value is None else DEVICE.value
    serials = tuple(serial.strip() for serial in device.split(","))
    if not all(serials):
        raise ValueError(f"--device={device!r} is no device: host, auto or serials are allowed")
    if len(serials) > 1 and {_HOST, _AUTO}.intersection(serials):
        raise ValueError(f"--device={device}: host and auto stand alone, serials may be several")
    on_phones = device != _HOST
    if on_phones and not BENCHMARK_MODEL.value:
        raise ValueError(
            f"--device={device} needs --benchmark_model=PATH, TFLite's binary for the phone"
        )
    if _USE_GPU.value and not BENCHMARK_MODEL.value:
        raise ValueError("--use_gpu needs --benchmark_model=PATH, LiteRT here runs on the cores")
    return DeviceConfig(
        on_phones=on_phones,
        benchmark_model=BENCHMARK_MODEL.value or None,
        adb=ADB.value,
        cpu_mask=cpu_mask(),
        tool=ToolConfig(
            num_threads=NUM_THREADS.value,
            runs=_RUNS.value,
            warmup_runs=_WARMUP_RUNS.value,
            min_seconds=_MIN_SECONDS.value,
            max_spread=_MAX_SPREAD.value,
            max_tries=_MAX_TRIES.value,
            use_xnnpack=_USE_XNNPACK.value,
            use_gpu=_USE_GPU.value,
        ),
        host=HostConfig(
            num_threads=NUM_THREADS.value, runs=_RUNS.value, warmup_runs=_WARMUP_RUNS.value
        ),
        limits=limits(),
        shelf=ShelfConfig(
            roster=RosterConfig(
                serials=() if device in (_HOST, _AUTO) else serials,
                device_model=_DEVICE_MODEL.value,
                mix_models=mix_models,
            ),
            drift=DriftConfig(_REFERENCE_EVERY.value, _MAX_DRIFT.value),
        ),
    )


def cpu_mask() -> int | None:
    """The cores of --cpu_mask as a bit mask; ValueError where it is no hexadecimal number."""
    if _CPU_MASK.value is None:
        return None
    try:
        mask = int(_CPU_MASK.value, 16)
    except ValueError:
        mask = 0
    if mask <= 0:
        raise ValueError(
            f"--cpu_mask={_CPU_MASK.value} is no mask of cores, write it in hexadecimal: f0"
        )
    return mask


def limits() -> Limits:
    """Where a phone is too hot; ValueError for a value out of range."""
    return Limits(
        max_temperature_c=_MAX_TEMPERATURE_C.value, cooldown_seconds=_COOLDOWN_SECONDS.value
    )
