"""The layers of a network that Keras does not have, or has slower.

They take and give what plain Keras layers would; weights have the shapes and the order of the
official checkpoints. While inference is traced they are the plain operations, so a converted
network has the operators that it would have with Keras layers.
"""

import tensorflow as tf
import tf_keras

from mnasnet.depthwise import depthwise_conv

_register = tf_keras.utils.register_keras_serializable(package="mnasnet")

# Means and standard deviations of ImageNet's red, green and blue, for values in 0..1.
_MEAN_RGB = (0.485, 0.456, 0.406)
_STDDEV_RGB = (0.229, 0.224, 0.225)


def conv_kernel_initializer() -> tf_keras.initializers.Initializer:
    """N(0, sqrt(2 / fan_out)), not truncated; a depthwise kernel [k, k, C, 1] has fan_out k * k.

    A new object for each layer, since one object draws the same numbers every time.
    """
    return tf_keras.initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal")


def dense_kernel_initializer() -> tf_keras.initializers.Initializer:
    """U(-r, r) with r = 1 / sqrt(fan_out): the range follows the number of classes."""
    return tf_keras.initializers.VarianceScaling(1.0 / 3.0, "fan_out", "uniform")


@_register
class NormalizeImages(tf_keras.layers.Layer):
    """Images [B, H, W, 3] in 0..255 -> the same, by ImageNet's mean and standard deviation.

    For inference it is a 1x1 convolution with a diagonal kernel, which costs TFLite less than 1 %
    of MnasNet-A1's time; a product and a sum cost a tenth (measured on one x86 core).
    """

    def call(self, inputs, training=None):
        scale = tf.constant([1 / (255 * stddev) for stddev in _STDDEV_RGB], inputs.dtype)
        offset = tf.constant(
            [-mean / stddev for mean, stddev in zip(_MEAN_RGB, _STDDEV_RGB, strict=True)],
            inputs.dtype,
        )
        if training is True:
            return inputs * scale + offset
        diagonal = tf.reshape(tf.linalg.diag(scale), [1, 1, 3, 3])
        return tf.nn.bias_add(tf.nn.conv2d(inputs, diagonal, 1, "SAME"), offset)


@_register
class PointwiseConv(tf_keras.layers.Layer):
    """1x1 convolution [B, H, W, C] -> [B, H, W, filters], stride 1, without bias."""

    def __init__(self, filters: int, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters

    def build(self, input_shape):
        self.kernel = self.add_weight(
            "kernel", (1, 1, input_shape[-1], self.filters), initializer=conv_kernel_initializer()
        )
        super().build(input_shape)

    def call(self, inputs, training=None):
        return _pointwise_conv(inputs, self.kernel, training)

    def get_config(self):
        return {**super().get_config(), "filters": self.filters}


@_register
class DepthwiseConv(tf_keras.layers.Layer):
    """k x k depthwise convolution [B, H, W, C] -> [B, H / stride, W / stride, C], without bias."""

    def __init__(self, kernel_size: int, stride: int = 1, **kwargs):
        super().__init__(**kwargs)
        self.kernel_size = kernel_size
        self.strides = (stride, stride)

    def build(self, input_shape):
        self.depthwise_kernel = self.add_weight(
            "depthwise_kernel",
            (self.kernel_size, self.kernel_size, input_shape[-1], 1),
            initializer=conv_kernel_initializer(),
        )
        super().build(input_shape)

    def call(self, inputs, training=None):
        if training is True:
            return depthwise_conv(inputs, self.depthwise_kernel, self.strides[0])
        strides = [1, *self.strides, 1]
        return tf.nn.depthwise_conv2d(inputs, self.depthwise_kernel, strides, "SAME")

    def get_config(self):
        return {
            **super().get_config(),
            "kernel_size": self.kernel_size,
            "stride": self.strides[0],
        }


@_register
class SqueezeExcite(tf_keras.layers.Layer):
    """Squeeze-and-excitation: [B, H, W, C] scaled by a gate in (0, 1) for each image and channel.

    gate = sigmoid(expand(ReLU(reduce(mean over H and W)))), both 1x1 convolutions with bias.
    """

    def __init__(self, filters: int, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters

    def build(self, input_shape):
        channels = input_shape[-1]
        for name, ins, outs in (
            ("reduce", channels, self.filters),
            ("expand", self.filters, channels),
        ):
            kernel = self.add_weight(
                f"{name}_kernel", (1, 1, ins, outs), initializer=conv_kernel_initializer()
            )
            bias = self.add_weight(f"{name}_bias", (outs,), initializer="zeros")
            setattr(self, f"{name}_kernel", kernel)
            setattr(self, f"{name}_bias", bias)
        super().build(input_shape)

    def call(self, inputs, training=None):
        mean = tf.reduce_mean(inputs, [1, 2], keepdims=True)
        squeezed = _pointwise_conv(mean, self.reduce_kernel, training)
        squeezed = tf.nn.relu(tf.nn.bias_add(squeezed, self.reduce_bias))
        excited = _pointwise_conv(squeezed, self.expand_kernel, training)
        return inputs * tf.sigmoid(tf.nn.bias_add(excited, self.expand_bias))

    def get_config(self):
        return {**super().get_config(), "filters": self.filters}


@_register
class PoolSkip(tf_keras.layers.Layer):
    """A skip path that fits any layer: 3x3 average pooling, and channels of zeros where some miss.

    [B, H, W, C] -> [B, H / stride, W / stride, filters]; at the edge the mean is of what is there.
    """

    def __init__(self, filters: int, stride: int = 1, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.stride = stride

    def call(self, inputs):
        pooled = tf.nn.avg_pool2d(inputs, 3, self.stride, "SAME")
        missing = self.filters - inputs.shape[-1]
        return tf.pad(pooled, [[0, 0], [0, 0], [0, 0], [0, missing]]) if missing else pooled

    def get_config(self):
        return {**super().get_config(), "filters": self.filters, "stride": self.stride}


def _pointwise_conv(inputs: tf.Tensor, kernel: tf.Tensor, training: bool | None) -> tf.Tensor:
    """1x1 convolution; while training one matrix product over all positions, a faster equal."""
    if training is not True:
        return tf.nn.conv2d(inputs, kernel, 1, "SAME")
    _, height, width, channels = inputs.shape
    product = tf.matmul(tf.reshape(inputs, [-1, channels]), tf.reshape(kernel, kernel.shape[2:]))
    return tf.reshape(product, [-1, height, width, kernel.shape[3]])
