"""An architecture as a Keras model, equal to the official network in every detail.

Layers are named by place and role, `block_3/expand/conv` for one, where blocks are counted layer by
layer as the official code does. Order inside a block, and order of its weights:

    mbconv: expand (1x1, batch norm, ReLU; not at e1) - depthwise (batch norm, ReLU) - [se] -
            project (1x1, batch norm) - [add the skip]
    dconv:  depthwise (batch norm, ReLU) - [se] - project (1x1, batch norm) - [add the skip]
    conv:   conv (k x k, batch norm, ReLU) - [se] - [add the skip]

The skip is added last, after a conv block's ReLU: the sum stays linear from block to block, as
it is between bottlenecks, and a block of any operation can take another's place.
"""

import numbers
import re

import tensorflow as tf
import tf_keras

from mnasnet.architectures import Architecture
from mnasnet.layer_args import LayerArgs, expand_blocks
from mnasnet.layers import (
    DepthwiseConv,
    NormalizeImages,
    PointwiseConv,
    PoolSkip,
    SqueezeExcite,
    conv_kernel_initializer,
    dense_kernel_initializer,
)

BATCH_NORM_MOMENTUM = 0.99
BATCH_NORM_EPSILON = 1e-3


def build_model(
    architecture: Architecture,
    *,
    num_classes: int = 1000,
    image_size: int | None = None,
    depth_multiplier: float | None = None,
    dropout_rate: float | None = None,
) -> tf_keras.Model:
    """Builds a network: images float32 [B, H, W, 3] in 0..255 -> logits [B, num_classes].

    Its first layer normalises the images, so nothing outside has to. Initial weights follow the
    seeds that `tf_keras.utils.set_random_seed` sets: the same seed gives the same bits anywhere.

    Args:
      architecture: what to build.
      num_classes: width of the classifier.
      image_size: H and W; None takes the architecture's.
      depth_multiplier: scales the filters of the stem and the blocks, not of the head; None leaves
        them as they are, while 1.0 rounds them to multiples of the architecture's depth_divisor.
      dropout_rate: before the classifier; None takes the architecture's, 0 means no dropout.

    Returns:
      A functional model that saves and loads as .keras. It has the architecture's name, with
      underscores for what TensorFlow does not take in one.

    Raises:
      ValueError: for an argument that is impossible; the message has its value.
    """
    image_size = architecture.image_size if image_size is None else image_size
    dropout_rate = architecture.dropout_rate if dropout_rate is None else dropout_rate
    for name, value in (("num_classes", num_classes), ("image_size", image_size)):
        if not isinstance(value, numbers.Integral) or value < 1:
            raise ValueError(f"{name} is {value!r}, must be a whole number >= 1")
    if not 0 <= dropout_rate < 1:
        raise ValueError(f"dropout_rate is {dropout_rate!r}, must be at least 0 and under 1")

    images = tf_keras.Input((image_size, image_size, 3), name="images")
    x = NormalizeImages(name="normalize")(images)
    x = _conv(x, architecture.scaled(architecture.stem_filters, depth_multiplier), 3, 2, "stem")
    for index, layer in enumerate(expand_blocks(architecture, depth_multiplier)):
        x = _block(x, layer, f"block_{index}")
    x = PointwiseConv(architecture.head_filters, name="head/conv")(x)
    x = _batch_norm(x, "head", relu=True)
    x = tf_keras.layers.GlobalAveragePooling2D(name="head/pool")(x)
    if dropout_rate:
        x = tf_keras.layers.Dropout(dropout_rate, name="head/dropout")(x)
    logits = tf_keras.layers.Dense(
        num_classes, kernel_initializer=dense_kernel_initializer(), name="head/logits"
    )(x)
    return tf_keras.Model(images, logits, name=_scope_name(architecture.name))


