"""Model Garden's engine, set to run an official MnasNet training."""

import math
import os
import signal
import time

import tensorflow as tf
from absl import logging
from official.core import (
    actions,
    base_trainer,
    config_definitions,
    train_lib,
)

from mnasnet.training import strategies
from mnasnet.training.checkpoints import BestCheckpoints, SharedCheckpoints
from mnasnet.training.config import TrainingConfig
from mnasnet.training.optimizer import MovingAverages
from mnasnet.training.reports import Controller
from mnasnet.training.task import METRIC, TrainingTask

EVAL_FOLDER, ARCHIVE_FOLDER = "eval", "archive"


class TrainingDiverged(ArithmeticError):
    """The loss became infinite or no number at all; the message names the step."""


def experiment_config(
    config: TrainingConfig, *, train_steps: int, num_eval_steps: int, seed: int
) -> config_definitions.ExperimentConfig:
    """What the engine has to know; the recipe itself is in the task."""
    steps_per_loop = min(config.loop_steps, train_steps)
    return config_definitions.ExperimentConfig(
        task=config_definitions.TaskConfig(
            train_data=config_definitions.DataConfig(
                is_training=True, global_batch_size=config.train_batch_size, seed=seed
            ),
            validation_data=config_definitions.DataConfig(
                is_training=False, global_batch_size=config.eval_batch_size
            ),
        ),
        trainer=config_definitions.TrainerConfig(
            train_steps=train_steps,
            steps_per_loop=steps_per_loop,
            summary_interval=steps_per_loop,
            checkpoint_interval=config.checkpoint_steps,
            max_to_keep=config.max_to_keep,
            validation_steps=num_eval_steps,
            validation_interval=config.steps_per_eval,
            validation_summary_subdir=EVAL_FOLDER,
            best_checkpoint_export_subdir=ARCHIVE_FOLDER,
            best_checkpoint_eval_metric=METRIC,
            recovery_max_trials=-1,  # the trainer below looks after the loss
        ),
        runtime=config_definitions.RuntimeConfig(distribution_strategy=config.strategy),
    )


class Trainer(base_trainer.Trainer):
    """The engine's trainer, which also reports images a second and stops at a broken loss."""

    def __init__(self, *args, num_train_images: int, **kwargs):
        super().__init__(*args, **kwargs)
        self._steps_per_epoch = num_train_images / self.config.task.train_data.global_batch_size
        self._loop_began = None
        self._traced = False

    def initialize(self) -> None:
        super().initialize()
        if isinstance(self.optimizer, MovingAverages):
            self.optimizer.restart_averages()

    def train_loop_begin(self) -> None:
        super().train_loop_begin()
        self._loop_began = time.perf_counter(), int(self.global_step.numpy())

    def train_loop_end(self) -> dict:
        logs = super().train_loop_end()
        loss, step = float(logs["training_loss"]), int(self.global_step.numpy())
        if not math.isfinite(loss):
            raise TrainingDiverged(f"training diverged: the loss up to step {step} is {loss}")
        began, first_step = self._loop_began
        images = (step - first_step) * self.config.task.train_data.global_batch_size
        if self._traced:  # the first loop has the tracing in it
            logs["images_per_second"] = images / (time.perf_counter() - began)
        self._traced = True
        logs["current_epoch"] = step / self._steps_per_epoch
        return logs


