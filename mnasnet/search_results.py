"""Networks that a search found, read from the files that it leaves in its workdir.

`top.json` has the best, with the architecture around their blocks; `trials.csv` has every trial.
Nothing of the search itself is imported: files are all that passes between the two.
"""

import csv
import dataclasses
import json
import os

from mnasnet.architectures import Architecture, from_blocks


@dataclasses.dataclass(frozen=True)
class Found:
    """A network of a search.

    Attributes:
      trial: number of its trial.
      rank: its place among the best, from 1; None where it was asked for by its trial.
      architecture: the whole network.
      accuracy: top-1 of its short training, in [0, 1]; None where it was not measured.
      latency_ms: None where it was not measured.
      reward: what the search gave it.
    """

    trial: int
    rank: int | None
    architecture: Architecture
    accuracy: float | None
    latency_ms: float | None
    reward: float | None


def read_top(workdir: str) -> list[Found]:
    """The best networks of a search, best first.

    Raises:
      ValueError: where the folder has no top.json, or it is broken.
    """
    path = os.path.join(workdir, "top.json")
    try:
        with open(path, encoding="utf-8") as file:
            rows = json.load(file)
        return [_from_row(row) for row in rows]
    except OSError as error:
        raise _not_of_a_search(path, error) from None
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise ValueError(f"{path} holds no networks of a search: {error}") from None


def at_rank(workdir: str, rank: int) -> Found:
    """The network at a place among the best; raises as `read_top` does."""
    found = read_top(workdir)
    if not 1 <= rank <= len(found):
        raise ValueError(f"rank is {rank}, the search in {workdir!r} has 1 .. {len(found)}")
    return found[rank - 1]


def of_trial(workdir: str, trial: int) -> Found:
    """The network of a trial, whatever came of it; raises as `read_top` does."""
    path = os.path.join(workdir, "trials.csv")
    try:
        with open(path, encoding="utf-8", newline="") as file:
            row = next((row for row in csv.DictReader(file) if row["trial"] == str(trial)), None)
    except OSError as error:
        raise _not_of_a_search(path, error) from None
    except LookupError:
        raise ValueError(f"{path} has no column 'trial'") from None
    if row is None:
        raise ValueError(f"the search in {workdir!r} has no trial {trial}")
    # All networks of a search have one architecture around their blocks.
    best = read_top(workdir)
    fields = {} if not best else _around(best[0].architecture)
    numbers = {key: float(row[key]) for key in ("accuracy", "latency_ms", "reward") if row.get(key)}
    return Found(
        trial,
        None,
        from_blocks(row["network"].split(), **fields | {"name": f"trial-{trial}"}),
        *(numbers.get(key) for key in ("accuracy", "latency_ms", "reward")),
    )


def _not_of_a_search(path: str, error: OSError) -> ValueError:
    folder = os.path.dirname(path)
    return ValueError(
        f"{path} cannot be read ({error.strerror}): is {folder!r} the workdir of a search?"
    )


def _from_row(row: dict) -> Found:
    fields = dict(row["architecture"] or {})
    fields["name"] = f"trial-{row['trial']}"
    return Found(
        row["trial"],
        row["rank"],
        from_blocks(row["network"], **fields),
        row["accuracy"],
        row["latency_ms"],
        row["reward"],
    )


def _around(architecture: Architecture) -> dict:
    fields = {
        field.name: getattr(architecture, field.name)
        for field in dataclasses.fields(architecture)
        if field.name != "blocks"
    }
    return fields
