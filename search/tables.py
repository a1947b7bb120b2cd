"""The trials as files for other programs: trials.csv, pareto.csv, top.json."""

import csv
import io
import json
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from search.front import pareto_positions
from search.trials import COMPLETED, Trial

COLUMNS = (
    "trial",
    "status",
    "network",
    "tokens",
    "accuracy",
    "latency_ms",
    "reward",
    "params",
    "multiply_adds",
    "reused_from",
    "reason",
    "train_seconds",
    "latency_seconds",
)
TOP_SIZE = 50


def distinct_feasible(trials: Iterable[Trial]) -> list[Trial]:
    """The first trial of each network that could be measured, in the order given."""
    first_of = {}
    for trial in trials:
        if trial.status == COMPLETED:
            first_of.setdefault(trial.network, trial)
    return list(first_of.values())


def pareto_front(trials: Iterable[Trial]) -> list[Trial]:
    """The feasible networks that no other beats: none is faster without being less accurate.

    Returns:
      One trial per network, fastest first. Networks equal in both measures are all there.
    """
    networks = distinct_feasible(trials)
    positions = pareto_positions(
        [trial.measured.accuracy for trial in networks],
        [trial.measured.latency_ms for trial in networks],
    )
    return [networks[position] for position in positions]


def top(trials: Iterable[Trial], n: int = TOP_SIZE) -> list[Trial]:
    """The n feasible networks of the highest reward, best first; of equals the earlier first."""
    return sorted(distinct_feasible(trials), key=lambda trial: (-trial.reward, trial.trial))[:n]


def write_tables(
    workdir: Path,
    trials: list[Trial],
    context: dict,
    *,
    best: Sequence[Trial] | None = None,
    found_by: Callable[[Trial], str] | None = None,
) -> None:
    """Writes trials.csv, pareto.csv and top.json; a reader sees the old or the new, never a part.

    Args:
      workdir: a directory that is there.
      trials: all of them, in order.
      context: its 'architecture' holds what makes block strings a whole network, a dict of name,
        stem_filters, head_filters, dropout_rate, image_size; it is missing where the space holds no
        networks. Its 'notes', sentences, say how the figures came about.
      best: what top.json ranks, best first; by default the highest rewards.
      found_by: which search of several a trial is of; adds it as `search` to all three.

    Raises:
      OSError: where a file cannot be written; the file of before stands then.
    """
    write_atomically(Path(workdir) / "trials.csv", _csv(trials, found_by))
    write_atomically(Path(workdir) / "pareto.csv", _csv(pareto_front(trials), found_by))
    rows = [
        {
            "rank": rank,
            "trial": trial.trial,
            "network": list(trial.network),
            "accuracy": trial.measured.accuracy,
            "latency_ms": trial.measured.latency_ms,
            "reward": trial.reward,
            "params": trial.measured.params,
            "multiply_adds": trial.measured.multiply_adds,
            "architecture": context.get("architecture"),
            "notes": context.get("notes", []),
        }
        | ({"search": found_by(trial)} if found_by else {})
        for rank, trial in enumerate(top(trials) if best is None else best, start=1)
    ]
    write_atomically(Path(workdir) / "top.json", json.dumps(rows, indent=2) + "\n")


def write_atomically(path: Path, content: str | bytes) -> None:
    """Writes a file under another name, text as UTF-8, then renames it; OSError as `open` does."""
    # The number keeps a report apart from the search beside which it runs.
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _csv(trials: Iterable[Trial], found_by: Callable[[Trial], str] | None) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow((*COLUMNS, "search") if found_by else COLUMNS)
    for trial in trials:
        measured = trial.measured
        writer.writerow(
            (
                trial.trial,
                trial.status,
                " ".join(trial.network),
                " ".join(map(str, trial.tokens)),
                measured.accuracy,
                measured.latency_ms,
                trial.reward,
                measured.params,
                measured.multiply_adds,
                trial.reused_from,
                measured.reason,
                measured.train_seconds,
                measured.latency_seconds,
                *((found_by(trial),) if found_by else ()),
            )
        )
    return text.getvalue()
