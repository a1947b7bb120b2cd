"""The folder of a search: who may write to it, and what lies in it."""

import json
import os
import zipfile
from pathlib import Path

import numpy as np

from search.guard import Guard
from search.trials import TrialStore


class SettingsMismatch(ValueError):
    """The folder holds a search that the present settings do not continue."""


def made_folder(path: str | Path, name: str) -> Path:
    """A folder, made where it is missing; ValueError, with the flag's name, where it is a file."""
    path = Path(path)
    for folder in (path, *path.parents):
        if folder.exists() and not folder.is_dir():
            raise ValueError(f"{name} {path} cannot be a folder: {folder} is a file")
    path.mkdir(parents=True, exist_ok=True)
    return path


class Workdir:
    """A folder that one search at a time writes to.

    `search.sqlite` is the truth. The checkpoint saves time: without it a search goes over its
    recorded trials again, measuring nothing, and arrives at the same point.

    Args:
      path: made where it is missing.

    Raises:
      OSError: where it cannot be written.
      ValueError: where another search writes to it now, or its database is of another kind.
    """

    def __init__(self, path: str | Path):
        self.path = made_folder(path, "workdir")
        self._guard = Guard(self.path)
        try:
            self.store = TrialStore(self.path / "search.sqlite", before_write=self._guard.check)
        except BaseException:
            self._guard.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.store.close()
        self._guard.close()

    @property
    def _checkpoint(self) -> Path:
        return self.path / "checkpoints" / "algorithm.npz"

    def save_checkpoint(self, updates: int, state: dict[str, np.ndarray]) -> None:
        """Keeps the algorithm's state after so many updates, in place of the former one."""
        self._guard.check()
        self._checkpoint.parent.mkdir(exist_ok=True)
        temporary = self._checkpoint.with_suffix(".tmp")
        try:
            with open(temporary, "wb") as file:
                np.savez(file, updates=updates, **state)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self._checkpoint)
        finally:
            temporary.unlink(missing_ok=True)  # half of one only fills the disk

    def load_checkpoint(self) -> tuple[int, dict[str, np.ndarray]]:
        """(updates, state) of the last checkpoint; (0, {}) where there is none that is whole."""
        try:
            with open(self._checkpoint, "rb") as file:
                state = dict(np.load(file))
        except (OSError, ValueError, EOFError, zipfile.BadZipFile):
            return 0, {}
        return int(state.pop("updates")), state


def check_settings(store: TrialStore, settings: dict) -> None:
    """Keeps the settings of a new search; SettingsMismatch names what differs."""
    settings = json.loads(json.dumps(settings, default=_plain))
    kept = store.settings().get("settings")
    if kept is None:
        store.save_settings({"settings": settings})
        return
    # `search_settings` leaves the default out.
    for one in (kept, settings):
        one.get("search", {}).setdefault("update", "batch")
    told = differences(kept, settings)
    if told:
        raise SettingsMismatch(
            f"{store.path} holds a search of other settings: {'; '.join(told[:5])}; "
            "choose another --workdir or the same settings"
        )


def differences(kept: dict, wanted: dict) -> list[str]:
    """What differs between settings, nested and JSON-able, in words."""
    old, new = flatten(kept), flatten(wanted)
    return [
        f"{name} is {_brief(old.get(name))} there, {_brief(new.get(name))} now"
        for name in old | new
        if old.get(name) != new.get(name)
    ]


def _plain(value):
    """NumPy's scalars and arrays as what JSON knows."""
    return value.tolist() if hasattr(value, "tolist") else str(value)


def flatten(settings: dict, prefix: str = "") -> dict:
    """Nested settings by dotted names: {'reward': {'beta': -1}} -> {'reward.beta': -1}."""
    flat = {}
    for name, value in settings.items():
        if isinstance(value, dict):
            flat |= flatten(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat


def _brief(value) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
