"""The search as TensorBoard scalars, a point per update."""

import os
import socket
import time
from pathlib import Path

import numpy as np

from search.trials import COMPLETED, Trial

# These metrics tell of the networks and of the workers; the others tell of the algorithm.
_OF_NETWORKS = ("reward", "best_reward", "distinct_networks")
_OF_WORKERS = ("workers", "busy_share", "retries")
_PART = dict.fromkeys(_OF_NETWORKS, "search") | dict.fromkeys(_OF_WORKERS, "workers")
_TAGS = {"workers": "workers/number"}


class Scalars:
    """An observer that writes event files.

    Scalars: search/reward, search/best_reward, search/distinct_networks, search/accuracy and
    search/latency_ms (means over the batch's feasible trials), search/infeasible (their number in
    the batch); workers/number, workers/busy_share and workers/retries where there are workers;
    controller/entropy, controller/approx_kl and what else the algorithm reports.

    Args:
      directory: for the event files. Updates that they hold already are not written again.
    """

    def __init__(self, directory: str | Path):
        self._directory = Path(directory)
        self._batch: list[Trial] = []
        self._writer, self._written = None, 0

    def on_start(self, number: int, network: tuple[str, ...]) -> None:
        """See Observer."""

    def on_trial(self, trial: Trial) -> None:
        """See Observer."""
        self._batch.append(trial)

    def on_update(self, update: int, metrics: dict) -> None:
        """See Observer."""
        # After a kill in the middle of a batch these are those of its trials that are new.
        batch, self._batch = self._batch, []
        if self._writer is None:
            self._written = _last_step(self._directory)
            self._writer = _EventFile(self._directory)
        if update <= self._written:
            return
        self._writer.write(update, _of_metrics(metrics) | _of_batch(batch))
        self._written = update


def _of_metrics(metrics: dict) -> dict[str, float]:
    return {
        _TAGS.get(name, f"{_PART.get(name, 'controller')}/{name}"): value
        for name, value in metrics.items()
        if isinstance(value, int | float)
    }


def _of_batch(batch: list[Trial]) -> dict[str, float]:
    feasible = [trial.measured for trial in batch if trial.status == COMPLETED]
    scalars = {"search/infeasible": float(len(batch) - len(feasible))}
    if feasible:
        scalars["search/accuracy"] = float(np.mean([m.accuracy for m in feasible]))
        scalars["search/latency_ms"] = float(np.mean([m.latency_ms for m in feasible]))
    return scalars


class _EventFile:
    """A new event file, written by the TensorBoard package: TensorFlow's own writer takes seconds
    to load, which a search that trains nothing can do without.
    """

    def __init__(self, directory: Path):
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.summary.writer.record_writer import RecordWriter

        directory.mkdir(parents=True, exist_ok=True)
        now = time.time_ns()
        name = f"events.out.tfevents.{now // 10**9}.{socket.gethostname()}.{os.getpid()}.{now}.v2"
        self._records = RecordWriter(open(directory / name, "xb"))  # noqa: SIM115, as long as we live
        version = Event(wall_time=time.time(), file_version="brain.Event:2")
        self._records.write(version.SerializeToString())

    def write(self, step: int, scalars: dict[str, float]) -> None:
        """Scalars of one step, in one go: a killed search has written an update whole or not."""
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.plugins.scalar.summary_v2 import scalar_pb

        for name, value in scalars.items():
            event = Event(wall_time=time.time(), step=step, summary=scalar_pb(name, value))
            self._records.write(event.SerializeToString())
        self._records.flush()


def _last_step(directory: Path) -> int:
    """The last update that the event files of a directory hold; 0 for none."""
    from google.protobuf.message import DecodeError
    from tensorboard.compat.proto.event_pb2 import Event

    last = 0
    for path in sorted(directory.glob("events.out.tfevents.*")):
        with open(path, "rb") as file:
            # A record: its length in 8 bytes, 4 of a checksum, the event, 4 of a checksum.
            while len(header := file.read(12)) == 12:
                event = file.read(int.from_bytes(header[:8], "little"))
                if len(file.read(4)) < 4:
                    break  # cut short by a kill; what is whole has been read
                try:
                    last = max(last, Event.FromString(event).step)
                except DecodeError:
                    break
    return last
