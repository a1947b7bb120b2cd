"""Asks each of several clocks about each of several files, and goes on without phones that fail."""

import functools
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tflite_bench.device_errors import DeviceError, ToolError
from tflite_bench.devices import DeviceConfig
from tflite_bench.measurement import MeasurementError
from tflite_bench.roster import none_fit


def on_each(
    config: DeviceConfig,
    clocks: Sequence[Any],
    paths: Sequence[str],
    tflites: Sequence[bytes],
    ask: Callable[[Any, bytes], Any],
) -> Iterator[tuple[str, Any, Any]]:
    """(path, clock, what it says) for each file on each clock.

    Args:
      config: of the clocks. Phones that it does not name are left out where they fail, which is
        told on stderr.
      clocks: a clock for each device.
      paths: of the files, for messages.
      tflites: the files.
      ask: asks a clock about a file.

    Raises:
      MeasurementError: where a network cannot be timed.
      ToolError: where the binary does not do, on whichever phone.
      DeviceError: where a device that is named fails, or none is left.
    """
    left_out: dict[Any, DeviceError] = {}
    for path, tflite in zip(paths, tflites, strict=True):
        # One phone cools down while another is at work.
        for clock in clocks:
            if clock in left_out:
                continue
            try:
                said = _named(path, functools.partial(ask, clock), tflite)
            except ToolError:
                raise
            except DeviceError as error:
                if len(clocks) == 1 or config.shelf.roster.serials:
                    raise
                left_out[clock] = error
                if len(left_out) == len(clocks):
                    raise none_fit(left_out.values()) from error
                print(f"{clock.device} is left out: {error}", file=sys.stderr)
                continue
            yield path, clock, said


def _named(path: str, ask: Callable[[bytes], Any], tflite: bytes) -> Any:
    """What a clock says; its complaint about the network names the file."""
    try:
        return ask(tflite)
    except MeasurementError as error:
        raise MeasurementError(f"{path!r}: {error}") from error
