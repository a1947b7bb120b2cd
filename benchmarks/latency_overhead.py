"""What a measurement on a phone costs beside benchmark_model's own run, per candidate.

    phone_lab/run python -m benchmarks.latency_overhead --device=auto \
        --benchmark_model=PATH --tflite=A.tflite

Everything around the tool counts: looking at the phone's heat, pushing the network, adb's shell,
checking, parsing, removing the files. The baseline is the time in which the tool itself ran in the
same measurements: how long its commands took, less what adb takes for a command that does nothing.
All are medians over candidates. On a loopback phone the target is 1 s at most.
"""

import statistics
import time
from collections.abc import Sequence

from absl import flags

from tflite_bench import command_line
from tflite_bench.adb import Adb, Result
from tflite_bench.adb_program import find_adb
from tflite_bench.benchmark_tool import load_tool
from tflite_bench.device_errors import DeviceError
from tflite_bench.device_flags import ADB, BENCHMARK_MODEL, device_config
from tflite_bench.phone_clock import PhoneClock
from tflite_bench.tflite_file import read_tflite

_TFLITE = flags.DEFINE_string("tflite", None, "the network of the candidate")
_ROUNDS = flags.DEFINE_integer("rounds", 5, "candidates", lower_bound=1)

_TARGET_SECONDS = 1.0


class _TimedAdb(Adb):
    """Remembers the seconds of each command that runs the tool."""

    def __init__(self, program: str):
        super().__init__(program)
        self.tool_seconds: list[float] = []

    def shell(self, serial: str, command: Sequence[str], **fields) -> Result:
        start = time.monotonic()
        result = super().shell(serial, command, **fields)
        if "taskset" in command:
            self.tool_seconds.append(time.monotonic() - start)
        return result


def main() -> None:
    with command_line.usage_errors():
        if not _TFLITE.value:
            raise ValueError("no network given: name one with --tflite=A.tflite")
        config, tool = device_config(), load_tool(BENCHMARK_MODEL.value)
        tflite = read_tflite(_TFLITE.value)
    adb = _TimedAdb(find_adb(ADB.value))
    usable = [attached.serial for attached in adb.devices() if attached.state == "device"]
    if not usable:
        raise DeviceError("no phone can be used: see python -m tflite_bench.phones")
    clock = PhoneClock(adb, usable[0], tool, config.tool, config.limits, config.cpu_mask)
    # The first candidate also brings the tool to the phone, once for all.
    clock.measure(tflite)

    nothing, whole, alone, repeats = [], [], [], []
    for _ in range(_ROUNDS.value):
        start = time.monotonic()
        adb.shell(usable[0], ["true"])
        nothing.append(time.monotonic() - start)
        adb.tool_seconds.clear()
        start = time.monotonic()
        clock.measure(tflite)
        whole.append(time.monotonic() - start)
        repeats.append(len(adb.tool_seconds))
        alone.append(sum(adb.tool_seconds) - len(adb.tool_seconds) * nothing[-1])
    added = [total - tool_alone for total, tool_alone in zip(whole, alone, strict=True)]
    print(f"{_TFLITE.value}, {len(tflite) / 1e6:.1f} MB, {clock.device}, {len(whole)} candidates")
    for what, values in (
        (f"benchmark_model alone, {statistics.median(repeats):g} repeats", alone),
        ("a candidate", whole),
        (f"what we add (target: at most {_TARGET_SECONDS:g} s on a loopback phone)", added),
    ):
        print(f"{what:60}{statistics.median(values):8.2f} s")


if __name__ == "__main__":
    command_line.run(main)
