"""Lists the phones that are attached, and whether each is fit to measure on.

python -m tflite_bench.phones [--benchmark_model=PATH] [--json]
"""

import dataclasses
import json

from absl import flags

from tflite_bench import command_line
from tflite_bench.adb import Adb
from tflite_bench.benchmark_tool import load_tool
from tflite_bench.device_errors import NoPhoneError
from tflite_bench.device_flags import ADB, BENCHMARK_MODEL, NUM_THREADS, cpu_mask, limits
from tflite_bench.phone_table import look, print_rows

_JSON = flags.DEFINE_bool("json", False, "print a list of JSON objects instead of a table")


def main() -> None:
    with command_line.usage_errors():
        bounds, mask = limits(), cpu_mask()
        tool = load_tool(BENCHMARK_MODEL.value) if BENCHMARK_MODEL.value else None
    adb = Adb.of_flag(ADB.value)
    rows = look(adb, bounds, tool=tool, mask=mask, num_threads=NUM_THREADS.value)
    if not rows:
        raise NoPhoneError(
            "no phone is attached: plug one in with USB debugging on (see `adb devices`)"
        )
    if _JSON.value:
        print(json.dumps([dataclasses.asdict(row) for row in rows], indent=2))
        return
    print_rows(rows)


if __name__ == "__main__":
    command_line.run(main)
