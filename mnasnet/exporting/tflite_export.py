"""A trained model as the content of a .tflite that says what it takes and gives."""

import dataclasses
from collections.abc import Iterable
from typing import Any

import numpy as np

from mnasnet.exporting.tflite_bias import correct_classifier_bias
from mnasnet.exporting.tflite_classifier import (
    MEAN_RGB,
    NORMALIZED_INPUT_NAME,
    STDDEV_RGB,
    TFLiteClassifier,
    normalize,
)
from mnasnet.exporting.tflite_metadata import annotate
from tflite_bench.convert import to_tflite

# Kinds of file, with what `to_tflite` calls them.
KINDS = {"float32": "none", "float16": "float16", "dynamic": "dynamic", "int8": "int8"}
INT8_ENDS = ("float", "uint8")

_INPUT_NAME, _OUTPUT_NAME = "images", "logits"
_PIXELS_AT_ONCE = (4, 2, 1)
_PREPROCESSING = (
    "the centre square of S / (S + 32) of the shorter side, resized to S bilinearly: corners not "
    "aligned, pixel centres not halved, no antialiasing"
)


@dataclasses.dataclass(frozen=True)
class TFLiteConfig:
    """One file.

    Attributes:
      kind: 'float32', 'float16' (weights), 'dynamic' (int8 weights) or 'int8'.
      normalized_input: takes images that were normalised outside, as the official code's files do,
        in place of pixels 0..255.
      int8_ends: what an 'int8' file takes and gives: 'float' or 'uint8'.

    Raises:
      ValueError: for an unknown kind or ends, or uint8 ends of normalised images.
    """

    kind: str = "float32"
    normalized_input: bool = False
    int8_ends: str = "float"

    def __post_init__(self):
        for field, allowed in (("kind", tuple(KINDS)), ("int8_ends", INT8_ENDS)):
            if getattr(self, field) not in allowed:
                raise ValueError(
                    f"{field} is {getattr(self, field)!r}, must be one of {', '.join(allowed)}"
                )
        if self.normalized_input and self.int8_ends == "uint8":
            raise ValueError("int8_ends is 'uint8', must be 'float' with normalized_input")


def export_tflite(
    model,
    config: TFLiteConfig,
    *,
    representative: Iterable[np.ndarray] | None = None,
    description: dict[str, Any] | None = None,
) -> bytes:
    """Converts a model of `build_model`, for one image at a time.

    Args:
      model: with its weights.
      config: what kind of file.
      representative: pixels [1, S, S, 3] in 0..255, which 'int8' is calibrated on, and by which its
        logits lose their mean error (`mnasnet.exporting.tflite_bias`).
      description: what the JSON metadata shall say beside the input and the output.

    Returns:
      The content of the file. Its tensors are named 'images' ('truediv' where normalised) and
      'logits', and so are the ends of its signature.

    Raises:
      ValueError: for 'int8' without representative images.
      tflite_bench.convert.ConversionError: where TFLite cannot do it.
    """
    input_name = NORMALIZED_INPUT_NAME if config.normalized_input else _INPUT_NAME
    converted = model
    if config.normalized_input:
        converted = _behind_normalization(model, NORMALIZED_INPUT_NAME)
    elif config.kind == "int8":
        converted = _behind_normalization(model, _INPUT_NAME, _normalize_int8)
    seen = pixels = list(() if representative is None else representative)
    if config.normalized_input:
        seen = [normalize(images) for images in pixels]
    tflite = to_tflite(converted, quantization=KINDS[config.kind], representative=seen)
    if config.kind == "int8":
        quantized = TFLiteClassifier(
            annotate(tflite, {}, input_name=input_name, output_name=_OUTPUT_NAME)
        )
        errors = [quantized.logits(images) - model(images, training=False) for images in pixels]
        tflite = correct_classifier_bias(tflite, np.concatenate(errors))
    integer_ends = config.kind == "int8" and config.int8_ends == "uint8"
    if integer_ends:
        tflite = _with_uint8_ends(tflite)
    ends = _describe_ends(model, config, "uint8" if integer_ends else "float32")
    return annotate(
        tflite,
        {**(description or {}), **ends, "quantization": config.kind},
        input_name=input_name,
        output_name=_OUTPUT_NAME,
    )


def _behind_normalization(model, input_name: str, normalization=None):
    """The model with another first layer, or without one, in place of that which normalises."""
    import tf_keras

    inner = tf_keras.Model(model.get_layer("normalize").output, model.output)
    images = tf_keras.Input(model.input_shape[1:], name=input_name)
    normalized = tf_keras.layers.Lambda(normalization)(images) if normalization else images
    return tf_keras.Model(images, inner(normalized))


def _normalize_int8(images):
    """The model's first layer, [1, H, W, 3], as one 1x1 convolution of several pixels at once.

    With three channels alone an int8 convolution costs 4 % of MnasNet-A1's time, with twelve 1 %
    (measured on one x86 core). In float it is the other way round.
    """
    import tensorflow as tf

    _, height, width, channels = images.shape
    pixels = next(number for number in _PIXELS_AT_ONCE if width % number == 0)
    scale = np.tile(1 / np.float32(STDDEV_RGB), pixels)
    offset = np.tile(-np.float32(MEAN_RGB) / np.float32(STDDEV_RGB), pixels)
    grouped = tf.reshape(images, [-1, height, width // pixels, channels * pixels])
    scaled = tf.nn.conv2d(grouped, tf.constant(np.diag(scale)[None, None]), 1, "SAME")
    return tf.reshape(tf.nn.bias_add(scaled, offset), [-1, height, width, channels])


def _with_uint8_ends(tflite: bytes) -> bytes:
    import tensorflow as tf

    # No public name; the converter does this for its option inference_input_type.
    from tensorflow.lite.python.util import modify_model_io_type

    return bytes(modify_model_io_type(tflite, tf.uint8, tf.uint8))


def _describe_ends(model, config: TFLiteConfig, dtype: str) -> dict[str, Any]:
    size, classes = model.input_shape[1], model.output_shape[-1]
    taken = {
        "name": NORMALIZED_INPUT_NAME if config.normalized_input else _INPUT_NAME,
        "shape": [1, size, size, 3],
        "dtype": dtype,
        "channels": "RGB",
        "preprocessing": _PREPROCESSING,
    }
    if config.normalized_input:
        taken["normalization"] = "(pixels in 0..255 - mean) / stddev"
        taken |= {"mean": list(MEAN_RGB), "stddev": list(STDDEV_RGB)}
    else:
        taken["range"] = [0, 255]
    given = {"name": _OUTPUT_NAME, "shape": [1, classes], "dtype": dtype, "softmax": False}
    return {"input": taken, "output": given}