class Runner(train_lib.OrbitExperimentRunner):
    """The engine's runner, with checkpoints that bear a kill, and an `eval` that ends.

    Args:
      config: the training.
      task: what the engine runs.
      strategy: on which devices.
      params: of `experiment_config`.
      model_dir: of checkpoints and summaries.
      train: whether it trains.
      evaluate: whether it evaluates.
      num_train_images: in an epoch.
    """

    def __init__(
        self,
        config: TrainingConfig,
        task: TrainingTask,
        strategy: tf.distribute.Strategy,
        params: config_definitions.ExperimentConfig,
        model_dir: str,
        *,
        train: bool,
        evaluate: bool,
        num_train_images: int,
    ):
        self._training, self._evaluating = train, evaluate
        self._best = None
        if evaluate:
            self._best = BestCheckpoints(
                os.path.join(model_dir, ARCHIVE_FOLDER),
                METRIC,
                is_chief=strategies.is_chief(strategy),
            )
        with strategy.scope():
            trainer = Trainer(
                params,
                task,
                model=task.build_model(),
                optimizer=task.create_optimizer(),
                train=train,
                evaluate=evaluate,
                checkpoint_exporter=self._best,
                num_train_images=num_train_images,
            )
        self._eval_timeout = config.eval_timeout
        super().__init__(
            strategy,
            task,
            mode="train_and_eval" if train else "eval",
            params=params,
            model_dir=model_dir,
            save_summary=strategies.is_chief(strategy),
            trainer=trainer,
            enable_async_checkpointing=config.use_async_checkpointing,
        )

    def train(self) -> dict:
        """Trains to the last step, with evaluations in between and at the end where it evaluates.

        Returns:
          Metrics of the last evaluation, empty where it does not evaluate.
        """
        trainer = self.params.trainer
        if self._evaluating:
            if int(self.trainer.global_step.numpy()) >= trainer.train_steps:
                # Whoever was killed between the last step and its evaluation has that before him.
                return self.controller.evaluate(steps=trainer.validation_steps)
            metrics = self.controller.train_and_evaluate(
                train_steps=trainer.train_steps,
                eval_steps=trainer.validation_steps,
                eval_interval=trainer.validation_interval,
            )
            return metrics or {}
        self.controller.train(steps=trainer.train_steps)
        return {}

    def follow(self) -> dict:
        """Evaluates each new checkpoint until that of the last step, or until none comes.

        Returns:
          Metrics of the last one, empty where there was none.
        """
        metrics = {}
        for path in tf.train.checkpoints_iterator(self.model_dir, timeout=self._eval_timeout):
            try:
                self.controller.restore_checkpoint(path)
            except (tf.errors.OpError, ValueError) as error:
                # A training keeps the newest few only, and was quicker than this evaluation.
                logging.warning("checkpoint %s cannot be read: %s", path, error)
                continue
            metrics = self.controller.evaluate(steps=self.params.trainer.validation_steps)
            if int(self.trainer.global_step.numpy()) >= self.params.trainer.train_steps:
                break
        return metrics

    def _maybe_build_checkpoint_manager(self) -> tf.train.CheckpointManager:
        trainer = self.params.trainer
        return SharedCheckpoints(
            self.trainer.checkpoint,
            self.model_dir,
            is_chief=strategies.is_chief(self.strategy),
            max_to_keep=trainer.max_to_keep,
            step_counter=self.trainer.global_step,
            checkpoint_interval=trainer.checkpoint_interval,
            init_fn=self.trainer.initialize,
        )

    def _build_controller(self, trainer, evaluator, save_summary=True, **_):
        params = self.params.trainer
        summaries = {
            "summary_dir": os.path.join(self.model_dir, "train") if self._training else None,
            "eval_summary_dir": os.path.join(self.model_dir, EVAL_FOLDER),
            "summary_interval": params.summary_interval,
        }
        if not save_summary:
            summaries = dict.fromkeys(summaries)
        train_actions = []
        if self._training:
            train_actions = actions.get_train_actions(
                self.params, self.trainer, self.model_dir, self.checkpoint_manager
            )
            # Several hosts must save together, which the engine's own action sees to.
            if not self.strategy.cluster_resolver:
                train_actions.append(
                    SaveAtSignal(self.checkpoint_manager, self.trainer.global_step)
                )
        return Controller(
            strategy=self.strategy,
            trainer=self.trainer if self._training else None,
            evaluator=self.trainer if self._evaluating else None,
            global_step=self.trainer.global_step,
            steps_per_loop=params.steps_per_loop,
            checkpoint_manager=self.checkpoint_manager,
            train_actions=train_actions,
            **summaries,
        )


class SaveAtSignal:
    """Ends a training that is told to go (SIGTERM), as a preempted machine tells it, with a
    checkpoint of the step that it is at.
    """

    def __init__(self, checkpoint_manager: tf.train.CheckpointManager, step: tf.Variable):
        self._manager, self._step = checkpoint_manager, step
        self._told = False
        signal.signal(signal.SIGTERM, self._tell)

    def _tell(self, number, frame):
        del number, frame
        self._told = True

    def __call__(self, output: dict) -> None:
        if self._told:
            self._manager.save(checkpoint_number=int(self._step.numpy()), check_interval=False)
            print(f"told to stop, step {int(self._step.numpy()):,} is saved", flush=True)
            raise SystemExit(128 + signal.SIGTERM)
