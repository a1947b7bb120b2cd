"""The search as TensorBoard scalars, a point per update."""

from pathlib import Path

import numpy as np

from search.trials import COMPLETED, Trial

# Of the algorithm's metrics these tell of the networks; the others tell of the algorithm.
_OF_NETWORKS = ("reward", "best_reward", "distinct_networks")


class Scalars:
    """An observer that writes event files.

    Scalars: search/reward, search/best_reward, search/distinct_networks, search/accuracy and
    search/latency_ms (means over the batch's feasible trials), search/infeasible (their number in
    the batch); controller/entropy, controller/approx_kl and what else the algorithm reports.

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
        # Imported here: TensorFlow takes seconds, and a search without a workdir does without.
        import tensorflow as tf

        # After a kill in the middle of a batch these are those of its trials that are new.
        batch, self._batch = self._batch, []
        if self._writer is None:
            self._written = _last_step(self._directory)
            self._writer = tf.summary.create_file_writer(str(self._directory))
        if update <= self._written:
            return
        with self._writer.as_default(step=update):
            for name, value in (_of_metrics(metrics) | _of_batch(batch)).items():
                tf.summary.scalar(name, value)
        # A killed search then has written each update as a whole.
        self._writer.flush()
        self._written = update


def _of_metrics(metrics: dict) -> dict[str, float]:
    return {
        f"{'search' if name in _OF_NETWORKS else 'controller'}/{name}": value
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


def _last_step(directory: Path) -> int:
    """The last update that the event files of a directory hold; 0 for none."""
    import tensorflow as tf

    last = 0
    for path in sorted(directory.glob("events.out.tfevents.*")):
        try:
            for event in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
                last = max(last, tf.compat.v1.Event.FromString(event).step)
        except tf.errors.DataLossError:
            continue  # cut short by a kill; what is whole has been read
    return last
