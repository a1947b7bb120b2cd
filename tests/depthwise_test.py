"""The fast depthwise convolution against TensorFlow's own, values and gradients."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from mnasnet.depthwise import depthwise_conv

pytestmark = pytest.mark.tensorflow

_CHANNELS, _BATCH = 4, 3


def _value_and_gradients(conv, inputs, kernel, weights):
    with tf.GradientTape() as tape:
        tape.watch([inputs, kernel])
        outputs = conv(inputs, kernel)
        loss = tf.reduce_sum(outputs * weights[:, : outputs.shape[1], : outputs.shape[2]])
    return [outputs, *tape.gradient(loss, [inputs, kernel])]


def _assert_same_as_plain(height, width, kernel_size, stride):
    rng = np.random.default_rng(0)
    inputs = tf.constant(rng.normal(size=(_BATCH, height, width, _CHANNELS)), tf.float32)
    kernel = tf.constant(rng.normal(size=(kernel_size, kernel_size, _CHANNELS, 1)), tf.float32)
    weights = tf.constant(rng.normal(size=inputs.shape), tf.float32)
    strides = [1, stride, stride, 1]
    expected = _value_and_gradients(
        lambda x, k: tf.nn.depthwise_conv2d(x, k, strides, "SAME"), inputs, kernel, weights
    )
    actual = _value_and_gradients(
        lambda x, k: depthwise_conv(x, k, stride), inputs, kernel, weights
    )
    for ours, plain in zip(actual, expected, strict=True):
        # Sums of at most 3 * 81 products of numbers around 1, so up to about 100.
        np.testing.assert_allclose(ours, plain, rtol=1e-5, atol=2e-5)


@pytest.mark.parametrize("size", range(1, 10))
def test_values_and_gradients_are_those_of_the_plain_convolution(size):
    for kernel_size, stride in itertools.product((3, 5, 7), (1, 2)):
        _assert_same_as_plain(size, size, kernel_size, stride)


@pytest.mark.parametrize(("height", "width"), [(1, 4), (4, 1), (2, 7), (5, 3)])
def test_maps_need_not_be_square(height, width):
    for kernel_size, stride in itertools.product((2, 3, 4, 7), (1, 2, 3, 4)):
        _assert_same_as_plain(height, width, kernel_size, stride)


def test_taps_that_meet_only_padding_get_no_gradient():
    kernel = tf.ones((5, 5, 1, 1))
    with tf.GradientTape() as tape:
        tape.watch(kernel)
        outputs = depthwise_conv(tf.fill((1, 1, 1, 1), 3.0), kernel, 1)
    expected = np.zeros((5, 5))
    expected[2, 2] = 3  # the only input position, under the only tap that can reach it
    np.testing.assert_array_equal(tape.gradient(outputs, kernel)[:, :, 0, 0], expected)


def test_it_trains_in_a_graph_whose_batch_size_is_open():
    @tf.function(input_signature=[tf.TensorSpec((None, 2, 2, 1)), tf.TensorSpec((3, 3, 1, 1))])
    def kernel_gradient(inputs, kernel):
        with tf.GradientTape() as tape:
            tape.watch(kernel)
            outputs = depthwise_conv(inputs, kernel, 1)
        return tape.gradient(outputs, kernel)

    gradient = kernel_gradient(
        tf.constant([[[[1.0], [2.0]], [[3.0], [4.0]]]]), tf.ones((3, 3, 1, 1))
    )
    # Each tap sums the inputs that it meets while the 3x3 window stands at the four outputs.
    expected = [[1, 3, 2], [4, 10, 6], [3, 7, 4]]
    np.testing.assert_array_equal(gradient[:, :, 0, 0], expected)
