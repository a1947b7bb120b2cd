"""Layers: values by hand, and the training forms against the plain operations."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from mnasnet.layers import (
    DepthwiseConv,
    NormalizeImages,
    PointwiseConv,
    PoolSkip,
    SqueezeExcite,
    conv_kernel_initializer,
    dense_kernel_initializer,
)

pytestmark = pytest.mark.tensorflow


def _random(*shape):
    return tf.constant(np.random.default_rng(0).normal(size=shape), tf.float32)


@pytest.mark.parametrize(
    "make",
    [
        lambda: PointwiseConv(6),
        lambda: DepthwiseConv(5, 2),
        lambda: DepthwiseConv(3),
        lambda: SqueezeExcite(2),
        lambda: NormalizeImages(),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 4, 9])
def test_training_and_inference_give_the_same_values_and_gradients(make, size):
    layer, inputs = make(), _random(5, size, size, 3)
    results = []
    for training in (False, True):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = layer(inputs, training=training)
            loss = tf.reduce_sum(outputs * _random(*outputs.shape))
        results.append([outputs, *tape.gradient(loss, [inputs, *layer.trainable_weights])])
    for plain, fast in zip(*results, strict=True):
        np.testing.assert_allclose(fast, plain, rtol=1e-5, atol=1e-5)


def test_images_are_normalised_by_the_means_and_deviations_of_imagenet():
    images = tf.constant([[[[0.0, 0.0, 0.0], [255.0, 255.0, 255.0]]]])
    expected = [
        [-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225],
        [0.515 / 0.229, 0.544 / 0.224, 0.594 / 0.225],
    ]
    for training in (False, True):
        normalised = NormalizeImages()(images, training=training)
        np.testing.assert_allclose(normalised[0, 0], expected, rtol=1e-6)


def test_squeeze_and_excitation_gates_by_the_mean_of_the_map():
    layer = SqueezeExcite(1)
    inputs = tf.reshape(tf.constant([1.0, 2.0, 3.0, 4.0]), [1, 2, 2, 1])
    layer.build(inputs.shape)
    # Mean 2.5 -> ReLU(2 * 2.5 - 1) = 4 -> sigmoid(0.5 * 4 - 2) = 0.5.
    one = np.ones((1, 1, 1, 1))
    layer.set_weights([2 * one, np.array([-1.0]), 0.5 * one, np.array([-2.0])])
    np.testing.assert_allclose(layer(inputs)[0, :, :, 0], [[0.5, 1.0], [1.5, 2.0]])
    # A ReLU that clips: 2 * 2.5 - 6 < 0 -> sigmoid(0 + 0) = 0.5 whatever the expansion weighs.
    layer.set_weights([2 * one, np.array([-6.0]), 9 * one, np.array([0.0])])
    np.testing.assert_allclose(layer(inputs)[0, :, :, 0], [[0.5, 1.0], [1.5, 2.0]])


def test_pooling_skips_average_what_is_there_and_add_channels_of_zeros():
    inputs = tf.reshape(tf.range(16.0), [1, 4, 4, 1])
    outputs = PoolSkip(3, 2)(inputs)
    # Windows start at row and column 0 and 2; the later ones hang over the edge by one.
    # (0+1+2+4+5+6+8+9+10)/9 = 5, (2+3+6+7+10+11)/6 = 6.5, (8+9+10+12+13+14)/6 = 11,
    # (10+11+14+15)/4 = 12.5.
    np.testing.assert_allclose(outputs[0, :, :, 0], [[5.0, 6.5], [11.0, 12.5]])
    np.testing.assert_array_equal(outputs[0, :, :, 1:], np.zeros((2, 2, 2)))


def test_kernels_start_normal_by_fan_out_and_not_truncated():
    tf_keras.utils.set_random_seed(0)
    # 512 * 1024 draws: the standard deviation is within 0.1 %, one in 16,000 beyond 4 of them.
    pointwise = conv_kernel_initializer()((1, 1, 512, 1024)).numpy()
    assert np.std(pointwise) == pytest.approx(np.sqrt(2 / 1024), rel=0.01)
    assert abs(np.mean(pointwise)) < 0.01 * np.sqrt(2 / 1024)
    assert np.max(np.abs(pointwise)) > 4 * np.sqrt(2 / 1024)
    # fan_out is k * k for a depthwise kernel and k * k * filters for a full one.
    assert np.std(conv_kernel_initializer()((5, 5, 4096, 1))) == pytest.approx(0.2828, rel=0.02)
    assert np.std(conv_kernel_initializer()((3, 3, 64, 128))) == pytest.approx(1 / 24, rel=0.02)


@pytest.mark.parametrize("num_classes", [10, 1000])
def test_the_classifier_starts_uniform_by_its_classes(num_classes):
    tf_keras.utils.set_random_seed(0)
    kernel = dense_kernel_initializer()((1280, num_classes)).numpy()
    reach = num_classes**-0.5
    assert 0.99 * reach < np.max(np.abs(kernel)) <= reach
    assert np.std(kernel) == pytest.approx(reach / np.sqrt(3), rel=0.02)


def test_layers_of_one_shape_start_with_different_weights():
    tf_keras.utils.set_random_seed(0)
    first, second = PointwiseConv(8), PointwiseConv(8)
    for layer in (first, second):
        layer.build((None, 4, 4, 8))
    assert not np.any(first.kernel.numpy() == second.kernel.numpy())
