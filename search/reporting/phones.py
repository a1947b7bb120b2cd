"""The phones' part of report.html: who timed what, in which state, and what happened meanwhile."""

import dataclasses
import datetime
import re
from collections import Counter
from collections.abc import Iterable, Iterator

from search.quantities import counted, milliseconds
from search.reporting.findings import Findings
from search.reporting.page import network, paragraph, section, table

# A search of days may have thousands.
_EVENTS_SHOWN = 200
_IN_WORDS = {
    "found": "ready",
    "gone": "gone",
    "hot": "too hot",
    "pause": "pause",
    "failed": "failure",
    "unfit": "unfit",
    "drift": "drift",
    "set_aside": "set aside",
    "waiting": "waiting",
    "going_on": "going on",
}
# What a phone is after an event that says so; others, such as drift, leave it what it was.
_STATES = {
    "found": "ready",
    "going_on": "ready",
    "gone": "gone",
    "hot": "cooling down",
    "failed": "failing",
    "unfit": "cannot be used",
    "set_aside": "set aside",
}
# Before what phones on the hosts of a Ray cluster say.
_HOST = re.compile(r"host (?P<host>\S+): ")
# Of a phone that never measured, its model stands nowhere else.
_FOUND = re.compile(r"phone .+?: (?P<model>.+), cores (?P<cores>[0-9a-f]+)")


@dataclasses.dataclass
class _Phone:
    """What a search's records and events say of one phone.

    Attributes:
      host: of a Ray cluster, that it is attached to; '' where that is not told.
      serials: what adb called it: a phone may be there by cable now and by network then.
      model: '' where it is not told.
      cores: as a mask; '' where it is not told.
      state: after its last event; '' for none.
    """

    host: str
    serials: list[str]
    model: str = ""
    cores: str = ""
    state: str = ""
    measurements: int = 0
    drifts: list[float] = dataclasses.field(default_factory=list)
    corrected: int = 0
    temperatures_c: list[float] = dataclasses.field(default_factory=list)


def phones(findings: Findings) -> str:
    """Per phone its measurements, drift and temperatures; then what happened, as a table."""
    found = _phones(findings)
    if not found and not findings.events:
        return ""
    parts = []
    if found:
        header = (
            "phone", "model", "cores", "state", "measurements", "drift", "corrected", "battery"
        )  # fmt: skip
        rows = [
            (
                ", ".join(phone.serials) + (f" on {phone.host}" if phone.host else ""),
                phone.model or "-",
                phone.cores or "-",
                phone.state or "-",
                f"{phone.measurements:,}",
                _range([100 * drift for drift in phone.drifts], "+.1f", "%"),
                f"{phone.corrected:,}",
                _range(phone.temperatures_c, ".1f", "°C"),
            )
            for phone in found
        ]
        text = (
            "Drift: how much slower than when the search first saw it the phone timed a reference "
            "network; latencies are corrected for it where it is more than repeats may lie apart. "
            "Cores: a mask, as for taskset. State: as the last event left it."
        )
        parts += [table(header, rows, "ttmtnnnn"), paragraph(text, "caption")]
    if findings.best is not None:
        record = findings.best.measured.records.get("latency") or {}
        parts += [paragraph(line) for line in _best(record)]
    if findings.events:
        parts += _events(findings.events)
    return section("Phones", *parts)


def timing_phones(findings: Findings) -> str:
    """How many phones of which model gave measurements: '2 x Google Pixel'; '' where none did."""
    models = Counter(phone.model for phone in _phones(findings) if phone.measurements)
    return ", ".join(f"{count} x {model}" for model, count in models.items())


def _best(record: dict) -> Iterator[str]:
    """What else than its latency was timed of the best network."""
    for part in (record, *record.get("also", ())):
        told = [
            f"{milliseconds(timed['latency_ms'])} on {timed['device']} "
            f"(target {milliseconds(timed['target_ms'])})"
            for timed in part.get("devices", ())
        ]
        if not told and part is not record:
            told = [milliseconds(part["latency_ms"]) if "latency_ms" in part else part["reason"]]
        if told:
            quantization = part.get("quantization")
            of = f" as {quantization}" if quantization else ""
            yield f"The best network{of}: {', '.join(told)}."


def _events(events: list[dict]) -> Iterator[str]:
    kinds = Counter(_IN_WORDS.get(event["kind"], event["kind"]) for event in events)
    counts = ", ".join(f"{kind} {count:,}" for kind, count in kinds.items())
    told = f"{counted(len(events), 'event')}: {counts}."
    if len(events) > _EVENTS_SHOWN:
        told += f" The last {_EVENTS_SHOWN} are shown."
    yield paragraph(told)
    rows = []
    for event in events[-_EVENTS_SHOWN:]:
        time = datetime.datetime.fromtimestamp(event["time"], datetime.UTC)
        kind = _IN_WORDS.get(event["kind"], event["kind"])
        unbroken = network((f"{time:%Y-%m-%d %H:%M:%S}",))
        rows.append((unbroken, event["serial"], kind, event["message"]))
    yield table(("time (UTC)", "phone", "event", "what happened"), rows, "httt")


def _phones(findings: Findings) -> list[_Phone]:
    # By host too: emulators have the same serial on each.
    found: dict[tuple[str, str], _Phone] = {}
    measured = [trial.measured for trial in findings.trials if trial.reused_from is None]
    for one in (*findings.landmarks.values(), *measured):
        for timed in _measurements(one.records.get("latency") or {}):
            conditions, host = timed["phone"], timed.get("host", "")
            phone = found.setdefault(
                (host, conditions["hardware_serial"] or conditions["serial"]),
                _Phone(host, [], conditions["model"], conditions["cpu_mask"]),
            )
            if conditions["serial"] not in phone.serials:
                phone.serials.append(conditions["serial"])
            phone.measurements += 1
            if conditions["drift"] is not None:
                phone.drifts.append(conditions["drift"])
            phone.corrected += conditions["uncorrected_ms"] is not None
            phone.temperatures_c += [c for c in conditions["temperature_c"] if c is not None]
    by_serial = {
        (phone.host, serial): phone for phone in found.values() for serial in phone.serials
    }
    for event in findings.events:
        serial = event["serial"]
        if not serial:  # about all of them
            continue
        on = _HOST.match(event["message"])
        host = on["host"] if on else ""
        phone = by_serial.setdefault((host, serial), _Phone(host, [serial]))
        phone.state = _STATES.get(event["kind"], phone.state)
        told = _FOUND.fullmatch(event["message"], on.end() if on else 0)
        if told:
            phone.model = phone.model or told["model"]
            phone.cores = phone.cores or told["cores"]
    return list({id(phone): phone for phone in (*found.values(), *by_serial.values())}.values())


def _measurements(record: dict) -> Iterator[dict]:
    """All measurements on phones in the record of one network: of each model and quantization."""
    for part in (record, *record.get("also", ())):
        for timed in (part, *part.get("devices", ())):
            if timed.get("phone"):
                yield {"host": part.get("host", ""), **timed}


def _range(values: Iterable[float], form: str, unit: str) -> str:
    values = list(values)
    if not values:
        return "-"
    low, high = f"{min(values):{form}}", f"{max(values):{form}}"
    return f"{low} {unit}" if low == high else f"{low} to {high} {unit}"
