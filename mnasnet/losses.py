"""The official loss: cross entropy with smoothed labels, and weight decay."""

from collections.abc import Sequence

import tensorflow as tf
import tf_keras

from mnasnet import recipe


def cross_entropy(
    logits: tf.Tensor, labels: tf.Tensor, label_smoothing: float = recipe.LABEL_SMOOTHING
) -> tf.Tensor:
    """Softmax cross entropy with smoothed labels, the mean over the batch; float32 scalar.

    Args:
      logits: float32 [B, num_classes].
      labels: int [B].
      label_smoothing: share of the label that is spread over all classes.
    """
    return tf.reduce_mean(cross_entropy_of_each(logits, labels, label_smoothing))


def cross_entropy_of_each(
    logits: tf.Tensor, labels: tf.Tensor, label_smoothing: float = recipe.LABEL_SMOOTHING
) -> tf.Tensor:
    """As `cross_entropy`, of each image by itself; float32 [B]."""
    num_classes = logits.shape[-1]
    spread = label_smoothing / num_classes
    targets = tf.one_hot(labels, num_classes, 1 - label_smoothing + spread, spread)
    return tf.nn.softmax_cross_entropy_with_logits(targets, logits)


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


def l2_penalty(model: tf_keras.Model, weight_decay: float = recipe.WEIGHT_DECAY) -> tf.Tensor:
    """weight_decay * sum(v ** 2) / 2 over the decayed variables; float32 scalar.

    Part of the loss that the official code reports. Training need not compute it:
    `add_weight_decay` has its gradient.
    """
    return weight_decay * tf.add_n(
        [tf.nn.l2_loss(variable) for variable in decayed_variables(model)]
    )


def add_weight_decay(
    gradients: Sequence[tf.Tensor], model: tf_keras.Model, weight_decay: float = recipe.WEIGHT_DECAY
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
