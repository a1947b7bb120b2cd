"""How the official code trains a network: learning rate, loss, optimizer.

Full training follows it to the letter. The proxy task of a search takes its loss and its optimizer
and has a schedule of its own (`mnasnet.proxy_task`), as this one is made for 350 epochs.
"""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf
import tf_keras

IMAGENET_TRAIN_IMAGES = 1_281_167
BASE_LEARNING_RATE = 0.016
LEARNING_RATE_BATCH = 256  # the base learning rate is for this many images a step
LABEL_SMOOTHING = 0.1
WEIGHT_DECAY = 1e-5

_WARMUP_EPOCHS = 5
_DECAY_RATE, _DECAY_EPOCHS = 0.97, 2.4


def learning_rate(
    step: int,
    *,
    batch_size: int,
    num_train_images: int = IMAGENET_TRAIN_IMAGES,
    base: float = BASE_LEARNING_RATE,
) -> float:
    """The learning rate of a step of full training.

    It rises from zero in the first five epochs and falls by 3 % every 2.4 epochs. The fall counts
    from step 0, so the rate drops when the warm-up ends. All in float32, as in the official graph,
    since the edges of the staircase depend on it.

    Args:
      step: from 0.
      batch_size: images in a step, over all replicas.
      num_train_images: images in an epoch.
      base: learning rate for 256 images a step; grows in proportion to the batch.
    """
    steps_per_epoch = num_train_images / batch_size
    peak = np.float32(base * batch_size / LEARNING_RATE_BATCH)
    warmup_steps = int(_WARMUP_EPOCHS * steps_per_epoch)
    if step < warmup_steps:
        return float(peak * np.float32(step) / np.float32(warmup_steps))
    decays = np.floor(np.float32(step) / np.float32(_DECAY_EPOCHS * steps_per_epoch))
    return float(peak * np.power(np.float32(_DECAY_RATE), decays))


def cross_entropy(
    logits: tf.Tensor, labels: tf.Tensor, label_smoothing: float = LABEL_SMOOTHING
) -> tf.Tensor:
    """Softmax cross entropy with smoothed labels, the mean over the batch; float32 scalar.

    Args:
      logits: float32 [B, num_classes].
      labels: int [B].
      label_smoothing: share of the label that is spread over all classes.
    """
    num_classes = logits.shape[-1]
    spread = label_smoothing / num_classes
    targets = tf.one_hot(labels, num_classes, 1 - label_smoothing + spread, spread)
    return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(targets, logits))


def decayed_variables(model: tf_keras.Model) -> list[tf.Variable]:
    """The variables that weight decay pulls at: all trainable ones but those of batch norms.

    Biases of squeeze-and-excitation and of the classifier are among them, as in the official code.
    """
    of_batch_norms = {
        id(variable)
        for layer in model.submodules
        if isinstance(layer, tf_keras.layers.BatchNormalization)
        for variable in layer.trainable_variables
    }
    return [
        variable for variable in model.trainable_variables if id(variable) not in of_batch_norms
    ]


def l2_penalty(model: tf_keras.Model, weight_decay: float = WEIGHT_DECAY) -> tf.Tensor:
    """weight_decay * sum(v ** 2) / 2 over the decayed variables; float32 scalar.

    Part of the loss that the official code reports. Training need not compute it:
    `add_weight_decay` has its gradient.
    """
    return weight_decay * tf.add_n(
        [tf.nn.l2_loss(variable) for variable in decayed_variables(model)]
    )


def add_weight_decay(
    gradients: Sequence[tf.Tensor], model: tf_keras.Model, weight_decay: float = WEIGHT_DECAY
) -> list[tf.Tensor]:
    """Adds the gradient of `l2_penalty`, weight_decay * v, which is quicker than deriving it.

    Args:
      gradients: of the rest of the loss, in the order of model.trainable_variables.
      model: whose variables they are for.
      weight_decay: as `l2_penalty`.
    """
    if not weight_decay:
        return list(gradients)
    decayed = {id(variable) for variable in decayed_variables(model)}
    return [
        gradient + weight_decay * variable if id(variable) in decayed else gradient
        for gradient, variable in zip(gradients, model.trainable_variables, strict=True)
    ]
