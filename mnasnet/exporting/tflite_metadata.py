"""What a .tflite says about itself: names of its ends, a signature, and a description as JSON.

The description lies in a metadata buffer named `mnasnet`, which readers of TFLite files that do not
know it pass over.
"""

import json
from typing import Any

from ai_edge_litert import schema_py_generated as schema

METADATA_NAME = "mnasnet"
_SIGNATURE = "serving_default"
_FILE_IDENTIFIER = b"TFL3"
# What the schema asks for. The object API, by which the converter writes, aligns to 4 bytes only.
_ALIGNMENT = 16


def annotate(
    tflite: bytes, description: dict[str, Any], *, input_name: str, output_name: str
) -> bytes:
    """Names the input and the output, adds a signature of these names, and the description.

    Args:
      tflite: content of a file of one input and one output.
      description: anything that JSON can write.
      input_name: of the input's tensor.
      output_name: of the output's.

    Returns:
      The content of the new file; weights lie at multiples of 16 bytes in it.
    """
    model = schema.ModelT.InitFromPackedBuf(tflite, 0)
    graph = model.subgraphs[0]
    (taken,), (given,) = graph.inputs, graph.outputs
    graph.tensors[taken].name, graph.tensors[given].name = input_name, output_name
    model.signatureDefs = [_signature((input_name, taken), (output_name, given))]
    buffer = schema.BufferT()
    buffer.data = json.dumps(description, ensure_ascii=False).encode()
    model.buffers.append(buffer)
    entry = schema.MetadataT()
    entry.name, entry.buffer = METADATA_NAME, len(model.buffers) - 1
    model.metadata = [*(model.metadata or ()), entry]
    return pack(model)


def read_description(tflite: bytes) -> dict[str, Any] | None:
    """The description in a file, None where it has none.

    Raises:
      ValueError: for a description that is no JSON object.
    """
    model = schema.Model.GetRootAs(tflite, 0)
    for index in range(model.MetadataLength()):
        entry = model.Metadata(index)
        if entry.Name() == METADATA_NAME.encode():
            try:
                description = json.loads(model.Buffers(entry.Buffer()).DataAsNumpy().tobytes())
            except ValueError as error:
                raise ValueError(f"metadata {METADATA_NAME!r} is no JSON: {error}") from error
            if not isinstance(description, dict):
                raise ValueError(
                    f"metadata {METADATA_NAME!r} is {description!r}, must be an object"
                )
            return description
    return None


def _signature(taken: tuple[str, int], given: tuple[str, int]) -> schema.SignatureDefT:
    signature = schema.SignatureDefT()
    signature.signatureKey, signature.subgraphIndex = _SIGNATURE, 0
    for ends, (name, tensor) in (("inputs", taken), ("outputs", given)):
        end = schema.TensorMapT()
        end.name, end.tensorIndex = name, tensor
        setattr(signature, ends, [end])
    return signature


class _AlignedBuffer(schema.BufferT):
    """A buffer that is written where the schema wants it."""

    def Pack(self, builder):
        if self.data is None:
            return super().Pack(builder)
        content = bytes(self.data)
        builder.StartVector(1, len(content), _ALIGNMENT)
        builder.head -= len(content)
        builder.Bytes[builder.head : builder.head + len(content)] = content
        data = builder.EndVector()
        schema.BufferStart(builder)
        schema.BufferAddData(builder, data)
        return schema.BufferEnd(builder)


def pack(model: schema.ModelT) -> bytes:
    """The content of a file; weights lie at multiples of 16 bytes in it."""
    import flatbuffers

    for index, buffer in enumerate(model.buffers):
        aligned = _AlignedBuffer()
        aligned.data = buffer.data
        model.buffers[index] = aligned
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), _FILE_IDENTIFIER)
    return bytes(builder.Output())
