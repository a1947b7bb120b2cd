"""The trials of a search, in SQLite: the truth from which all reports are made.

A trial is one sampled network and what became of it. It is written once, when it is known, and
never changed. A trial that was written survives the death of any process; after a power cut the
last few may be missing, and are then done again.
"""

import dataclasses
import errno
import json
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

SCHEMA_VERSION = 1
COMPLETED, INFEASIBLE = "completed", "infeasible"
_ERRNO = {sqlite3.SQLITE_FULL: errno.ENOSPC, sqlite3.SQLITE_IOERR: errno.EIO}

_SCHEMA = """
CREATE TABLE trials (
  trial INTEGER PRIMARY KEY, status TEXT NOT NULL, network TEXT NOT NULL, tokens TEXT NOT NULL,
  accuracy REAL, latency_ms REAL, reward REAL NOT NULL, params INTEGER, multiply_adds INTEGER,
  reused_from INTEGER, reason TEXT, train_seconds REAL, latency_seconds REAL, records TEXT NOT NULL
);
CREATE TABLE landmarks (
  name TEXT PRIMARY KEY, status TEXT NOT NULL, network TEXT NOT NULL,
  accuracy REAL, latency_ms REAL, reward REAL NOT NULL, params INTEGER, multiply_adds INTEGER,
  reason TEXT, train_seconds REAL, latency_seconds REAL, records TEXT NOT NULL
);
CREATE TABLE updates (update_number INTEGER PRIMARY KEY, metrics TEXT NOT NULL);
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
# Made with the first event, since most searches have none. A table rather than one more setting: a
# search of days may have thousands, each of which is written when it happens.
_EVENTS = """
CREATE TABLE IF NOT EXISTS events (
  event INTEGER PRIMARY KEY, time REAL NOT NULL, kind TEXT NOT NULL, serial TEXT NOT NULL,
  message TEXT NOT NULL
);
"""


@dataclasses.dataclass(frozen=True)
class Measured:
    """What is known of a network after its evaluation.

    Attributes:
      network: its block strings.
      accuracy: top-1 on the proxy task in [0, 1]; None where it was not measured.
      latency_ms: None where it was not measured.
      reward: by the search's RewardConfig; its infeasible_reward where there is a reason.
      params: trainable parameters; None where the space holds no networks.
      multiply_adds: of one image at the size at which the latency is measured.
      reason: why the network is infeasible; None where it is not.
      train_seconds: wall time that the accuracy took.
      latency_seconds: wall time that the latency took, conversion included.
      records: what the evaluators tell of how they measured, by 'accuracy' and 'latency'.

    Raises:
      ValueError: for a feasible network without both measurements.
    """

    network: tuple[str, ...]
    accuracy: float | None
    latency_ms: float | None
    reward: float
    params: int | None = None
    multiply_adds: int | None = None
    reason: str | None = None
    train_seconds: float | None = None
    latency_seconds: float | None = None
    records: dict = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        if self.reason is None and (self.accuracy is None or self.latency_ms is None):
            raise ValueError(
                f"{' '.join(self.network)}: accuracy {self.accuracy}, latency {self.latency_ms} ms "
                "and no reason; a network is measured, or infeasible with a reason"
            )

    @property
    def status(self) -> str:
        """COMPLETED, or INFEASIBLE where there is a reason."""
        return COMPLETED if self.reason is None else INFEASIBLE


@dataclasses.dataclass(frozen=True)
class Trial:
    """One sample of the controller.

    Attributes:
      trial: its number, from 0 in the order of sampling.
      tokens: the decisions, as indices into their choices.
      measured: of its network; taken over from an earlier trial where `reused_from` says so.
      reused_from: number of the trial that measured the same network before; None where none did.
    """

    trial: int
    tokens: tuple[int, ...]
    measured: Measured
    reused_from: int | None = None

    @property
    def network(self) -> tuple[str, ...]:
        """The network's block strings."""
        return self.measured.network

    @property
    def status(self) -> str:
        """COMPLETED or INFEASIBLE."""
        return self.measured.status

    @property
    def reward(self) -> float:
        """The reward that the learner was given."""
        return self.measured.reward


