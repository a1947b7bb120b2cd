"""Times .tflite files.

    python -m tflite_bench.main --tflite=a.tflite,b.tflite --device=host

Several files take turns, so that whatever else the machine does hits them alike.
"""

import dataclasses
import json
import os
import sys

from absl import flags

from tflite_bench import command_line
from tflite_bench.host import HostClock, HostConfig
from tflite_bench.measurement import Measurement, MeasurementError

# In a .tflite the file identifier of its schema follows the offset of the root table.
_IDENTIFIER = slice(4, 8), b"TFL3"
# Repeats further apart than this are worth a word.
_NOTABLE_SPREAD = 0.1

_TFLITE = flags.DEFINE_list("tflite", None, "files to time, with commas between")
_DEVICE = flags.DEFINE_enum("device", "host", ["host"], "host is this machine")
_NUM_THREADS = flags.DEFINE_integer(
    "num_threads",
    HostConfig.num_threads,
    "threads of the interpreter; one is timed in CPU time, more in wall time",
)
_RUNS = flags.DEFINE_integer(
    "runs", HostConfig.runs, "inferences to time, at least; fewer where they would take too long"
)
_WARMUP_RUNS = flags.DEFINE_integer(
    "warmup_runs", HostConfig.warmup_runs, "inferences before, which do not count"
)
_JSON = flags.DEFINE_bool("json", False, "print a list of JSON objects instead of a table")


def read_tflite(path: str) -> bytes:
    """The content of a .tflite file.

    Raises:
      ValueError: where there is no such file, or it is something else.
    """
    if not os.path.isfile(path):
        raise ValueError(f"{path!r} is no file")
    with open(path, "rb") as file:
        content = file.read()
    where, identifier = _IDENTIFIER
    if content[where] != identifier:
        what = "is empty" if not content else "is not a TFLite file"
        raise ValueError(f"{path!r} {what}, files that TFLiteConverter writes are allowed")
    return content


def table(paths: list[str], measurements: list[Measurement]) -> tuple[list[str], list[list[str]]]:
    """(heads, rows) of the table, as text."""
    heads = ["network", f"{measurements[0].clock} ms", "spread", "runs", "quantization"]
    rows = [
        [
            path,
            f"{measurement.latency_ms:.3f}",
            f"{measurement.spread:.1%}",
            str(measurement.runs),
            measurement.quantization,
        ]
        for path, measurement in zip(paths, measurements, strict=True)
    ]
    if len(rows) > 1:
        heads.insert(2, "ratio")
        for row, measurement in zip(rows, measurements, strict=True):
            row.insert(2, f"{measurement.latency_ms / measurements[0].latency_ms:.2f}")
    return heads, rows


def notes(measurements: list[Measurement]) -> list[str]:
    """What stands under the table: how the numbers came about, and what speaks against them."""
    first = measurements[0]
    lines = [
        f"{first.device}, {first.num_threads} thread{'s' if first.num_threads > 1 else ''}, "
        f"{first.tool} {first.tool_version}, {first.measured_at}",
        f"median {'CPU' if first.clock == 'cpu' else 'wall'} time of an inference; spread: how far "
        f"{len(first.repeats_ms)} repeats lie apart",
    ]
    widest = max(measurement.spread for measurement in measurements)
    if widest > _NOTABLE_SPREAD:
        lines.append(f"repeats lie {widest:.0%} apart: the machine is busy, measure again")
    return lines


def _print_plain(heads: list[str], rows: list[list[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    for row in [heads, *rows]:
        first, *others = (
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        print("  ".join([first, *others]))


def _print_rich(heads: list[str], rows: list[list[str]]) -> None:
    import rich
    import rich.table
    import rich.text

    drawn = rich.table.Table()
    for place, head in enumerate(heads):
        drawn.add_column(head, justify="left" if place == 0 else "right", overflow="fold")
    for row in rows:
        # As Text, or brackets in a path would be taken for markup.
        drawn.add_row(*map(rich.text.Text, row))
    rich.print(drawn)


def main() -> None:
    paths = _TFLITE.value or []
    with command_line.usage_errors():
        if not paths:
            raise ValueError("no network given: name .tflite files with --tflite=A.tflite,B.tflite")
        config = HostConfig(
            num_threads=_NUM_THREADS.value, runs=_RUNS.value, warmup_runs=_WARMUP_RUNS.value
        )
        tflites = [read_tflite(path) for path in paths]
    try:
        measurements = HostClock(config).measure_interleaved(
            tflites, [repr(path) for path in paths]
        )
    except MeasurementError as error:
        raise command_line.UsageError(str(error)) from error
    if _JSON.value:
        objects = [
            {"tflite": path, **dataclasses.asdict(measurement)}
            for path, measurement in zip(paths, measurements, strict=True)
        ]
        print(json.dumps(objects, indent=2))
        return
    draw = _print_rich if sys.stdout.isatty() else _print_plain
    draw(*table(paths, measurements))
    print(*notes(measurements), sep="\n")


if __name__ == "__main__":
    command_line.run(main)
