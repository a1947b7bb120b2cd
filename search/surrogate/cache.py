"""Keeps fitted surrogates between runs, under $XDG_CACHE_HOME or ~/.cache.

Only ever a short cut: a cache that cannot be read or written, or that is damaged, is not used.
"""

import contextlib
import io
import os
import zipfile
import zlib
from pathlib import Path

import numpy as np

from search.tables import write_atomically

_FIELDS = {
    "intercept": float,
    "single": np.ndarray,
    "pairs": np.ndarray,
    "num_train": int,
    "num_test": int,
    "test_r2": float,
    "test_tau": float,
    "test_error": float,
}


def load(key: str) -> dict | None:
    """What was saved under that key; None where there is nothing sound."""
    try:
        with open(_path(key), "rb") as file:
            arrays = np.load(file, allow_pickle=False)
            loaded = {name: arrays[name] for name in _FIELDS}
        return {
            name: loaded[name] if kind is np.ndarray else kind(loaded[name])
            for name, kind in _FIELDS.items()
        }
    # Whatever numpy and zipfile make of a damaged file.
    except (OSError, EOFError, KeyError, ValueError, TypeError, RuntimeError, zlib.error):
        return None
    except zipfile.BadZipFile:
        return None


def save(key: str, fields: dict) -> None:
    """Keeps the fields under that key, where that can be done."""
    content = io.BytesIO()
    np.savez(content, **fields)
    with contextlib.suppress(OSError, RuntimeError):
        path = _path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content.getvalue())


def _path(key: str) -> Path:
    root = os.environ.get("XDG_CACHE_HOME", "")
    # A relative one is to be ignored, says its specification; Path.home may raise RuntimeError.
    folder = Path(root) if os.path.isabs(root) else Path.home() / ".cache"
    return folder / "mnasnet" / f"surrogate-{key[:32]}.npz"
