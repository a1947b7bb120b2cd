import json
import pathlib

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from mnasnet.exporting.tflite_metadata import annotate, read_description

pytestmark = pytest.mark.tensorflow

_CONV = (pathlib.Path(__file__).parent / "testdata" / "conv_8px.tflite").read_bytes()
_DESCRIPTION = {"labels": ["Gänse", "tench"], "input": {"range": [0, 255]}}


@pytest.fixture(scope="module")
def annotated():
    return annotate(_CONV, _DESCRIPTION, input_name="images", output_name="logits")


def test_the_description_is_read_back_and_lies_in_a_buffer_of_its_name(annotated):
    assert read_description(annotated) == _DESCRIPTION
    model = schema.ModelT.InitFromPackedBuf(annotated, 0)
    (entry,) = [entry for entry in model.metadata if entry.name == b"mnasnet"]
    assert json.loads(bytes(model.buffers[entry.buffer].data)) == _DESCRIPTION


def test_a_file_without_description_gives_none():
    assert read_description(_CONV) is None


def test_a_description_that_is_no_object_is_refused():
    with pytest.raises(ValueError, match=r"'mnasnet' is \[1\], must be an object"):
        read_description(annotate(_CONV, [1], input_name="a", output_name="b"))


def test_ends_and_signature_are_named_and_outputs_stay(annotated):
    before, after = Interpreter(model_content=_CONV), Interpreter(model_content=annotated)
    assert after.get_signature_list() == {
        "serving_default": {"inputs": ["images"], "outputs": ["logits"]}
    }
    before.allocate_tensors()
    (taken,), (given,) = before.get_input_details(), before.get_output_details()
    images = np.random.default_rng(0).uniform(0, 1, taken["shape"]).astype(np.float32)
    before.set_tensor(taken["index"], images)
    before.invoke()
    runner = after.get_signature_runner("serving_default")
    np.testing.assert_array_equal(
        runner(images=images)["logits"], before.get_tensor(given["index"])
    )
    assert after.get_input_details()[0]["name"] == "images"
    assert after.get_output_details()[0]["name"] == "logits"


def test_buffers_lie_at_multiples_of_16_bytes_as_the_schema_asks(annotated):
    model = schema.Model.GetRootAs(annotated, 0)
    buffers = [model.Buffers(index) for index in range(model.BuffersLength())]
    # 4 is the first field's offset in the buffer's table of fields.
    starts = [
        buffer._tab.Vector(buffer._tab.Offset(4)) for buffer in buffers if buffer.DataLength()
    ]
    assert len(starts) >= 2
    assert {start % 16 for start in starts} == {0}
