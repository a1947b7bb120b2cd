"""Whether two searches that should be the same are."""

import sqlite3
from pathlib import Path

from search.trials import Trial, TrialStore

_OF_WORKLOAD = ("workers", "busy_share", "retries")  # metrics that are not the controller's
_FILES = ("trials.csv", "pareto.csv", "top.json", "report.html", "best.tflite")


def differences(workdir: Path, alone: Path) -> list[str]:
    """What a search has other than the one that was left alone; nothing where all is well."""
    found = []
    database = sqlite3.connect(workdir / "search.sqlite")
    [(verdict,), *_] = database.execute("PRAGMA integrity_check").fetchall()
    database.close()
    if verdict != "ok":
        found.append(f"{workdir.name}: integrity_check says {verdict}")
    stores = [TrialStore(folder / "search.sqlite", read_only=True) for folder in (workdir, alone)]
    disturbed, calm = ([_told(trial) for trial in store.trials()] for store in stores)
    numbers = [told["trial"] for told in disturbed]
    if numbers != [told["trial"] for told in calm]:
        found.append(f"{workdir.name}: trials {numbers}, undisturbed there are {len(calm)}")
    for ours, theirs in zip(disturbed, calm, strict=False):
        found += [
            f"{workdir.name}, trial {ours['trial']}: {name} is {ours[name]}, undisturbed {value}"
            for name, value in theirs.items()
            if ours[name] != value
        ]
    updates = [
        [(number, _of_controller(metrics)) for number, metrics in store.updates()]
        for store in stores
    ]
    if updates[0] != updates[1]:
        found.append(f"{workdir.name}: the controller's updates differ")
    for store in stores:
        store.close()
    for name in _FILES:
        if not (workdir / name).is_file():
            found.append(f"{workdir.name}: there is no {name}")
    return found


def _told(trial: Trial) -> dict:
    measured = trial.measured
    return {
        "trial": trial.trial,
        "tokens": trial.tokens,
        "network": trial.network,
        "accuracy": measured.accuracy,
        "latency_ms": measured.latency_ms,
        "reward": trial.reward,
        "reason": measured.reason,
        "params": measured.params,
        "reused_from": trial.reused_from,
    }


def _of_controller(metrics: dict) -> dict:
    return {name: value for name, value in metrics.items() if name not in _OF_WORKLOAD}
