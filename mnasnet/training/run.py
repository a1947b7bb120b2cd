"""A full training from its configuration to its last checkpoint."""

import dataclasses
import os

import tensorflow as tf

from mnasnet.architectures import Architecture, from_blocks, get_architecture
from mnasnet.training import strategies
from mnasnet.training.batches import num_eval_steps
from mnasnet.training.checkpoints import pass_over_broken, remove_unfinished
from mnasnet.training.config import TrainingConfig
from mnasnet.training.engine import ARCHIVE_FOLDER, Runner, experiment_config
from mnasnet.training.folder import TrainingFolder
from mnasnet.training.images import open_data
from mnasnet.training.task import TrainingTask
from mnasnet.training.trained_network import TrainedNetwork


@dataclasses.dataclass(frozen=True)
class Outcome:
    """Where a training stands.

    Attributes:
      step: how many steps it was trained.
      metrics: of the last evaluation in this process: top_1_accuracy, top_5_accuracy in [0, 1] and
        loss; empty where there was none.
    """

    step: int
    metrics: dict[str, float]


class Training:
    """A training, checked and ready to run.

    Args:
      config: what to train, and how.
      model_dir: of checkpoints and summaries; one that holds this training already is gone on with.
      mode: 'train_and_eval', 'train' or 'eval'.

    Attributes:
      network: what is trained.
      train_steps: steps of the whole training.
      summary: one line that says what runs on what.
      rounding: one line that says how `iterations_per_loop` was rounded, None where it was not.

    Raises:
      ValueError: for settings, data or devices that do not go together, or a folder that holds
        another training.
      OSError: for a folder that cannot be written.
    """

    def __init__(self, config: TrainingConfig, model_dir: str, mode: str = "train_and_eval"):
        # Several hosts: nothing may be computed before the strategy is there.
        strategy = strategies.make_strategy(config)
        for name in ("train_batch_size", "eval_batch_size"):
            strategies.check_batch_size(name, getattr(config, name), strategy)
        architecture = architecture_of(config)
        image_size = config.image_size or architecture.image_size
        self._data = open_data(config, image_size)
        self.network = TrainedNetwork(
            architecture,
            num_classes=self._data.num_classes,
            image_size=image_size,
            depth_multiplier=config.depth_multiplier,
            dropout_rate=config.dropout_rate,
            batch_norm_momentum=config.batch_norm_momentum,
            batch_norm_epsilon=config.batch_norm_epsilon,
        )
        self.network.build()  # says what is wrong with it
        eval_steps = num_eval_steps(
            self._data.num_eval, config.eval_batch_size, drop_remainder=config.eval_drop_remainder
        )
        self.train_steps = num_train_steps(config, self._data.num_train)
        self._folder = None
        start = 0
        if mode != "eval" and strategies.is_chief(strategy):
            self._folder = TrainingFolder(model_dir)
            self._folder.claim(config, self.network)
            remove_unfinished(model_dir)
            start = pass_over_broken(model_dir)
        # In mode train an evaluation beside this process may be writing there.
        if mode != "train" and strategies.is_chief(strategy):
            remove_unfinished(os.path.join(model_dir, ARCHIVE_FOLDER))
        self.summary = (
            f"{architecture.name}, {self.network.num_classes} classes: {self._data.description}, "
            f"{self._data.num_train:,} images to train on, {self._data.num_eval:,} to evaluate on; "
            f"replicas: {strategy.num_replicas_in_sync}; step {start:,} of {self.train_steps:,}"
        )
        self.rounding = None if mode == "eval" else rounding(config, self.train_steps)
        self._mode = mode
        task = TrainingTask(config, self.network, self._data, eval_steps)
        params = experiment_config(
            config,
            train_steps=self.train_steps,
            num_eval_steps=eval_steps,
            # One that goes on must not see again what it saw in the beginning.
            seed=config.seed + start,
        )
        self._runner = Runner(
            config,
            task,
            strategy,
            params,
            model_dir,
            train=mode != "eval",
            evaluate=mode != "train",
            num_train_images=self._data.num_train,
        )

    def run(self) -> Outcome:
        """Trains, or in mode eval follows a training, to the last step.

        Raises:
          TrainingDiverged: for a loss that is not finite.
        """
        try:
            with self._runner.strategy.scope():
                run = self._runner.follow if self._mode == "eval" else self._runner.train
                metrics = run()
        finally:
            if self._folder is not None:
                self._folder.close()
        return Outcome(
            int(self._runner.trainer.global_step.numpy()),
            {name: float(value) for name, value in metrics.items()},
        )


def architecture_of(config: TrainingConfig) -> Architecture:
    """The network that a configuration names; ValueError where it names none or two."""
    if (config.model_name is None) == (config.blocks is None):
        given = "neither" if config.blocks is None else f"model_name {config.model_name!r} and both"
        raise ValueError(f"one of model_name and blocks must name the network, {given} given")

    def given(*names):
        return {name: value for name in names if (value := getattr(config, name)) is not None}

    fields = given("stem_filters", "head_filters")
    rounding = given("depth_divisor", "min_depth")
    if config.blocks is not None:
        return from_blocks(config.blocks, **fields, **rounding)
    if fields:
        name = next(iter(fields))
        raise ValueError(f"{name} {fields[name]} goes with blocks, {config.model_name} has its own")
    return dataclasses.replace(get_architecture(config.model_name), **rounding)


def num_train_steps(config: TrainingConfig, num_train_images: int) -> int:
    """Steps of a whole training."""
    if config.train_epochs is None:
        return config.train_steps
    return max(1, round(config.train_epochs * num_train_images / config.train_batch_size))


def rounding(config: TrainingConfig, train_steps: int) -> str | None:
    """What becomes of an iterations_per_loop that cannot be as it is, None where it can.

    Nothing is said of one that a training of so many steps does not come to.
    """
    asked, saved = config.iterations_per_loop, config.saved_steps
    if saved == asked or asked >= train_steps:
        return None
    reasons = []
    if asked < config.checkpoint_steps:
        reasons.append(f"at least {config.checkpoint_steps}")
    if saved > config.checkpoint_steps:
        whole = "iterations_per_loop" if config.strategy == "tpu" else "log_step_count_steps"
        reasons.append(f"a multiple of {whole} {config.loop_steps:,}")
    return (
        f"iterations_per_loop {asked:,} is rounded up to a checkpoint every {saved:,} steps: "
        f"{' and '.join(reasons)}"
    )


def newest_checkpoint(model_dir: str) -> str:
    """The checkpoint that a training stopped at; ValueError where there is none."""
    path = tf.train.latest_checkpoint(model_dir) if os.path.isdir(model_dir) else None
    if path is None:
        raise ValueError(f"model_dir {model_dir!r} has no checkpoint")
    return path
