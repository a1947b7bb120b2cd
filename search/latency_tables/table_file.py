"""A latency table as a value and as a file."""

import dataclasses
import functools
import hashlib
import json
import statistics
from pathlib import Path

from mnasnet.architectures import Architecture
from search.latency_tables.operators import Operator, operators_of
from search.spaces.decisions import SearchSpace
from search.tables import write_atomically

_FORMAT = "mnasnet latency table"
_VERSION = 1


@dataclasses.dataclass(frozen=True)
class Subject:
    """What a table is of; a table of one subject says nothing about another.

    Attributes:
      space: its name.
      decisions: [name, choices] of each of its decisions.
      stem_filters: around its blocks.
      head_filters: the same.
      image_size: of the images that the latencies count for.
      num_classes: of the classifier.
      quantization: of the .tflite files.
    """

    space: str
    decisions: list
    stem_filters: int
    head_filters: int
    image_size: int
    num_classes: int
    quantization: str

    @classmethod
    def of(
        cls, space: SearchSpace, image_size: int, num_classes: int, quantization: str
    ) -> "Subject":
        """That of a space; ValueError where its points are no networks."""
        if space.skeleton is None:
            raise ValueError(f"the points of the space {space.name!r} are no networks")
        decisions = [[decision.name, list(decision.choices)] for decision in space.decisions]
        skeleton = space.skeleton
        around = skeleton.stem_filters, skeleton.head_filters
        return cls(space.name, decisions, *around, image_size, num_classes, quantization)

    def check(self, wanted: "Subject", path: str) -> None:
        """ValueError where something else is wanted; the message has the first difference."""
        for field in dataclasses.fields(self):
            has, wants = getattr(self, field.name), getattr(wanted, field.name)
            if has != wants:
                if field.name == "decisions":
                    has, wants = "others", "not the same (is --reference another?)"
                raise ValueError(
                    f"the table {path} is of another {field.name}: {has}, wanted is {wants}"
                )


@dataclasses.dataclass(frozen=True)
class Timed:
    """A network that was timed and profiled.

    Attributes:
      network: its block strings.
      latency_ms: as a whole.
      profiles_ms: of each operator, by its place, what each profile said.
      measurement: all that the clock said about the whole, JSON-able.
    """

    network: tuple[str, ...]
    latency_ms: float
    profiles_ms: dict[str, list[float]]
    measurement: dict

    def shares_ms(self) -> dict[str, float]:
        """Of each operator by its place, its part of the network's latency.

        Profiling itself takes time, and a burst of other work hits a profile and not the next: what
        is taken from the profiles is the proportions, from the clock the sum.
        """
        medians = {place: statistics.median(ms) for place, ms in self.profiles_ms.items()}
        factor = self.latency_ms / sum(medians.values())
        return {place: factor * ms for place, ms in medians.items()}


@dataclasses.dataclass(frozen=True)
class Row:
    """An operator's latency.

    Attributes:
      operator: which.
      ms: median of the samples.
      samples_ms: its part of each timed network that has it, as often as that has it.
    """

    operator: Operator
    ms: float
    samples_ms: tuple[float, ...]

    @property
    def spread(self) -> float:
        """How far the samples lie apart, (largest - smallest) / median; 0 where all are 0."""
        return (max(self.samples_ms) - min(self.samples_ms)) / self.ms if self.ms else 0.0


@dataclasses.dataclass(frozen=True)
class Calibration:
    """A random network that was timed as a whole, for the factor between sums and networks.

    Attributes:
      network: its block strings.
      sum_ms: of its operators' rows.
      measured_ms: by the clock.
    """

    network: tuple[str, ...]
    sum_ms: float
    measured_ms: float


