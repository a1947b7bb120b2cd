"""Checkpoints of a training that may die at any moment."""

import contextlib
import json
import os
import re
import tempfile
from collections.abc import Iterator

import tensorflow as tf
from absl import logging
from official.core import train_utils

from mnasnet import storage
from mnasnet.training.optimizer import MovingAverages
from mnasnet.training.trained_network import FILE_NAME as NETWORK_NAME

# The reader has no type of error of its own: a broken file gives any of these.
_READER_ERRORS = (tf.errors.OpError, ValueError, RuntimeError, LookupError, OSError)


def pass_over_broken(model_dir: str) -> int:
    """Makes the newest whole checkpoint of a folder the one that training goes on from.

    A checkpoint is whole if every tensor in it can be read. No file of a checkpoint is touched: the
    file `checkpoint` alone, which says which is the newest, is written anew where it is wrong.

    Returns:
      Its step, 0 where there is none.
    """
    found = {}
    for index in tf.io.gfile.glob(os.path.join(model_dir, "ckpt-*.index")):
        if match := re.fullmatch(r"ckpt-(\d+)\.index", os.path.basename(index)):
            found[int(match[1])] = index.removesuffix(".index")
    whole = []
    for step in sorted(found, reverse=True):
        if _is_whole(found[step]):
            whole = [found[other] for other in sorted(found) if other <= step]
            break
        logging.warning("checkpoint %s is not whole, passing over it", found[step])
    state = tf.train.get_checkpoint_state(model_dir)
    newest = whole[-1] if whole else None
    listed = os.path.join(model_dir, state.model_checkpoint_path) if state else None
    if newest is None:
        if state:
            tf.io.gfile.remove(os.path.join(model_dir, "checkpoint"))
        return 0
    if listed is None or os.path.abspath(listed) != os.path.abspath(newest):
        tf.compat.v1.train.update_checkpoint_state(model_dir, newest, whole)
    return max(step for step, path in found.items() if path == newest)


def _is_whole(prefix: str) -> bool:
    try:
        reader = tf.train.load_checkpoint(prefix)
        for name in reader.get_variable_to_shape_map():
            reader.get_tensor(name)
    except _READER_ERRORS:
        return False
    return True


def remove_unfinished(folder: str) -> None:
    """Removes what a full disk or a kill left of checkpoints that were being written.

    Call it only where nobody writes to the folder. Whole checkpoints stay.
    """
    for pattern in ("*ckpt-*_temp", "*ckpt-*.tempstate*", "checkpoint.tmp*"):
        for path in tf.io.gfile.glob(os.path.join(folder, pattern)):
            if tf.io.gfile.isdir(path):
                tf.io.gfile.rmtree(path)
            else:
                tf.io.gfile.remove(path)


@contextlib.contextmanager
def _removing_unfinished(folder: str) -> Iterator[None]:
    """Cleans up after a checkpoint that could not be written."""
    try:
        yield
    except (tf.errors.OpError, OSError):
        remove_unfinished(folder)
        raise


class SharedCheckpoints(tf.train.CheckpointManager):
    """The checkpoints of a training on one host or several.

    Differs from what Model Garden's engine does: hosts other than the chief, whose checkpoints go
    to a folder of no account, go on from the chief's, not from nothing.

    Args:
      checkpoint: what to save.
      model_dir: the chief's folder, which all hosts can read.
      is_chief: whether this host is the chief.
      **kwargs: of tf.train.CheckpointManager.
    """

    def __init__(self, checkpoint, model_dir: str, *, is_chief: bool, max_to_keep: int, **kwargs):
        self._model_dir, self._is_chief = model_dir, is_chief
        super().__init__(
            checkpoint,
            directory=model_dir if is_chief else tempfile.mkdtemp(),
            max_to_keep=max_to_keep if is_chief else 1,
            **kwargs,
        )

    def restore_or_initialize(self):
        if not self._is_chief:
            # What the base class restores, and counts the steps to its next checkpoint from.
            self._latest_checkpoint = tf.train.latest_checkpoint(self._model_dir)
        return super().restore_or_initialize()

    def save(self, *args, **kwargs):
        with _removing_unfinished(self.directory):
            return super().save(*args, **kwargs)


class BestCheckpoints(train_utils.BestCheckpointExporter):
    """Keeps the best checkpoint in a folder of its own, with its metrics in info.json.

    Differs from Model Garden's: weights and averages are where they are in every other checkpoint,
    not swapped; and whoever dies between two files leaves the former best one, not half a new one.

    Args:
      export_dir: the folder.
      metric_name: what is best.
      is_chief: of several hosts, all must save, since to save is to exchange values; what others
        than the chief save goes to a folder of no account.
    """

    def __init__(self, export_dir: str, metric_name: str, *, is_chief: bool = True):
        super().__init__(export_dir, metric_name, "higher")
        self._is_chief = is_chief
        if not is_chief:
            self._export_dir = tempfile.mkdtemp()

    def maybe_export_checkpoint(self, checkpoint, eval_logs, global_step, write_logs=True) -> bool:
        del write_logs
        better = self._best_ckpt_logs is None or self._new_metric_is_better(
            self._best_ckpt_logs, eval_logs
        )
        if better:
            averaging = isinstance(checkpoint.optimizer, MovingAverages)
            if averaging:
                checkpoint.optimizer.swap_weights()
            with _removing_unfinished(self._export_dir):
                self._get_checkpoint_manager(checkpoint).save(checkpoint_number=global_step)
            if averaging:
                checkpoint.optimizer.swap_weights()
            self._best_ckpt_logs = eval_logs
            self.export_best_eval_metric(eval_logs, global_step)
        return better

    def export_best_eval_metric(self, eval_logs, global_step) -> None:
        if not self._is_chief:
            return
        info = {name: float(value) for name, value in eval_logs.items()}
        info["best_ckpt_global_step"] = int(global_step)
        storage.write_text(self.best_ckpt_logs_path, json.dumps(info, indent=4) + "\n")
        network = os.path.join(os.path.dirname(self._export_dir), NETWORK_NAME)
        if storage.exists(network):  # so that the folder says by itself what it holds
            storage.write_text(
                os.path.join(self._export_dir, NETWORK_NAME), storage.read_text(network)
            )

    def _maybe_load_best_eval_metric(self):
        try:
            return super()._maybe_load_best_eval_metric()
        except json.JSONDecodeError:
            return None
