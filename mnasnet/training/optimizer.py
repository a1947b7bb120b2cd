"""The official optimizer and moving averages, in the form that Model Garden's engine takes.

`mnasnet.training.rmsprop` is the same optimizer for a search, where tracing counts; this one runs
on several replicas and keeps its state in checkpoints.
"""

import tensorflow as tf
import tf_keras
from official.modeling.optimization import ema_optimizer

from mnasnet import recipe

_RMSPROP_DECAY = 0.9
_RMSPROP_EPSILON = 1e-3


class OfficialSchedule(tf_keras.optimizers.schedules.LearningRateSchedule):
    """`recipe.learning_rate` as a schedule of Keras, in the same float32 arithmetic.

    Args:
      batch_size: images in a step, over all replicas.
      num_train_images: images in an epoch.
      base: learning rate for 256 images a step.
      warmup_epochs: in which it rises from zero.
      decay_epochs: after each of which it falls by 3 %.
    """

    def __init__(
        self,
        *,
        batch_size: int,
        num_train_images: int,
        base: float = recipe.BASE_LEARNING_RATE,
        warmup_epochs: float = recipe.WARMUP_EPOCHS,
        decay_epochs: float = recipe.DECAY_EPOCHS,
    ):
        self._config = {
            "batch_size": batch_size,
            "num_train_images": num_train_images,
            "base": base,
            "warmup_epochs": warmup_epochs,
            "decay_epochs": decay_epochs,
        }
        steps_per_epoch = num_train_images / batch_size
        self._peak = base * batch_size / recipe.LEARNING_RATE_BATCH
        self._warmup_steps = int(warmup_epochs * steps_per_epoch)
        self._decay_steps = decay_epochs * steps_per_epoch

    def __call__(self, step):
        step = tf.cast(step, tf.float32)
        decays = tf.floor(step / tf.constant(self._decay_steps, tf.float32))
        rate = self._peak * tf.pow(tf.constant(recipe.DECAY_RATE, tf.float32), decays)
        if not self._warmup_steps:
            return rate
        warming_up = self._peak * step / tf.constant(self._warmup_steps, tf.float32)
        return tf.where(step < self._warmup_steps, warming_up, rate)

    def get_config(self):
        return dict(self._config)


class RMSPropFromOne(tf_keras.optimizers.legacy.RMSprop):
    """RMSProp whose mean squares start at one, as in TensorFlow 1 (`mnasnet.training.rmsprop`)."""

    def _create_slots(self, var_list):
        for variable in var_list:
            self.add_slot(variable, "rms", initializer="ones")
            if self._momentum:
                self.add_slot(variable, "momentum")


class MovingAverages(ema_optimizer.ExponentialMovingAverage):
    """Moving averages of all weights, batch-norm statistics among them, around an optimizer.

    The decay is min(average_decay, (1 + n) / (10 + n)) after n steps.

    Differs from Model Garden's: averages start at the weights' initial values, as the official code
    has it, not at zero; swapping moves values instead of adding and subtracting them, so that an
    evaluation leaves the weights of a training exactly as they were; and where several GPUs have
    statistics of their own, their mean is averaged.
    """

    def __init__(self, optimizer, average_decay: float, **kwargs):
        kwargs.setdefault("trainable_weights_only", False)
        super().__init__(optimizer, average_decay=average_decay, **kwargs)

    def shadow_copy(self, model: tf_keras.Model) -> None:
        super().shadow_copy(model)
        self.restart_averages()

    def restart_averages(self) -> None:
        """Sets the averages to the present weights."""
        for average, weight in zip(self._average_weights, self._model_weights, strict=True):
            average.assign(tf.convert_to_tensor(weight))

    def update_average(self, strategy: tf.distribute.Strategy) -> None:
        steps = tf.cast(self.iterations, tf.float32)
        decay = tf.minimum(self._average_decay, (1 + steps) / (10 + steps))

        def move(average, weight):
            average.assign_sub((1 - decay) * (average - weight))

        for average, weight in zip(self._average_weights, self._model_weights, strict=True):
            # Outside replicas, reading a weight that each has for itself gives the mean.
            strategy.extended.update(average, move, args=(tf.identity(weight),), group=False)

    def swap_weights(self) -> None:
        if tf.distribute.has_strategy() and not tf.distribute.in_cross_replica_context():
            raise ValueError("weights are swapped for all replicas at once, not within one")
        for average, weight in zip(self._average_weights, self._model_weights, strict=True):
            kept = tf.identity(weight)
            weight.assign(tf.identity(average))
            average.assign(kept)


def make_optimizer(
    schedule: tf_keras.optimizers.schedules.LearningRateSchedule,
    *,
    momentum: float = 0.9,
    moving_average_decay: float = 0.9999,
) -> tf_keras.optimizers.legacy.Optimizer:
    """The official optimizer, with moving averages unless their decay is 0."""
    optimizer = RMSPropFromOne(
        schedule, rho=_RMSPROP_DECAY, momentum=momentum, epsilon=_RMSPROP_EPSILON
    )
    if moving_average_decay:
        return MovingAverages(optimizer, moving_average_decay)
    return optimizer
