"""Depthwise convolution with the gradients of small maps made fast.

TensorFlow's gradient for a depthwise kernel costs as much on a map of 1 px as on one of 8 px. A
network that trains on images of 32 px has most of its layers on maps of 4 px and less, and spends a
third of its training step there. Two changes of equal value avoid it:

* Taps of the kernel that meet nothing but padding, as all but the centre do on a 1x1 map, are left
  out of the computation.
* On a small map the kernel's gradient is one matrix product per channel, over the batch: of each
  input position with each output position. A constant matrix then sums the pairs of each tap.
"""

import numpy as np
import tensorflow as tf

# Where the products of all pairs are faster, as measured for kernels of 3 to 7, maps of 1 to 8 px,
# batches of 32 and 128: up to so many pairs of an input and an output position (7 px at stride 1),
# unless TensorFlow's special case for kernels of 3 applies, which needs a map of 3.
_MAX_PAIRS = 49 * 49
_FAST_TAPS = 3


def depthwise_conv(inputs: tf.Tensor, kernel: tf.Tensor, stride: int) -> tf.Tensor:
    """`tf.nn.depthwise_conv2d` with 'SAME' padding: equal values, gradients equal to rounding.

    Args:
      inputs: [B, H, W, C], with H, W and C known while tracing.
      kernel: [k, k, C, 1].
      stride: in both directions.

    Returns:
      [B, ceil(H / stride), ceil(W / stride), C].
    """
    height, width, channels = inputs.shape[1:]
    rows = _useful_taps(height, kernel.shape[0], stride)
    columns = _useful_taps(width, kernel.shape[1], stride)
    kernel = kernel[rows, columns]
    if height == width == 1:
        return inputs * tf.reshape(kernel, [channels])
    pairs = height * width * -(-height // stride) * -(-width // stride)
    if max(kernel.shape[:2]) <= _FAST_TAPS <= min(height, width) or pairs > _MAX_PAIRS:
        return tf.nn.depthwise_conv2d(inputs, kernel, [1, stride, stride, 1], "SAME")
    return _small_map_conv(inputs, kernel, stride)


def _small_map_conv(inputs: tf.Tensor, kernel: tf.Tensor, stride: int) -> tf.Tensor:
    """Depthwise convolution whose kernel gradient comes from the products of all position pairs."""
    padding = {"strides": [1, stride, stride, 1], "padding": "SAME"}
    _, height, width, channels = inputs.shape
    taps = kernel.shape[:2]

    @tf.custom_gradient
    def conv(inputs, kernel):
        def gradients(upstream):
            to_inputs = tf.nn.depthwise_conv2d_backprop_input(
                tf.shape(inputs), kernel, upstream, **padding
            )
            pairs = tf.einsum(
                "nic,noc->cio",
                tf.reshape(inputs, [-1, height * width, channels]),
                tf.reshape(upstream, [-1, upstream.shape[1] * upstream.shape[2], channels]),
            )
            to_kernel = tf.matmul(
                tf.constant(_pairs_of_taps(height, width, *taps, stride), pairs.dtype),
                tf.reshape(pairs, [channels, -1]),
                transpose_b=True,
            )
            return to_inputs, tf.reshape(to_kernel, kernel.shape)

        return tf.nn.depthwise_conv2d(inputs, kernel, **padding), gradients

    return conv(inputs, kernel)


def _useful_taps(size: int, taps: int, stride: int) -> slice:
    """The taps of a kernel that meet a map of `size` at all, in one direction.

    'SAME' padding of the kernel cut to these puts it where they were, for every size and stride.
    """
    outputs, before = _padding(size, taps, stride)
    return slice(max(0, before - (outputs - 1) * stride), min(taps, size + before))


def _padding(size: int, taps: int, stride: int) -> tuple[int, int]:
    """Output positions, and rows of padding in front, of a 'SAME' convolution."""
    outputs = -(-size // stride)
    return outputs, max(0, (outputs - 1) * stride + taps - size) // 2


def _pairs_of_taps(height: int, width: int, rows: int, columns: int, stride: int) -> np.ndarray:
    """0/1 matrix [rows * columns, inputs * outputs]: the position pairs that each tap connects."""
    vertical = _pairs_in_line(height, rows, stride)
    horizontal = _pairs_in_line(width, columns, stride)
    pairs = np.einsum("rio,cjp->rcijop", vertical, horizontal)
    return pairs.reshape(rows * columns, -1)


def _pairs_in_line(size: int, taps: int, stride: int) -> np.ndarray:
    """0/1 array [taps, inputs, outputs], one direction: input = output * stride + tap - before."""
    outputs, before = _padding(size, taps, stride)
    tap, inputs, output = np.ogrid[:taps, :size, :outputs]
    return inputs == output * stride + tap - before
