"""The workers' part of report.html: who measured what, how busy they were, and who was lost."""

import dataclasses
from collections.abc import Iterator

from search.executors.tasks import WorkerName
from search.quantities import counted, duration
from search.reporting.findings import Findings
from search.reporting.page import measures, paragraph, section, table
from search.trials import Trial

# A search of days may have thousands.
_LOST_SHOWN = 200


@dataclasses.dataclass
class _Host:
    """What a search's records say of one host.

    Attributes:
      workers: processes that measured on it; None is the search itself.
      train_seconds: of each network that was trained there.
      latency_seconds: of each network that was timed there.
    """

    workers: set[int | None] = dataclasses.field(default_factory=set)
    train_seconds: list[float] = dataclasses.field(default_factory=list)
    latency_seconds: list[float] = dataclasses.field(default_factory=list)


def workers(findings: Findings) -> str:
    """How busy the workers are and what is left; a table of hosts, and one of lost workers."""
    hosts, lost = _hosts(findings), list(_lost(findings))
    workload = findings.settings.get("workload")
    if not hosts and not lost and not workload:
        return ""
    parts = [measures(list(_figures(findings, workload, lost)))]
    if workload:
        text = (
            "As of the last update, since the search was last started. Busy: share of the workers' "
            "time in which they had a network to train."
        )
        parts.append(paragraph(text, "caption"))
    if hosts:
        header = ["host", "worker processes"]
        rows = [[name, f"{len(host.workers):,}"] for name, host in sorted(hosts.items())]
        for done, of_kind in (("trained", "train_seconds"), ("timed", "latency_seconds")):
            seconds = [getattr(host, of_kind) for _, host in sorted(hosts.items())]
            if any(seconds):  # latencies that are arithmetic took no worker
                header += [done, "each, on average"]
                for row, of_host in zip(rows, seconds, strict=True):
                    row += _count_and_mean(of_host)
        parts.append(table(header, rows, "t" + "n" * (len(header) - 1), "narrow"))
    if lost:
        trials = counted(len({number for number, _ in lost}), "trial")
        text = (
            f"{counted(len(lost), 'measurement')} of {trials} lost the worker, which died or hung"
        )
        text += "." if len(lost) <= _LOST_SHOWN else f"; the last {_LOST_SHOWN} are shown."
        parts.append(paragraph(text))
        parts.append(table(("trial", "what happened"), lost[-_LOST_SHOWN:], "nt", "narrow"))
    return section("Workers", *parts)


def _figures(
    findings: Findings, workload: dict | None, lost: list[tuple[int, str]]
) -> Iterator[tuple[str, str]]:
    """(value, what it is) of what stands at the top."""
    done, retries = len(findings.trials), len(lost)
    if workload:
        yield f"{workload['workers']:,}", "workers"
        yield f"{100 * workload['busy_share']:.0f} %", "busy"
        # Those since the last start, or those that are recorded, also from before it.
        retries = max(retries, workload["retries"])
    yield f"{retries:,}", "retries"
    pace = findings.settings.get("pace")
    per_hour = 3600 * pace["trials"] / pace["seconds"] if pace and pace["seconds"] else None
    if per_hour:
        yield f"{per_hour:,.0f}", "trials per hour"
    left = findings.max_trials - done
    yield f"{left:,}", "trials left"
    if per_hour and left:
        yield duration(3600 * left / per_hour), "left, at this rate"


def _hosts(findings: Findings) -> dict[str, _Host]:
    hosts: dict[str, _Host] = {}
    for trial in filter(_is_new, findings.trials):
        measured = trial.measured
        for kind, seconds in (
            ("accuracy", measured.train_seconds),
            ("latency", measured.latency_seconds),
        ):
            record = measured.records.get(kind, {})
            if "worker" not in record:
                continue
            worker = worker_of(record["worker"])
            # Phones may be on another host than who waits for them.
            name = record.get("host", worker.host)
            host = hosts.setdefault(name, _Host())
            if name == worker.host:
                host.workers.add(worker.process)
            of_kind = host.train_seconds if kind == "accuracy" else host.latency_seconds
            of_kind.append(seconds or 0.0)
    return hosts


def worker_of(record: dict | str) -> WorkerName:
    """Who a record says measured; early searches wrote 'host, process 7'."""
    if isinstance(record, dict):
        return WorkerName(**record)
    host, _, process = record.partition(", process ")
    return WorkerName(host, int(process)) if process else WorkerName(host.partition(", ")[0])


def _lost(findings: Findings) -> Iterator[tuple[int, str]]:
    """(trial, what happened) of each measurement that lost its worker."""
    for trial in filter(_is_new, findings.trials):
        for text in trial.measured.records.get("lost_workers", ()):
            yield trial.trial, text


def _is_new(trial: Trial) -> bool:
    return trial.reused_from is None


def _count_and_mean(seconds: list[float]) -> tuple[str, str]:
    if not seconds:
        return "-", "-"
    return f"{len(seconds):,}", f"{sum(seconds) / len(seconds):.3g} s"
