"""Checkpoints of a training that may die at any moment."""

import json
import os
import re

import tensorflow as tf
from absl import logging
from official.core import train_utils

from mnasnet import storage
from mnasnet.training_optimizer import MovingAverages

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


class BestCheckpoints(train_utils.BestCheckpointExporter):
    """Keeps the best checkpoint in a folder of its own, with its metrics in info.json.

    Differs from Model Garden's: weights and averages are where they are in every other checkpoint,
    not swapped; and whoever dies between two files leaves the former best one, not half a new one.
    """

    def maybe_export_checkpoint(self, checkpoint, eval_logs, global_step, write_logs=True) -> bool:
        del write_logs
        better = self._best_ckpt_logs is None or self._new_metric_is_better(
            self._best_ckpt_logs, eval_logs
        )
        if better:
            averaging = isinstance(checkpoint.optimizer, MovingAverages)
            if averaging:
                checkpoint.optimizer.swap_weights()
            self._get_checkpoint_manager(checkpoint).save(checkpoint_number=global_step)
            if averaging:
                checkpoint.optimizer.swap_weights()
            self._best_ckpt_logs = eval_logs
            self.export_best_eval_metric(eval_logs, global_step)
        return better

    def export_best_eval_metric(self, eval_logs, global_step) -> None:
        info = {name: float(value) for name, value in eval_logs.items()}
        info["best_ckpt_global_step"] = int(global_step)
        storage.write_text(self.best_ckpt_logs_path, json.dumps(info, indent=4) + "\n")

    def _maybe_load_best_eval_metric(self):
        try:
            return super()._maybe_load_best_eval_metric()
        except json.JSONDecodeError:
            return None
