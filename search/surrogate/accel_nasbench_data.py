"""Reads a checkout of Accel-NASBench: networks, and their ImageNet top-1 after short training.

    DIR/anb_dataset/anb_dataset_jsons.tar.gz                       a JSON record of each network
    DIR/configs/data_splits/default_split/{train,test}_paths.json  which to fit to, which to test on

Whatever is wrong with them is a ValueError of one line that names the file or the record.
"""

import dataclasses
import gzip
import hashlib
import io
import json
import math
import posixpath
import tarfile
import zlib
from pathlib import Path

import numpy as np

from search.spaces.accel_nasbench import FIELDS
from search.spaces.decisions import SearchSpace

ARCHIVE = Path("anb_dataset/anb_dataset_jsons.tar.gz")
SPLITS = {
    name: Path(f"configs/data_splits/default_split/{name}_paths.json") for name in ("train", "test")
}
_WHERE_FROM = "the folder of a checkout of Accel-NASBench (github.com/afzalxo/Accel-NASBench)"


@dataclasses.dataclass(frozen=True)
class Networks:
    """Trained networks.

    Attributes:
      tokens: int32 [n, T], points of the space.
      top1: float64 [n], ImageNet top-1 in [0, 1] after short training.
    """

    tokens: np.ndarray
    top1: np.ndarray


def fingerprint(data_dir: str | Path) -> str:
    """A hash of the contents of archive and splits; ValueError where one is missing."""
    digest = hashlib.sha256()
    for name in (ARCHIVE, *SPLITS.values()):
        digest.update(hashlib.sha256(_read_bytes(Path(data_dir) / name)).digest())
    return digest.hexdigest()


def read_splits(data_dir: str | Path, space: SearchSpace) -> dict[str, Networks]:
    """The networks of the authors' splits, {'train': ..., 'test': ...}.

    Args:
      data_dir: see the module.
      space: that of the data; names its networks' tokens.

    Raises:
      ValueError: for a file that is missing or broken, a record without its fields or outside the
        space, a split that names what is not there, or one network in two splits.
    """
    records = _read_records(Path(data_dir) / ARCHIVE, space)
    splits, split_of = {}, {}
    for name, path in SPLITS.items():
        record_names = _read_split(Path(data_dir) / path)
        for record_name in record_names:
            if record_name not in records:
                raise ValueError(
                    f"the split {path} names {record_name}, which {ARCHIVE} does not hold"
                )
            if split_of.setdefault(record_name, name) != name:
                raise ValueError(f"{record_name} is in both splits, train and test")
        tokens, top1 = zip(*(records[record_name] for record_name in record_names), strict=True)
        splits[name] = Networks(np.array(tokens, np.int32), np.array(top1, np.float64))
    return splits


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        why = "there is none" if isinstance(error, FileNotFoundError) else str(error)
        raise ValueError(f"cannot read {path}: {why}; --surrogate_data is {_WHERE_FROM}") from error


def _read_split(path: Path) -> list[str]:
    """Names of records, 'result_7.json'; the split has them with folders that are no longer so."""
    try:
        paths = json.loads(_read_bytes(path))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"the split {path} is no JSON: {error}") from error
    if not isinstance(paths, list) or not all(isinstance(entry, str) for entry in paths):
        raise ValueError(f"the split {path} must be a list of paths of records")
    names = list(dict.fromkeys(map(posixpath.basename, paths)))
    if len(names) < 2:
        raise ValueError(f"the split {path} names {len(names)} records, at least 2 are needed")
    return names


def _read_records(path: Path, space: SearchSpace) -> dict[str, tuple[list[int], float]]:
    """(tokens, top-1 in [0, 1]) of each record by its name."""
    try:
        content = gzip.decompress(_read_bytes(path))
    except EOFError as error:
        raise ValueError(f"{path} is cut short, fetch it once more ({error})") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{path} is no .tar.gz or damaged ({error})") from error
    places = _Places(space)
    records = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
            for member in archive:
                if member.isfile() and member.name.endswith(".json"):
                    name = posixpath.basename(member.name)
                    records[name] = places.read(name, archive.extractfile(member).read())
    except tarfile.TarError as error:
        raise ValueError(f"{path} is damaged behind its record {len(records)} ({error})") from error
    if not records:
        raise ValueError(f"{path} holds no records, files that end in .json")
    return records


class _Places:
    """Where in a record to find what, and what may stand there."""

    def __init__(self, space: SearchSpace):
        self._space = space
        self._tokens = []
        for decision in space.decisions:
            block, _, field = decision.name.partition("/")
            # The data writes squeeze-and-excitation as a truth value, everything else as a number.
            written = bool if field == "se_ratio" else int
            choices = {
                (written, written(choice)): token for token, choice in enumerate(decision.choices)
            }
            self._tokens.append((f"{block.replace('_', '')}_{FIELDS[field]}", choices))

    def read(self, name: str, text: bytes) -> tuple[list[int], float]:
        try:
            record = json.loads(text)
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise ValueError(f"record {name} is no JSON: {error}") from error
        chosen = _field(record, name, "architecture")
        tokens = []
        for field, choices in self._tokens:
            value = _field(chosen, name, f"architecture.{field}")
            # With its type, since True equals 1; a list, for one, could not even be looked up.
            token = choices.get((type(value), value)) if isinstance(value, int) else None
            if token is None:
                raise ValueError(
                    f"record {name} is outside the space {self._space.name!r}: {field} is "
                    f"{value!r}, allowed are {', '.join(str(choice) for _, choice in choices)}"
                )
            tokens.append(token)
        top1 = _field(_field(record, name, "metrics"), name, "metrics.val_top1")
        good = isinstance(top1, int | float) and not isinstance(top1, bool)
        if not good or not math.isfinite(top1) or not 0 <= top1 <= 100:
            raise ValueError(
                f"record {name} has metrics.val_top1 {top1!r}, must be a number from 0 to 100"
            )
        return tokens, top1 / 100


def _field(container, name: str, path: str):
    key = path.rpartition(".")[2]
    if not isinstance(container, dict) or key not in container:
        raise ValueError(f"record {name} has no field {path!r}")
    return container[key]