def endpoints(model: tf_keras.Model) -> dict[str, tf.Tensor]:
    """The outputs inside a network of `build_model`, under the official code's names, in its order.

    `tf_keras.Model(model.inputs, endpoints(model))` computes them. Of a network of n blocks:

      stem                         after its ReLU
      block_I                      of each block
      block_I/expansion_output     of each block with a depthwise convolution: after its ReLU and SE
      reduction_J                  the last block before each halving, and the last of all; with its
                                   expansion_output
      global_pool                  the last block's output: not pooled, whatever its name
      head                         the logits

    Returns:
      Symbolic tensors [B, H, W, C], logits [B, num_classes].

    Raises:
      ValueError: for a model that is not one of `build_model`.
    """
    blocks: dict[str, list[tf_keras.layers.Layer]] = {}
    for layer in model.layers:
        place, _, _ = layer.name.partition("/")
        if place.startswith("block_"):
            blocks.setdefault(place, []).append(layer)
    if not blocks:
        raise ValueError(f"model {model.name!r} has no blocks, must be one that build_model made")
    found = {"stem": model.get_layer("stem/relu").output}
    reductions = 0
    names = [f"block_{index}" for index in range(len(blocks))]
    for name, successor in zip(names, [*names[1:], None], strict=True):
        reduces = successor is None or _stride(blocks[successor]) > 1
        reductions += reduces
        for suffix, output in _block_outputs(name, blocks[name]).items():
            found[name + suffix] = output
            if reduces:
                found[f"reduction_{reductions}{suffix}"] = output
    found["global_pool"] = found[names[-1]]
    found["head"] = model.get_layer("head/logits").output
    return found


def _scope_name(name: str) -> str:
    scope = re.sub(r"[^A-Za-z0-9_.-]", "_", name)
    return scope if re.match(r"[A-Za-z0-9.]", scope) else f"network{scope}"


def _block_outputs(name: str, layers: list[tf_keras.layers.Layer]) -> dict[str, tf.Tensor]:
    """Output of a block ('') and of its expansion ('/expansion_output'), where it has one."""
    outputs = {layer.name.removeprefix(name): layer.output for layer in layers}
    last = next(
        key
        for key in ("/add", "/project/batch_normalization", "/se", "/conv/relu")
        if key in outputs
    )
    found = {"": outputs[last]}
    if "/depthwise/relu" in outputs:
        found["/expansion_output"] = outputs.get("/se", outputs["/depthwise/relu"])
    return found


def _stride(layers: list[tf_keras.layers.Layer]) -> int:
    return max(layer.strides[0] for layer in layers if hasattr(layer, "strides"))


def _block(x: tf.Tensor, args: LayerArgs, name: str) -> tf.Tensor:
    entered = x
    if args.conv_op == "conv":
        x = _conv(x, args.output_filters, args.kernel_size, args.stride, f"{name}/conv")
    else:
        if args.expanded_filters:
            x = PointwiseConv(args.expanded_filters, name=f"{name}/expand/conv")(x)
            x = _batch_norm(x, f"{name}/expand", relu=True)
        x = DepthwiseConv(args.kernel_size, args.stride, name=f"{name}/depthwise/conv")(x)
        x = _batch_norm(x, f"{name}/depthwise", relu=True)
    if args.squeeze_filters:
        x = SqueezeExcite(args.squeeze_filters, name=f"{name}/se")(x)
    if args.conv_op != "conv":
        x = PointwiseConv(args.output_filters, name=f"{name}/project/conv")(x)
        x = _batch_norm(x, f"{name}/project", relu=False)
    if args.skip == "pool":
        entered = PoolSkip(args.output_filters, args.stride, name=f"{name}/pool")(entered)
    if args.skip != "none":
        x = tf_keras.layers.Add(name=f"{name}/add")([x, entered])
    return x


def _conv(x: tf.Tensor, filters: int, kernel_size: int, stride: int, name: str) -> tf.Tensor:
    """Full convolution, batch norm, ReLU."""
    x = tf_keras.layers.Conv2D(
        filters,
        kernel_size,
        stride,
        padding="same",
        use_bias=False,
        kernel_initializer=conv_kernel_initializer(),
        name=f"{name}/conv",
    )(x)
    return _batch_norm(x, name, relu=True)


def _batch_norm(x: tf.Tensor, name: str, *, relu: bool) -> tf.Tensor:
    x = tf_keras.layers.BatchNormalization(
        momentum=BATCH_NORM_MOMENTUM,
        epsilon=BATCH_NORM_EPSILON,
        name=f"{name}/batch_normalization",
    )(x)
    return tf_keras.layers.ReLU(name=f"{name}/relu")(x) if relu else x
