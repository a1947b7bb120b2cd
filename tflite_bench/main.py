"""Times .tflite files, on this machine or on phones.

    python -m tflite_bench.main --tflite=a.tflite,b.tflite --device=host
    python -m tflite_bench.main --tflite=a.tflite --device=auto --benchmark_model=PATH

On this machine several files take turns, so that whatever else it does hits them alike. On phones
each file is timed on each of them; with --device=auto one that fails or stays too hot is left out,
a phone that is named must do. --profile tells where the time goes, operator by operator.
"""

import dataclasses
import json
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

from absl import flags

from tflite_bench import command_line
from tflite_bench.device_flags import device_config
from tflite_bench.devices import DeviceConfig, host_clock, phone_shelf
from tflite_bench.each_clock import on_each
from tflite_bench.measurement import Measurement, MeasurementError
from tflite_bench.op_profile import side_by_side
from tflite_bench.text_table import print_table
from tflite_bench.tflite_file import read_tflite

# Repeats further apart than this are worth a word.
_NOTABLE_SPREAD = 0.1

_TFLITE = flags.DEFINE_list("tflite", None, "files to time, with commas between")
_PROFILE = flags.DEFINE_bool(
    "profile",
    False,
    "where the time goes: each kind of operator, several files side by side, and peak memory; "
    "needs --benchmark_model",
)
_JSON = flags.DEFINE_bool("json", False, "print a list of JSON objects instead of a table")


class Timed(NamedTuple):
    """A file and what a clock said of it."""

    path: str
    measurement: Measurement


def table(timed: list[Timed]) -> tuple[list[str], list[list[str]]]:
    """(heads, rows) of the table, as text; ratios are to the first file on the same phone."""
    phones = any(measurement.phone for _, measurement in timed)
    heads = ["network", f"{timed[0].measurement.clock} ms", "spread", "runs", "quantization"]
    rows = [
        [
            path,
            f"{measurement.latency_ms:.3f}",
            f"{measurement.spread:.1%}",
            str(measurement.runs),
            measurement.quantization,
        ]
        for path, measurement in timed
    ]
    if len({path for path, _ in timed}) > 1:
        heads.insert(2, "ratio")
        first: dict[str, float] = {}
        for row, (_, measurement) in zip(rows, timed, strict=True):
            base = first.setdefault(_device(measurement), measurement.latency_ms)
            row.insert(2, f"{measurement.latency_ms / base:.2f}")
    if phones:
        heads[1:1] = ["phone", "cores", "C"]
        for row, (_, measurement) in zip(rows, timed, strict=True):
            phone = measurement.phone
            hot = [celsius for celsius in phone.temperature_c if celsius is not None]
            row[1:1] = [phone.serial, phone.cpu_mask, f"{max(hot):.1f}" if hot else "?"]
    return heads, rows


def notes(measurements: list[Measurement]) -> list[str]:
    """What stands under the table: how the numbers came about, and what speaks against them."""
    first = measurements[0]
    devices = dict.fromkeys(_device(measurement) for measurement in measurements)
    threads = f"{first.num_threads} thread{'s' if first.num_threads > 1 else ''}"
    tool = f"{first.tool} {first.tool_version}"
    if first.tool_sha256:
        tool += f" on {first.delegate}"
    lines = [
        f"{', '.join(devices)}, {threads}, {tool}, {first.measured_at}",
        f"median {'CPU' if first.clock == 'cpu' else 'wall'} time of an inference; spread: how far "
        f"{len(first.repeats_ms)} repeats lie apart",
    ]
    if first.tool_sha256:
        lines[1] = (
            "wall time of an inference: the median of repeats, each the tool's own median or mean; "
            "spread: how far repeats that agree lie apart"
        )
    widest = max(measurement.spread for measurement in measurements)
    if widest > _NOTABLE_SPREAD:
        lines.append(f"repeats lie {widest:.0%} apart: the machine is busy, measure again")
    return lines


def _device(measurement: Measurement) -> str:
    if measurement.phone is None:
        return measurement.device
    return f"{measurement.device} ({measurement.phone.serial})"


def _clocks(config: DeviceConfig) -> Iterator:
    """The clocks, one for each device."""
    if not config.on_phones:
        return iter([host_clock(config)])
    shelf = phone_shelf(
        config,
        on_event=lambda event: (
            None if event.kind == "found" else print(event.message, file=sys.stderr)
        ),
    )
    return iter(shelf.phones)


def _measure(config: DeviceConfig, paths: list[str], tflites: list[bytes]) -> list[Timed]:
    with command_line.usage_errors():
        clocks = list(_clocks(config))
    if not config.on_phones:
        names = [repr(path) for path in paths]
        measured = clocks[0].measure_interleaved(tflites, names)
        return [Timed(*pair) for pair in zip(paths, measured, strict=True)]
    return [
        Timed(path, measurement)
        for path, _, measurement in on_each(
            config, clocks, paths, tflites, lambda clock, tflite: clock.measure(tflite)
        )
    ]


def _profile(config: DeviceConfig, paths: list[str], tflites: list[bytes]) -> None:
    with command_line.usage_errors():
        if not config.benchmark_model:
            raise ValueError("--profile needs --benchmark_model=PATH, TFLite's binary")
        clocks = list(_clocks(config))
    profiles_on: dict[Any, list] = {}
    for _, clock, profile in on_each(
        config, clocks, paths, tflites, lambda clock, tflite: clock.profile(tflite)
    ):
        profiles_on.setdefault(clock, []).append(profile)
    objects = []
    for clock, profiles in profiles_on.items():
        if len(profiles) < len(paths):  # was left out, which has been said
            continue
        objects += [
            {"tflite": path, "device": clock.device, **dataclasses.asdict(profile)}
            for path, profile in zip(paths, profiles, strict=True)
        ]
        if not _JSON.value:
            print_table(*side_by_side(paths, profiles))
            print(f"{clock.device}; profiling itself costs time: compare, do not add up")
    if _JSON.value:
        print(json.dumps(objects, indent=2))


def main() -> None:
    paths = _TFLITE.value or []
    with command_line.usage_errors():
        if not paths:
            raise ValueError("no network given: name .tflite files with --tflite=A.tflite,B.tflite")
        # Here each phone speaks for itself.
        config = device_config(mix_models=True)
        tflites = [read_tflite(path) for path in paths]
    try:
        if _PROFILE.value:
            _profile(config, paths, tflites)
            return
        timed = _measure(config, paths, tflites)
    except MeasurementError as error:
        raise command_line.UsageError(str(error)) from error
    if _JSON.value:
        objects = [
            {"tflite": path, **dataclasses.asdict(measurement)} for path, measurement in timed
        ]
        print(json.dumps(objects, indent=2))
        return
    print_table(*table(timed))
    print(*notes([measurement for _, measurement in timed]), sep="\n")


if __name__ == "__main__":
    command_line.run(main)
