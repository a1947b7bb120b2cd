"""Puts a table to the test: random networks, predicted and then measured."""

import dataclasses
import datetime
import json
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from mnasnet.architectures import Architecture
from search.latency_tables.build import ProfilingClock, check_device, device_of, unused_networks
from search.latency_tables.table_file import LatencyTable, rows_of
from search.spaces.decisions import SearchSpace

# A single network may be so many times further off than the mean may be.
WORST_TO_MEAN = 3
_SUSPECTS = 3


@dataclasses.dataclass(frozen=True)
class Checked:
    """A network of a check.

    Attributes:
      network: its block strings.
      predicted_ms: by the table.
      measured_ms: by the clock.
      spread: of the measurement's repeats.
    """

    network: tuple[str, ...]
    predicted_ms: float
    measured_ms: float
    spread: float

    @property
    def error(self) -> float:
        """Relative: 0.1 where 10 % too much is predicted."""
        return self.predicted_ms / self.measured_ms - 1


def mean_error(checked: Sequence[Checked]) -> float:
    """Mean of the relative errors' sizes."""
    return statistics.mean(abs(one.error) for one in checked)


def worst_error(checked: Sequence[Checked]) -> float:
    """The largest relative error's size."""
    return max(abs(one.error) for one in checked)


def beside_common_factor(checked: Sequence[Checked]) -> tuple[float, float]:
    """What the device was slower by than when it was timed, and the mean error beside that.

    The first is the geometric mean of measured / predicted. A device that is slower today, or
    shared with others, makes the one; wrong rows make the other.
    """
    factor = statistics.geometric_mean(one.measured_ms / one.predicted_ms for one in checked)
    errors = [abs(factor * one.predicted_ms / one.measured_ms - 1) for one in checked]
    return factor, statistics.mean(errors)


def kendall_tau(checked: Sequence[Checked]) -> float | None:
    """How alike predictions and measurements rank, 1 for the same order; None where none can."""
    from scipy.stats import kendalltau

    predicted = [one.predicted_ms for one in checked]
    tau = float(kendalltau(predicted, [one.measured_ms for one in checked]).statistic)
    return tau if np.isfinite(tau) else None


def spoilt_rows(table: LatencyTable, space: SearchSpace) -> list[str]:
    """Operators whose row is not what the table's own measurements make of it, or is missing."""
    sound = {row.operator: row.ms for row in rows_of(table.networks, table.subject, space)}
    rows = table.ms
    complaints = []
    for operator in sorted(set(sound) | set(rows)):
        if operator not in rows:
            complaints.append(f"{operator} is missing")
        elif operator not in sound:
            complaints.append(f"{operator} was never timed")
        elif not np.isclose(rows[operator], sound[operator], rtol=1e-6, atol=1e-9):
            complaints.append(
                f"{operator} is {rows[operator]:.4g} ms and was timed at {sound[operator]:.4g} ms"
            )
    return complaints


def check(
    table: LatencyTable,
    space: SearchSpace,
    clock: ProfilingClock,
    convert: Callable[[Architecture], bytes],
    path: Path,
    networks: int,
    seed: int,
    say: Callable[[str], None] = lambda line: None,
) -> tuple[LatencyTable, list[Checked]]:
    """Times random networks that the table was not made of; the table with what came of it.

    Args:
      table: complete.
      space: that it is of.
      clock: of the device that it was timed on.
      convert: a network as a .tflite.
      path: of the table, for messages.
      networks: how many to time.
      seed: of the sample.
      say: is told how far it is.

    Raises:
      ValueError: for another device.
      ConversionError, MeasurementError, DeviceError: as the clock.
    """
    used = {one.network for one in (*table.networks, *table.calibration)}
    sample = unused_networks(space, used, networks, np.random.default_rng(seed))
    checked = []
    for number, network in enumerate(sample, 1):
        architecture = space.architecture(network)
        measurement = clock.measure(convert(architecture))
        check_device(table, device_of(measurement), path)
        predicted = table.predict(architecture)
        checked.append(Checked(network, predicted, measurement.latency_ms, measurement.spread))
        say(f"{number} of {len(sample)}: {checked[-1].error:+.1%}")
    factor, beside = beside_common_factor(checked)
    found = {
        "mean_error": mean_error(checked),
        "worst_error": worst_error(checked),
        "kendall_tau": kendall_tau(checked),
        "common_factor": factor,
        "error_beside_it": beside,
        "networks": [dataclasses.asdict(one) for one in checked],
        "seed": seed,
        "checked_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
    return table.checked(json.loads(json.dumps(found))), checked


def suspects(table: LatencyTable, space: SearchSpace, checked: Sequence[Checked]) -> list[str]:
    """The operators whose rows, were they others, would explain most of the errors."""
    measured = np.array([one.measured_ms for one in checked])
    errors = np.array([one.measured_ms - one.predicted_ms for one in checked]) / measured
    operators = [table.operators(space.architecture(one.network)) for one in checked]
    explained = {}
    for operator in sorted(set().union(*operators)):
        counts = np.array([of.count(operator) for of in operators]) / measured
        # The change of the row with the least squared errors; no row can be under 0.
        change = max(float(counts @ errors / (counts @ counts)), -table.factor * table.ms[operator])
        explained[operator] = float(np.sum(errors**2) - np.sum((errors - change * counts) ** 2))
    most = sorted(explained, key=lambda operator: -explained[operator])
    return [str(operator) for operator in most[:_SUSPECTS]]
