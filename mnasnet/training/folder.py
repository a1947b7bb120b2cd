"""The folder of a training: who may write to it, and whether it holds this training."""

import dataclasses
import fcntl
import os
import time
from collections.abc import Mapping
from typing import Any

from mnasnet import storage
from mnasnet.training import overrides as training_overrides
from mnasnet.training.config import TrainingConfig
from mnasnet.training.trained_network import FILE_NAME, TrainedNetwork

PARAMS_NAME = "params.yaml"
_SECONDS_BETWEEN_LOOKS = 1.0

# What may change from one start to the next: how long, where and how fast, not what is learned.
_MAY_CHANGE = {
    "data_dir",
    "use_cache",
    "num_parallel_calls",
    "eval_batch_size",
    "eval_drop_remainder",
    "num_eval_images",
    "train_steps",
    "train_epochs",
    "strategy",
    "num_gpus",
    "worker_hosts",
    "task_index",
    "tpu",
    "tpu_zone",
    "gcp_project",
    "steps_per_eval",
    "iterations_per_loop",
    "log_step_count_steps",
    "max_to_keep",
    "eval_timeout",
    "use_async_checkpointing",
}


class TrainingFolder:
    """A folder that one training at a time writes to, held until `close`.

    Args:
      path: made where it is missing. One in a cloud cannot be held: keep to one training yourself.

    Raises:
      OSError: where it cannot be written.
      ValueError: where another training writes to it now.
    """

    def __init__(self, path: str):
        self.path = path
        self._lock = None
        storage.make_folder(path)
        if storage.is_remote(path):
            return
        # The kernel lets go of the lock when its holder dies, however it dies.
        self._lock = open(os.path.join(path, "lock"), "a+")  # noqa: SIM115, held as long as we live
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._lock.close()
            raise ValueError(
                f"{path} is in use by another training, choose another --model_dir or stop that one"
            ) from error

    def close(self) -> None:
        if self._lock is not None:
            self._lock.close()

    def claim(self, config: TrainingConfig, network: TrainedNetwork) -> None:
        """Writes down what is trained here, or checks that it is what is written.

        Raises:
          ValueError: where the folder holds another training, or checkpoints of some other program.
        """
        params = os.path.join(self.path, PARAMS_NAME)
        # Without a checkpoint nothing was trained so far that other settings would go on with.
        if storage.exists(os.path.join(self.path, "checkpoint")):
            self._check_same(params, config)
        storage.write_text(os.path.join(self.path, FILE_NAME), network.to_json())
        storage.write_text(params, _to_yaml(config))

    def _check_same(self, params: str, config: TrainingConfig) -> None:
        if not storage.exists(params):
            raise ValueError(
                f"{self.path} has checkpoints but no {PARAMS_NAME}, so they are not of a training "
                "of ours: choose another --model_dir"
            )
        _check_unchanged(self.path, read_params(self.path), vars(config))


def wait_for_checkpoint(model_dir: str, timeout: float | None) -> None:
    """Waits for the first checkpoint of a training that may not have begun, as officially.

    Differs from the official evaluation loop: that says nothing, waits for folders that nothing can
    be in, and ends without complaint when nothing came.

    Args:
      model_dir: of the training, which makes it where it is missing.
      timeout: seconds, None for ever.

    Raises:
      ValueError: for a file, and a folder in a folder that is not there: slips of the pen.
      TimeoutError: when nothing came.
    """
    path = os.path.join(model_dir, "checkpoint")
    if storage.exists(path):
        return
    if not storage.is_remote(model_dir):
        parent = os.path.dirname(os.path.abspath(model_dir))
        if os.path.exists(model_dir) and not os.path.isdir(model_dir):
            raise ValueError(f"--model_dir {model_dir!r} is a file, must be a training's folder")
        if not os.path.isdir(parent):
            raise ValueError(f"--model_dir {model_dir!r} cannot be followed: no folder {parent}")
    limit = "" if timeout is None else f", at most {timeout} s"
    there = "" if storage.exists(model_dir) else " (no such folder so far)"
    print(f"waiting for the first checkpoint in {model_dir}{there}{limit}", flush=True)
    began = time.monotonic()
    while not storage.exists(path):
        if timeout is not None and time.monotonic() - began > timeout:
            raise TimeoutError(
                f"no checkpoint came to {model_dir} within {timeout} s (--eval_timeout)"
            )
        time.sleep(_SECONDS_BETWEEN_LOOKS)


def settings_of(model_dir: str, changes: Mapping[str, Any]) -> TrainingConfig:
    """The configuration of the training in a folder, with such changes as may be.

    Raises:
      ValueError: for a change of what is trained, and where there is no training.
    """
    before = read_params(model_dir)
    _check_unchanged(model_dir, before, changes)
    return dataclasses.replace(before, **changes)


def read_params(model_dir: str) -> TrainingConfig:
    """The configuration of the training in a folder; ValueError where there is none."""
    path = os.path.join(model_dir, PARAMS_NAME)
    try:
        text = storage.read_text(path)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ValueError(
            f"--model_dir {model_dir!r} holds no training: it has no {PARAMS_NAME}"
        ) from error
    settings = training_overrides.parse_yaml(text, path)
    return TrainingConfig(**training_overrides.checked(settings, path))


def _check_unchanged(path: str, before: TrainingConfig, settings: Mapping[str, Any]) -> None:
    for name, new in settings.items():
        old = getattr(before, name)
        if old != new and name not in _MAY_CHANGE:
            raise ValueError(
                f"{path} holds a training with {name} {old!r}, not {new!r}: choose another "
                "--model_dir"
            )


def _to_yaml(config: TrainingConfig) -> str:
    import yaml

    fields = dataclasses.asdict(config)
    fields["blocks"] = None if config.blocks is None else list(config.blocks)
    return yaml.safe_dump(fields, sort_keys=False)
