"""The phones that are attached, as rows of a table: what each is, and whether it can measure."""

import dataclasses
import itertools
from collections.abc import Sequence

from tflite_bench import thermal
from tflite_bench.adb import Adb
from tflite_bench.benchmark_tool import BenchmarkTool
from tflite_bench.device_errors import DeviceError
from tflite_bench.phone import Phone, read_phone
from tflite_bench.roster import unusable
from tflite_bench.text_table import print_table

_HEADS = ("serial", "model", "Android (SDK)", "ABI", "cores (GHz)", "big", "C", "thermal")
_HEADS += ("free MB", "to measure")
_LEFT = frozenset({0, 1, 3, 4, 7, 9})


@dataclasses.dataclass(frozen=True)
class Row:
    """One phone in the table.

    Attributes:
      serial: what adb calls it.
      why_not: why nothing can be measured on it at the moment; None where it is fit.
      cpu_mask: cores that networks would run on, in hexadecimal; None where unknown.
      phone: what it is; None where it could not be asked.
      state: how it is; None where it could not be asked.
    """

    serial: str
    why_not: str | None
    cpu_mask: str | None = None
    phone: Phone | None = None
    state: thermal.State | None = None


def look(
    adb: Adb,
    bounds: thermal.Limits,
    *,
    tool: BenchmarkTool | None = None,
    mask: int | None = None,
    num_threads: int = 1,
) -> list[Row]:
    """All phones that are attached.

    Args:
      adb: to reach them.
      bounds: where a phone is too hot or too full.
      tool: the binary that shall run on them, if that matters.
      mask: the cores asked for; None for a phone's biggest ones.
      num_threads: that the cores must do for.

    Raises:
      DeviceError: where adb itself fails. What is wrong with a phone stands in its row.
    """
    rows = []
    for attached in adb.devices():
        serial, phone, state, chosen = attached.serial, None, None, None
        try:
            if attached.state != "device":
                raise unusable(serial, attached.state)
            phone, state = read_phone(adb, serial), thermal.read_state(adb, serial)
            if tool is not None:
                tool.check_abi(phone.abis, serial)
            wanted = phone.cpu_mask(num_threads) if mask is None else mask
            phone.check_mask(wanted)
            chosen = f"{wanted:x}"
            why_not = thermal.unfit(state, bounds) or thermal.too_hot(state, bounds)
        except DeviceError as error:
            why_not = str(error)
        rows.append(Row(serial, why_not, chosen, phone, state))
    return rows


def print_rows(rows: Sequence[Row]) -> None:
    """Prints phones as a table on standard output."""
    print_table(_HEADS, [_cells(row) for row in rows], left=_LEFT)


def _cells(row: Row) -> list[str]:
    phone, state = row.phone, row.state
    fit = "fit" if row.why_not is None else row.why_not
    if phone is None or state is None:
        return [row.serial, *[""] * 8, fit]
    return [
        row.serial,
        phone.model,
        f"{phone.android} ({phone.sdk})",
        phone.abis[0],
        _cores(phone),
        row.cpu_mask or "",
        "?" if state.temperature_c is None else f"{state.temperature_c:.1f}",
        state.thermal_name,
        "?" if state.free_mb is None else str(state.free_mb),
        fit,
    ]


def _cores(phone: Phone) -> str:
    """Such as '4 x 1.80 + 4 x 2.80'."""
    speeds = sorted(phone.max_khz.values(), key=lambda khz: khz or 0)
    groups = [(khz, len(list(group))) for khz, group in itertools.groupby(speeds)]
    return " + ".join(f"{count} x {f'{khz / 1e6:.2f}' if khz else '?'}" for khz, count in groups)
