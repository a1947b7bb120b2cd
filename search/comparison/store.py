"""The folder of a comparison: a file for each run that is done, so that none is done twice."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np

from search.comparison.runs import Run
from search.tables import write_atomically
from search.workdir import differences, made_folder

_FILE = "comparison.json"


class ComparisonStore:
    """Keeps the runs of one comparison.

    Args:
      path: the folder, made where it is missing.
      settings: what all runs depend on, JSON-able.
      variants: by name, what the runs of each variant depend on besides, JSON-able.

    Raises:
      ValueError: where the folder holds something else, or runs of other settings.
      OSError: where it cannot be written.
    """

    def __init__(self, path: str | Path, settings: dict, variants: dict[str, dict]):
        self.path = made_folder(path, "output")
        wanted = json.loads(json.dumps({"settings": settings, "variants": variants}, default=str))
        kept = self._kept()
        if kept is None:
            if any(self.path.iterdir()):
                raise ValueError(
                    f"output {self.path} is not empty and holds no comparison, choose another"
                )
            kept = {"settings": wanted["settings"], "variants": {}}
        common = [name for name in wanted["variants"] if name in kept["variants"]]
        told = differences(kept["settings"], wanted["settings"]) + [
            difference
            for name in common
            for difference in differences(
                {name: kept["variants"][name]}, {name: wanted["variants"][name]}
            )
        ]
        if told:
            raise ValueError(
                f"output {self.path} holds another comparison: {'; '.join(told[:5])}; "
                "choose another folder or the same settings"
            )
        kept["variants"] |= wanted["variants"]
        write_atomically(self.path / _FILE, json.dumps(kept, indent=1) + "\n")
        (self.path / "runs").mkdir(exist_ok=True)

    def _kept(self) -> dict | None:
        path = self.path / _FILE
        if not path.exists():
            return None
        try:
            kept = json.loads(path.read_text())
            if {"settings", "variants"} <= kept.keys():
                return kept
        except (ValueError, AttributeError, UnicodeDecodeError):
            pass
        raise ValueError(f"{path} is damaged, choose another folder or delete this one")

    def load(self, variant: str, seed: int) -> Run | None:
        """The run that was kept; None where there is none that is whole."""
        try:
            with open(self._file(variant, seed), "rb") as file, np.load(file) as arrays:
                return Run(
                    variant,
                    seed,
                    rewards=arrays["rewards"],
                    told=arrays["told"],
                    distinct=int(arrays["distinct"]),
                    cpu_seconds=float(arrays["cpu_seconds"]),
                )
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None

    def save(self, run: Run) -> None:
        """Keeps a run that is done."""
        content = io.BytesIO()
        np.savez_compressed(
            content,
            rewards=run.rewards,
            told=run.told,
            distinct=run.distinct,
            cpu_seconds=run.cpu_seconds,
        )
        write_atomically(self._file(run.variant, run.seed), content.getvalue())

    def _file(self, variant: str, seed: int) -> Path:
        return self.path / "runs" / f"{variant}-{seed}.npz"