@dataclasses.dataclass(frozen=True)
class LatencyTable:
    """The latencies of a space's operators on one device.

    Attributes:
      subject: what it is of.
      device: what it was timed on and how, None where nothing is timed yet.
      num_operators: that the space has.
      networks: that were timed.
      rows: one per operator that they have.
      calibration: further networks, timed once all rows are there.
      check: what `search.latency_table check` found, None where it was not checked.
    """

    subject: Subject
    device: dict | None
    num_operators: int
    networks: tuple[Timed, ...] = ()
    rows: tuple[Row, ...] = ()
    calibration: tuple[Calibration, ...] = ()
    check: dict | None = None

    @functools.cached_property
    def ms(self) -> dict[Operator, float]:
        """The rows: operator -> milliseconds."""
        return {row.operator: row.ms for row in self.rows}

    @functools.cached_property
    def factor(self) -> float:
        """What sums are multiplied by: geometric mean of the calibration's ratios, 1 without."""
        ratios = [one.measured_ms / one.sum_ms for one in self.calibration]
        return statistics.geometric_mean(ratios) if ratios else 1.0

    def operators(self, architecture: Architecture) -> list[Operator]:
        """Those of a network, repeats included."""
        subject = self.subject
        found = operators_of(architecture, subject.image_size, subject.num_classes)
        return [operator for _, operator in found]

    def sum_ms(self, architecture: Architecture) -> float:
        """Sum of a network's rows; KeyError for an operator that has none."""
        return sum(self.ms[operator] for operator in self.operators(architecture))

    def predict(self, architecture: Architecture) -> float:
        """Milliseconds of a network, the sum times the factor; KeyError as `sum_ms`."""
        return self.factor * self.sum_ms(architecture)

    @property
    def complete(self) -> bool:
        """Whether it has all operators of its space."""
        return len(self.rows) == self.num_operators

    def with_network(self, timed: Timed, device: dict, space: SearchSpace) -> "LatencyTable":
        """With one more network; what was checked is not checked any more."""
        networks = (*self.networks, timed)
        rows = rows_of(networks, self.subject, space)
        return dataclasses.replace(
            self, networks=networks, rows=rows, device=device, calibration=(), check=None
        )

    def digest(self) -> str:
        """SHA-256 of all but itself in the check, which tells a table that was edited after it."""
        check = {key: value for key, value in (self.check or {}).items() if key != "sha256"}
        content = json.dumps([_without_check(self), check], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()

    def checked(self, found: dict) -> "LatencyTable":
        """With what a check found, sealed by the digest."""
        table = dataclasses.replace(self, check=found)
        return dataclasses.replace(self, check=found | {"sha256": table.digest()})

    def write(self, path: Path) -> None:
        """Writes the file, whole or not at all; OSError as `open`."""
        content = {"format": _FORMAT, "version": _VERSION, **_without_check(self)}
        write_atomically(path, json.dumps({**content, "check": self.check}, indent=1) + "\n")


def read_table(path: Path) -> LatencyTable:
    """The table in a file.

    Raises:
      ValueError: where it cannot be read, is cut short, or is something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != _FORMAT or content["version"] != _VERSION:
            raise ValueError(f"its format is {content['format']!r}, {content['version']!r}")
        return LatencyTable(
            subject=Subject(**content["subject"]),
            device=content["device"],
            num_operators=int(content["num_operators"]),
            networks=tuple(
                Timed(**{**timed, "network": tuple(timed["network"])})
                for timed in content["networks"]
            ),
            rows=tuple(
                Row(Operator(**row["operator"]), float(row["ms"]), tuple(row["samples_ms"]))
                for row in content["rows"]
            ),
            calibration=tuple(
                Calibration(**{**one, "network": tuple(one["network"])})
                for one in content["calibration"]
            ),
            check=content["check"],
        )
    except OSError as error:
        raise ValueError(f"the table {path} cannot be read: {error.strerror}") from None
    except (ValueError, TypeError, LookupError) as error:
        raise ValueError(
            f"{path} is no whole latency table, as search.latency_table writes them: {error}"
        ) from None


def rows_of(networks: tuple[Timed, ...], subject: Subject, space: SearchSpace) -> tuple[Row, ...]:
    """One row per operator that timed networks have, in order.

    Raises:
      ValueError: for a network that lacks the times of some of its operators.
    """
    samples: dict[Operator, list[float]] = {}
    for timed in networks:
        architecture = space.architecture(timed.network)
        places = operators_of(architecture, subject.image_size, subject.num_classes)
        try:
            shares = timed.shares_ms()
            for place, operator in places:
                samples.setdefault(operator, []).append(shares[place])
        except (LookupError, ArithmeticError, statistics.StatisticsError) as error:
            raise ValueError(
                f"the measurements of {' '.join(timed.network)} are not whole: {error!r}"
            ) from None
    return tuple(
        Row(operator, statistics.median(samples[operator]), tuple(samples[operator]))
        for operator in sorted(samples)
    )


def _without_check(table: LatencyTable) -> dict:
    fields = {field.name: getattr(table, field.name) for field in dataclasses.fields(table)}
    del fields["check"]
    fields["subject"] = dataclasses.asdict(table.subject)
    fields["networks"] = [dataclasses.asdict(timed) for timed in table.networks]
    fields["calibration"] = [dataclasses.asdict(one) for one in table.calibration]
    fields["rows"] = [dataclasses.asdict(row) | {"spread": row.spread} for row in table.rows]
    return fields
