"""The official training step, loss and metrics as a task of Model Garden's engine."""

import tensorflow as tf
import tf_keras
from absl import logging
from official.core import base_task, config_definitions

from mnasnet import losses
from mnasnet.training import batches as training_input
from mnasnet.training import optimizer as training_optimizer
from mnasnet.training.config import TrainingConfig
from mnasnet.training.images import TrainingData
from mnasnet.training.trained_network import TrainedNetwork

METRIC = "top_1_accuracy"
_TOP = 5


class TrainingTask(base_task.Task):
    """Trains one network as the official code does.

    Differs from the official code, which gives the whole loss to differentiation: the gradient of
    the L2 term is added as weight_decay * v, which is the same and quicker.

    Args:
      config: the recipe.
      network: what to train.
      data: on what.
      num_eval_steps: batches of one evaluation.
    """

    def __init__(
        self,
        config: TrainingConfig,
        network: TrainedNetwork,
        data: TrainingData,
        num_eval_steps: int,
    ):
        super().__init__(config_definitions.TaskConfig(), name="mnasnet")
        self._config, self._network = config, network
        self._data, self._num_eval_steps = data, num_eval_steps

    def build_model(self) -> tf_keras.Model:
        tf_keras.utils.set_random_seed(self._config.seed)
        return self._network.build(self._config.precision)

    def initialize(self, model: tf_keras.Model) -> None:
        """Loads --init_checkpoint; called where there is no checkpoint of this training."""
        if self._config.init_checkpoint is None:
            return
        from mnasnet.checkpoint import init_from_checkpoint

        loaded = init_from_checkpoint(
            model, self._config.init_checkpoint, use_ema=self._config.moving_average_decay > 0
        )
        logging.info("initial weights from %s", loaded.path)

    def create_optimizer(self, optimizer_config=None, runtime_config=None, dp_config=None):
        del optimizer_config, runtime_config, dp_config  # the recipe is in the configuration
        config = self._config
        schedule = training_optimizer.OfficialSchedule(
            batch_size=config.train_batch_size,
            num_train_images=self._data.num_train,
            base=config.base_learning_rate,
            warmup_epochs=config.warmup_epochs,
            decay_epochs=config.decay_epochs,
        )
        return training_optimizer.make_optimizer(
            schedule,
            momentum=config.momentum,
            moving_average_decay=config.moving_average_decay,
        )

    def build_inputs(self, params, input_context=None) -> tf.data.Dataset:
        """Batches of a replica; params: DataConfig of the engine."""
        dtype = tf.bfloat16 if self._config.precision == "bfloat16" else tf.float32
        if params.is_training:
            return training_input.train_batches(
                self._data,
                batch_size=params.global_batch_size,
                seed=params.seed,
                context=input_context,
                augment=training_input.make_augment(self._config.augmentation),
                dtype=dtype,
            )
        return training_input.eval_batches(
            self._data,
            batch_size=params.global_batch_size,
            num_steps=self._num_eval_steps,
            context=input_context,
            dtype=dtype,
        )

    def build_metrics(self, training: bool = True) -> list[tf_keras.metrics.Metric]:
        if training:
            return []
        return [
            tf_keras.metrics.SparseCategoricalAccuracy(METRIC),
            tf_keras.metrics.SparseTopKCategoricalAccuracy(
                min(_TOP, self._network.num_classes), "top_5_accuracy"
            ),
            tf_keras.metrics.Mean("loss"),
        ]

    def train_step(self, inputs, model, optimizer, metrics=None):
        """One step on each replica's images; gradients are averaged over the replicas.

        Returns:
          {'loss': cross entropy of the replica's images plus the L2 term, before the step}
        """
        images, labels = inputs
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        variables, weight_decay = model.trainable_variables, self._config.weight_decay
        with tf.GradientTape() as tape:
            logits = tf.cast(model(images, training=True), tf.float32)
            loss = losses.cross_entropy(logits, labels, self._config.label_smoothing)
            share = loss / replicas  # the optimizer sums over replicas
        penalty = losses.l2_penalty(model, weight_decay) if weight_decay else 0.0
        gradients = losses.add_weight_decay(
            tape.gradient(share, variables), model, weight_decay / replicas
        )
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return {self.loss: loss + penalty}

    def validation_step(self, inputs, model, metrics=None):
        """Counts a batch; images of a negative label are padding."""
        images, labels = inputs
        logits = tf.cast(model(images, training=False), tf.float32)
        loss = losses.cross_entropy_of_each(logits, labels, self._config.label_smoothing)
        if self._config.weight_decay:
            loss += losses.l2_penalty(model, self._config.weight_decay)
        weights = tf.cast(labels >= 0, tf.float32)
        labels = tf.maximum(labels, 0)
        top_1, top_5, mean_loss = metrics
        top_1.update_state(labels, logits, weights)
        top_5.update_state(labels, logits, weights)
        mean_loss.update_state(loss, weights)
        return {}
