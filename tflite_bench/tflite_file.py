"""What can be said of a .tflite file without running it."""

import os

from tflite_bench.measurement import MeasurementError

# In a .tflite the file identifier of its schema follows the offset of the root table.
_IDENTIFIER = slice(4, 8), b"TFL3"
# From TFLite's schema: TensorType.
_FLOAT16, _UINT8, _INT8 = 1, 3, 9


def read_tflite(path: str) -> bytes:
    """The content of a .tflite file.

    Raises:
      ValueError: where there is no such file, or it is something else.
    """
    if not os.path.isfile(path):
        raise ValueError(f"{path!r} is no file")
    with open(path, "rb") as file:
        content = file.read()
    where, identifier = _IDENTIFIER
    if content[where] != identifier:
        what = "is empty" if not content else "is not a TFLite file"
        raise ValueError(f"{path!r} {what}, files that TFLiteConverter writes are allowed")
    return content


def quantization_of(tflite: bytes) -> str:
    """Which of to_tflite's quantizations a file has, read off its tensors.

    Raises:
      MeasurementError: for a file that is spoilt.
    """
    import struct

    from ai_edge_litert import schema_py_generated as schema

    try:
        model = schema.Model.GetRootAsModel(tflite, 0)
        graphs = [model.Subgraphs(number) for number in range(model.SubgraphsLength())]
        tensors = [
            graph.Tensors(number) for graph in graphs for number in range(graph.TensorsLength())
        ]
        eight_bit = []
        for tensor in tensors:
            if tensor.Type() == _FLOAT16:
                return "float16"
            scales = tensor.Quantization()
            if tensor.Type() in (_UINT8, _INT8) and scales and scales.ScaleLength():
                eight_bit.append(scales)
        # Weights are quantized symmetrically; activations behind a ReLU never are.
        for scales in eight_bit:
            if any(scales.ZeroPoint(number) for number in range(scales.ZeroPointLength())):
                return "int8"
    except (struct.error, IndexError, TypeError, ValueError) as error:
        raise MeasurementError(f"the network is no valid TFLite file: {error}") from error
    return "dynamic" if eight_bit else "none"
