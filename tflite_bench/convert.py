"""A Keras model in, the bytes of a .tflite out, fast enough to sit inside a search loop.

Differs from `TFLiteConverter.from_keras_model`: that spends nine tenths of its time on writing and
reading a SavedModel. Here the model is traced once and its graph converted directly, which takes
about a second for MnasNet-A1, a tenth of that. The file has the same operators and named tensors,
but no signature.
"""

import contextlib
import re
import warnings
from collections.abc import Iterable, Iterator

import numpy as np

from tflite_bench.chatter import silenced

QUANTIZATIONS = ("none", "float16", "dynamic", "int8")


class ConversionError(Exception):
    """TFLite cannot express this network; the message is one line that says why."""


def to_tflite(
    model, *, quantization: str = "none", representative: Iterable | None = None
) -> bytes:
    """Converts a Keras model for inference at batch size 1.

    Untrained weights do: they do not change what an inference costs. Tensors keep their Keras
    names: the input that of the Input layer, the outputs those of the output layers. Input and
    outputs are the model's own types, whatever the quantization. The same model gives the same
    bytes.

    Args:
      model: a tf_keras.Model of one input of fixed size, such as [B, H, W, 3], and any outputs.
      quantization: 'none' (float32), 'float16' (weights), 'dynamic' (int8 weights, activations
        quantized on the fly) or 'int8' (weights and activations).
      representative: arrays [1, H, W, 3] to calibrate 'int8' on, in the range that the model sees
        in use; where only the latency matters, random ones do. Ignored by the others.

    Returns:
      The content of a .tflite file.

    Raises:
      ValueError: for an unknown quantization, 'int8' without representative data or with data of
        another shape, or a model that has not exactly one input or leaves its size open.
      ConversionError: where TFLite has no operator for something in the network.
    """
    if quantization not in QUANTIZATIONS:
        raise ValueError(
            f"quantization is {quantization!r}, must be one of {', '.join(QUANTIZATIONS)}"
        )
    shape = _input_shape(model)
    if quantization == "int8":
        representative = _calibration_data(
            representative, shape, model.inputs[0].dtype.as_numpy_dtype
        )

    import tensorflow as tf

    with _quiet():
        function = _inference_function(model, shape)
        converter = tf.lite.TFLiteConverter.from_concrete_functions([function])
        if quantization != "none":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if quantization == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if quantization == "int8":
            converter.representative_dataset = lambda: ([array] for array in representative)
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        try:
            return bytes(converter.convert())
        except (MemoryError, OSError):  # the machine's failure, not the network's
            raise
        # The converter has no type of error of its own for what it cannot do: calibration and
        # quantization raise RuntimeError or ValueError, the rest ConverterError.
        except Exception as error:
            raise ConversionError(f"TFLite cannot convert the network: {_reason(error)}") from error


def _input_shape(model) -> tuple[int, ...]:
    """(1, H, W, 3) of the model's only input."""
    inputs = getattr(model, "inputs", None) or ()
    if len(inputs) != 1:
        raise ValueError(f"the model has {len(inputs)} inputs, must have one of a fixed size")
    size = tuple(inputs[0].shape)[1:]
    if None in size:
        raise ValueError(
            f"the model's input has the open size {size}, must be fixed as (224, 224, 3)"
        )
    return (1, *size)


def _calibration_data(
    representative: Iterable | None, shape: tuple[int, ...], dtype
) -> list[np.ndarray]:
    arrays = [
        np.asarray(array, dtype) for array in (() if representative is None else representative)
    ]
    if not arrays:
        raise ValueError("quantization 'int8' needs representative data, got none")
    for array in arrays:
        if array.shape != shape:
            raise ValueError(f"representative data has the shape {array.shape}, must be {shape}")
    return arrays


def _inference_function(model, shape: tuple[int, ...]):
    """The model as a concrete function whose graph ends in tensors named as the Keras outputs."""
    import tensorflow as tf

    ends = []

    def infer(images):
        outputs = tf.nest.flatten(model(images, training=False))
        for output, name in zip(outputs, model.output_names, strict=True):
            ends.append(tf.identity(output, name=name))
        return ends

    spec = tf.TensorSpec(shape, model.inputs[0].dtype, name=model.input_names[0])
    function = tf.compat.v1.wrap_function(infer, [spec])
    # A function returns through operators called Identity, Identity_1, ...: cut before them.
    return function.prune(function.inputs[:1], ends)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps the converter's remarks, Python's and C++'s, to itself."""
    from absl import logging

    verbosity = logging.get_verbosity()
    with silenced(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.set_verbosity(logging.ERROR)
        try:
            yield
        finally:
            logging.set_verbosity(verbosity)


def _reason(error: Exception) -> str:
    """One line of the converter's page-long messages: the operators it stumbled over, if any."""
    text = str(error)
    for named in (
        r"^(?:TF Select|Flex|Custom) ops: (.+)$",
        r"'tf\.(\w+)' op is neither a custom op",
    ):
        match = re.search(named, text, re.MULTILINE)
        if match:
            return f"no TFLite operator for {match[1].strip()}"
    return next((line.strip() for line in text.splitlines() if line.strip()), type(error).__name__)
