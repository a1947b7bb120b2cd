"""Times the operators of a space: networks that have them all, whole and operator by operator."""

import dataclasses
import json
import time
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Protocol

import numpy as np

from mnasnet.architectures import Architecture
from search.latency_tables.attribution import ProfileMismatch, operator_ms
from search.latency_tables.listing import SpaceOperators
from search.latency_tables.table_file import Calibration, LatencyTable, Subject, Timed, read_table
from search.quantities import counted, milliseconds
from search.spaces.decisions import Network, SearchSpace
from tflite_bench.device_errors import DeviceError, ToolError
from tflite_bench.measurement import Measurement
from tflite_bench.op_profile import Profile

# Of a measurement, what must be the same for all networks of a table.
_OF_THE_DEVICE = ("device", "tool", "tool_version", "tool_sha256", "num_threads", "delegate")
# Random draws for one network before one that was used already will do.
_MOST_DRAWS = 1_000
# Another than people are likely to name for a check.
_CALIBRATION_SEED = 1807_11626


class ProfilingClock(Protocol):
    """A clock that also says where the time goes."""

    def measure(self, tflite: bytes) -> Measurement:
        """Raises MeasurementError, DeviceError."""

    def profile(self, tflite: bytes) -> Profile:
        """Raises the same."""


def build(
    space: SearchSpace,
    subject: Subject,
    clock: ProfilingClock,
    convert: Callable[[Architecture], bytes],
    path: Path,
    profiles: int = 3,
    calibration: int = 5,
    say: Callable[[str], None] = print,
    attribute: Callable[[bytes, Profile, Iterable[str]], dict[str, float]] = operator_ms,
    write: Callable[[LatencyTable, Path], None] = LatencyTable.write,
) -> LatencyTable:
    """Builds the table of a space, or goes on with one; each network is in the file once timed.

    Args:
      space: whose operators to time.
      subject: of the table.
      clock: to time them by.
      convert: a network as a .tflite.
      path: of the table.
      profiles: of each network.
      calibration: random networks to time as a whole in the end, for the table's factor.
      say: is told how far it is.
      attribute: .tflite, profile of it, places of its operators -> ms of each.
      write: the table, after each network; OSError where it cannot be written.

    Raises:
      ValueError: for a file that is something else, or a space that cannot be listed.
      ConversionError, MeasurementError: where a network cannot be timed.
      DeviceError: where the surroundings fail; what is timed by then is in the file.
    """
    operators = SpaceOperators(space, subject.image_size, subject.num_classes)
    table = LatencyTable(subject, None, len(operators.examples))
    if path.exists():
        table = read_table(path)
        table.subject.check(subject, str(path))
    plan = operators.covering(row.operator for row in table.rows)
    networks = f"{counted(len(plan), 'network')} to time"
    say(
        f"{space.name}: {counted(table.num_operators, 'distinct operator')} at "
        f"{subject.image_size} px, {len(table.rows):,} of them in the table, {networks}"
    )
    start = time.monotonic()
    for number, tokens in enumerate(plan, 1):
        network = space.decode(tokens)
        architecture = space.architecture(network)
        tflite = convert(architecture)
        measurement = clock.measure(tflite)
        device = device_of(measurement)
        check_device(table, device, path)
        places = [place for place, _ in operators.placed(architecture)]
        found = [_profiled(clock, tflite, places, attribute) for _ in range(profiles)]
        record = json.loads(json.dumps(dataclasses.asdict(measurement)))
        del record["raw"]  # pages of it, and its figures are there
        of_places = {place: [ms[place] for ms in found] for place in places}
        timed = Timed(network, measurement.latency_ms, of_places, record)
        table = table.with_network(timed, device, space)
        write(table, path)
        left = (time.monotonic() - start) / number * (len(plan) - number)
        say(
            f"{number} of {len(plan)}: {milliseconds(timed.latency_ms)}, {len(table.rows):,} "
            f"operators in the table, {left / 60:.0f} min left"
        )
    used = {timed.network for timed in table.networks}
    rng = np.random.default_rng(_CALIBRATION_SEED)
    for network in unused_networks(space, used, calibration, rng)[len(table.calibration) :]:
        architecture = space.architecture(network)
        measurement = clock.measure(convert(architecture))
        check_device(table, device_of(measurement), path)
        one = Calibration(network, table.sum_ms(architecture), measurement.latency_ms)
        table = dataclasses.replace(table, calibration=(*table.calibration, one), check=None)
        write(table, path)
        say(
            f"calibration: {milliseconds(one.sum_ms)} by the rows, measured "
            f"{milliseconds(one.measured_ms)}"
        )
    return table


def unused_networks(
    space: SearchSpace, used: Collection[Network], number: int, rng: np.random.Generator
) -> list[Network]:
    """Random networks, all different and none of those that are used.

    Of a space that has too few such networks, also others; a space may have fewer than its size,
    where several tokens are one network.
    """
    found = []
    draws = 1 if space.size < len(used) + number else _MOST_DRAWS
    for _ in range(number):
        for _ in range(draws):
            network = space.decode(space.sample_uniform(rng, 1)[0])
            if network not in used and network not in found:
                break
        found.append(network)
    return found


def device_of(measurement: Measurement) -> dict:
    """What must be the same for every number of a table."""
    device = {field: getattr(measurement, field) for field in _OF_THE_DEVICE}
    return device | {"cpu_mask": measurement.phone and measurement.phone.cpu_mask}


def check_device(table: LatencyTable, device: dict, path: Path) -> None:
    """ValueError where a table was timed on something else."""
    for field, value in device.items():
        has = value if table.device is None else table.device[field]
        if has != value:
            raise ValueError(f"the table {path} was timed with {field} {has}, here it is {value}")


def _profiled(clock, tflite, places, attribute) -> dict[str, float]:
    try:
        profile = clock.profile(tflite)
    except ValueError as error:
        raise DeviceError(f"{error}: start the same command again") from error
    try:
        return attribute(tflite, profile, places)
    except ProfileMismatch as error:
        raise ToolError(
            f"this benchmark_model's profile of operators is not understood: {error}"
        ) from error
