"""The same networks of plain Keras layers: the baseline that a user would write."""

import tf_keras

from mnasnet.layers import DepthwiseConv, NormalizeImages, PointwiseConv, SqueezeExcite


def plain_keras_model(model: tf_keras.Model) -> tf_keras.Model:
    """A network of `mnasnet.model` rebuilt from Keras's own layers, with the same weights."""
    plain = tf_keras.models.clone_model(model, clone_function=_plain_layer)
    plain.set_weights(model.get_weights())
    return plain


class _PlainSqueezeExcite(tf_keras.layers.Layer):
    """Squeeze-and-excitation out of four Keras layers."""

    def __init__(self, filters: int, channels: int, **kwargs):
        super().__init__(**kwargs)
        self.pool = tf_keras.layers.GlobalAveragePooling2D(keepdims=True)
        self.reduce = tf_keras.layers.Conv2D(filters, 1, activation="relu")
        self.expand = tf_keras.layers.Conv2D(channels, 1, activation="sigmoid")
        self.scale = tf_keras.layers.Multiply()

    def call(self, inputs):
        return self.scale([inputs, self.expand(self.reduce(self.pool(inputs)))])


def _plain_layer(layer: tf_keras.layers.Layer) -> tf_keras.layers.Layer:
    if isinstance(layer, NormalizeImages):
        mean, stddev = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
        return tf_keras.layers.Normalization(
            mean=[255 * value for value in mean],
            variance=[(255 * value) ** 2 for value in stddev],
            name=layer.name,
        )
    if isinstance(layer, PointwiseConv):
        return tf_keras.layers.Conv2D(layer.filters, 1, use_bias=False, name=layer.name)
    if isinstance(layer, DepthwiseConv):
        return tf_keras.layers.DepthwiseConv2D(
            layer.kernel_size, layer.strides, "same", use_bias=False, name=layer.name
        )
    if isinstance(layer, SqueezeExcite):
        return _PlainSqueezeExcite(layer.filters, layer.input_shape[-1], name=layer.name)
    return type(layer).from_config(layer.get_config())