class TrialStore:
    """The trials, landmarks, updates, settings and events of one search, in a SQLite file.

    Any thread may use it; one at a time does.

    Args:
      path: the file, made where it is missing; ':memory:' for a search that is not to be kept.
      read_only: for a reader beside a running search; the file must be there.
      before_write: is called before each; what it raises keeps the store as it was.

    Raises:
      ValueError: where the file is no such store or one of another schema version.
      OSError: where it cannot be opened.
    """

    def __init__(
        self,
        path: str | Path,
        read_only: bool = False,
        before_write: Callable[[], None] = lambda: None,
    ):
        self.path, self._lock, self._before_write = str(path), threading.RLock(), before_write
        if read_only and not Path(path).is_file():
            raise FileNotFoundError(f"no search found: there is no {path}")
        try:
            self._open(read_only)
        except sqlite3.DatabaseError as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # above it is the operation
            if not isinstance(error, sqlite3.OperationalError) or code == sqlite3.SQLITE_ERROR:
                raise ValueError(f"{path} is no search database, or damaged ({error})") from error
            number = (_ERRNO[code],) if code in _ERRNO else ()
            raise OSError(*number, f"{path}: {error}") from error

    def _open(self, read_only: bool) -> None:
        self._db = sqlite3.connect(
            self.path, timeout=60, isolation_level=None, check_same_thread=False
        )
        if not read_only:
            # WAL: readers never wait for the search, nor it for them.
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        empty = not self._db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
        if empty and not read_only:
            self._db.executescript(
                f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version={SCHEMA_VERSION}; COMMIT;"
            )
        elif version != SCHEMA_VERSION:
            raise ValueError(
                f"{self.path} has schema version {version}, this program reads {SCHEMA_VERSION}"
            )
        self._measured_by: dict[tuple[str, ...], Trial] = {}
        self._know(self.trials())

    def close(self) -> None:
        """Closes the file; the store is not used after it."""
        with self._lock:  # a thread that looks for phones may be writing
            self._db.close()

    def append(self, trials: Iterable[Trial]) -> None:
        """Commits trials, all or none.

        Raises:
          sqlite3.IntegrityError: where a trial of that number is there already.
        """
        trials = list(trials)
        rows = [
            {
                "trial": trial.trial,
                "tokens": " ".join(map(str, trial.tokens)),
                "reused_from": trial.reused_from,
                **_measured_row(trial.measured),
            }
            for trial in trials
        ]
        self._insert("INSERT", "trials", rows)
        self._know(trials)

    def _know(self, trials: Iterable[Trial]) -> None:
        # Not the first by number: a repeat may have a lower one than whom it repeats.
        for trial in trials:
            if trial.reused_from is None:
                self._measured_by.setdefault(trial.network, trial)

    def find(self, network: tuple[str, ...]) -> Trial | None:
        """The trial that measured a network, None where none did."""
        return self._measured_by.get(network)

    def trials(self, first: int = 0) -> list[Trial]:
        """All trials from number `first` on, in order."""
        query = "SELECT * FROM trials WHERE trial >= ? ORDER BY trial"
        return self._rows(query, first, make=_trial)

    def add_landmark(self, name: str, measured: Measured) -> None:
        """Keeps the measurement of a reference network under its name."""
        self._insert("INSERT OR REPLACE", "landmarks", [{"name": name, **_measured_row(measured)}])

    def landmarks(self) -> dict[str, Measured]:
        """Reference networks, put through the same evaluators, by name, in the order of names."""
        rows = self._rows("SELECT * FROM landmarks ORDER BY name")
        return {row["name"]: _measured(row) for row in rows}

    def add_update(self, update: int, metrics: dict) -> None:
        """Keeps the learner's metrics of update number `update`, from 1."""
        row = {"update_number": update, "metrics": json.dumps(metrics)}
        self._insert("INSERT OR REPLACE", "updates", [row])

    def updates(self) -> list[tuple[int, dict]]:
        """(number, metrics) of each update, in order."""
        rows = self._rows("SELECT * FROM updates ORDER BY update_number")
        return [(row["update_number"], json.loads(row["metrics"])) for row in rows]

    def save_settings(self, settings: dict) -> None:
        """Keeps values under names; a name that is there gets the new value."""
        rows = [{"name": name, "value": json.dumps(value)} for name, value in settings.items()]
        self._insert("INSERT OR REPLACE", "settings", rows)

    def settings(self) -> dict:
        """What `save_settings` has kept."""
        rows = self._rows("SELECT * FROM settings ORDER BY rowid")
        return {row["name"]: json.loads(row["value"]) for row in rows}

    def add_event(self, time: float, kind: str, serial: str, message: str) -> None:
        """Keeps what happened to a device: when, in seconds since 1970, and in one line."""
        row = {"time": time, "kind": kind, "serial": serial, "message": message}
        with self._lock:
            self._before_write()
            self._db.execute(_EVENTS)
            self._insert("INSERT", "events", [row])

    def events(self) -> list[dict]:
        """What `add_event` has kept, in order, by the names of its arguments."""
        if not self._rows("SELECT 1 FROM sqlite_master WHERE name = 'events'"):
            return []
        return self._rows("SELECT time, kind, serial, message FROM events ORDER BY event")

    def _rows(self, query: str, *parameters, make: Callable[[dict], object] = dict) -> list:
        with self._lock:
            cursor = self._db.execute(query, parameters)
            names = [column[0] for column in cursor.description]
            return [make(dict(zip(names, values, strict=True))) for values in cursor]

    def _insert(self, verb: str, table: str, rows: list[dict]) -> None:
        if not rows:
            return
        columns = ", ".join(rows[0])
        places = ", ".join(f":{name}" for name in rows[0])
        with self._lock:
            self._before_write()
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._db.executemany(f"{verb} INTO {table} ({columns}) VALUES ({places})", rows)
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise


def _measured_row(measured: Measured) -> dict:
    row = {field.name: getattr(measured, field.name) for field in dataclasses.fields(Measured)}
    row["network"] = json.dumps(measured.network)
    row["records"] = json.dumps(measured.records)
    return {"status": measured.status, **row}


def _trial(row: dict) -> Trial:
    tokens = tuple(map(int, row["tokens"].split()))
    return Trial(row["trial"], tokens, _measured(row), row["reused_from"])


def _measured(row: dict) -> Measured:
    fields = {field.name: row[field.name] for field in dataclasses.fields(Measured)}
    # A space has few different blocks, a search thousands of networks of them.
    fields["network"] = tuple(map(sys.intern, json.loads(row["network"])))
    fields["records"] = json.loads(row["records"])
    return Measured(**fields)
