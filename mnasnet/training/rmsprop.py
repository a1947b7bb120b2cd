"""RMSProp as TensorFlow 1 has it, in one operation per variable."""

from collections.abc import Sequence

import tensorflow as tf


class RMSProp(tf.Module):
    """RMSProp with momentum, as the official code trains (`tf.train.RMSPropOptimizer`).

        mean_square <- decay * mean_square + (1 - decay) * gradient ** 2
        momentum    <- momentum_rate * momentum + learning_rate * gradient / sqrt(mean_square + eps)
        variable    <- variable - momentum

    Differs from Keras's RMSprop: mean squares start at one, so that first steps are up to sqrt(10)
    times shorter; epsilon stands inside the root; and the graph is a quarter of the size, which
    counts when a search traces thousands of them.

    Args:
      variables: what to train.
      decay: of the mean square.
      momentum: rate of the momentum.
      epsilon: keeps the root away from zero.
    """

    def __init__(
        self,
        variables: Sequence[tf.Variable],
        *,
        decay: float = 0.9,
        momentum: float = 0.9,
        epsilon: float = 1e-3,
    ):
        super().__init__()
        self.decay, self.momentum, self.epsilon = decay, momentum, epsilon
        self._variables = list(variables)
        self.mean_squares = [_slot(variable, 1.0) for variable in self._variables]
        self.momenta = [_slot(variable, 0.0) for variable in self._variables]

    def apply(self, gradients: Sequence[tf.Tensor], learning_rate: tf.Tensor) -> None:
        """One step: gradients in the order of the variables, learning rate a float32 scalar."""
        constants = [tf.constant(value) for value in (self.decay, self.momentum, self.epsilon)]
        decay, momentum, epsilon = constants
        slots = zip(self._variables, self.mean_squares, self.momenta, gradients, strict=True)
        for variable, mean_square, momenta, gradient in slots:
            tf.raw_ops.ResourceApplyRMSProp(
                var=variable.handle,
                ms=mean_square.handle,
                mom=momenta.handle,
                lr=learning_rate,
                rho=decay,
                momentum=momentum,
                epsilon=epsilon,
                grad=gradient,
            )


def _slot(variable: tf.Variable, value: float) -> tf.Variable:
    return tf.Variable(tf.fill(variable.shape, value), trainable=False)
