"""Exports against the Keras model, and against the official code's exports of the same weights."""

import dataclasses
import json
import os
import pathlib
import shutil
import sys

import numpy as np
import official_checkpoints
import pytest
import tensorflow as tf
import tf_keras
from absl import flags
from ai_edge_litert.interpreter import Interpreter
from official_golden import Golden

from mnasnet import export
from mnasnet.architectures import ARCHITECTURES, from_blocks
from mnasnet.checkpoint import load_checkpoint
from mnasnet.checkpoints.files import open_checkpoint
from mnasnet.checkpoints.identity import identify
from mnasnet.exporting import files as export_files
from mnasnet.exporting import saved_model
from mnasnet.exporting.files import ExportConfig, ExportError, export_model
from mnasnet.exporting.images import load_images, synthetic_images
from mnasnet.exporting.tflite_classifier import MEAN_RGB, STDDEV_RGB, TFLiteClassifier, normalize
from mnasnet.exporting.tflite_export import TFLiteConfig, export_tflite
from mnasnet.exporting.tflite_metadata import read_description
from mnasnet.model import build_model
from tflite_bench import command_line

pytestmark = pytest.mark.tensorflow

_SHARED = pathlib.Path(os.environ.get("MNASNET_SHARED", "../shared"))
_OFFICIAL = _SHARED / "fixtures" / "official" / "export"
_TESTDATA = pathlib.Path(__file__).parent / "testdata"
_TINY = ("r1_k3_s11_e1_i8_o8_noskip", "r1_k3_s22_e3_i8_o16_se0.25")


@pytest.fixture(scope="module")
def official():
    """(folder of the official exports, their reference, our model of the same weights)."""
    if not _OFFICIAL.is_dir():
        pytest.skip(f"{_OFFICIAL} is missing, set MNASNET_SHARED")
    model = build_model(ARCHITECTURES["mnasnet-small"], num_classes=10)
    Golden("mnasnet-small-c10").assign_weights(model, ema=True)
    return _OFFICIAL, np.load(_OFFICIAL / "ref.npz"), model


@pytest.fixture(scope="module")
def tiny():
    """A small network, its weights far from zero."""
    tf_keras.utils.set_random_seed(0)
    model = build_model(from_blocks(_TINY, stem_filters=8), num_classes=5, image_size=32)
    rng = np.random.default_rng(0)
    for weight in model.weights:
        if "gamma" in weight.name or "variance" in weight.name:
            weight.assign(rng.uniform(0.5, 1.5, weight.shape))
    return model


def _pixels(reference):
    return (reference["x"] * np.float32(STDDEV_RGB) + np.float32(MEAN_RGB)).astype(np.float32)


def _error(tflite, reference):
    return np.abs(TFLiteClassifier(tflite).logits(_pixels(reference)) - reference["logits"]).max()


@pytest.mark.parametrize("normalized_input", [False, True])
def test_files_are_as_exact_as_the_official_ones_and_about_as_large(official, normalized_input):
    folder, reference, model = official
    sizes = {file.name: file.stat().st_size for file in folder.glob("*.tflite")}

    def exported(kind):
        config = TFLiteConfig(kind, normalized_input)
        return export_tflite(model, config, representative=[_pixels(reference)])

    # Measured on the official files: largest error of the quantized ones' logits.
    quantized_error = 0.045
    plain = exported("float32")
    assert _error(plain, reference) < 1e-5 * np.abs(reference["logits"]).max()
    assert len(plain) == pytest.approx(sizes["mnasnet-small.tflite"], rel=0.02)
    dynamic = exported("dynamic")
    assert _error(dynamic, reference) < quantized_error
    assert len(dynamic) < 1.15 * sizes["mnasnet-small_postquant.tflite"]
    int8 = exported("int8")
    assert _error(int8, reference) < quantized_error
    assert len(int8) == pytest.approx(sizes["ptq_float_image_input.tflite"], rel=0.02)
    half = exported("float16")
    # 11 bits of mantissa, through 50 layers.
    assert _error(half, reference) < 2e-3 * np.abs(reference["logits"]).max()
    assert len(half) < 0.52 * len(plain)


def test_official_files_run_through_the_same_classifier(official):
    folder, reference, _ = official
    for name, error in (
        ("mnasnet-small", 2e-6),
        ("mnasnet-small_postquant", 0.05),
        ("ptq_float_image_input", 0.05),
        ("ptq_truediv", 0.05),
    ):
        assert _error((folder / f"{name}.tflite").read_bytes(), reference) < error, name


def test_the_normalized_file_has_the_official_ends(official):
    _, reference, model = official
    tflite = export_tflite(model, TFLiteConfig(normalized_input=True))
    runner = Interpreter(model_content=tflite).get_signature_runner("serving_default")
    logits = runner(truediv=reference["x"])["logits"]
    assert np.abs(logits - reference["logits"]).max() < 1e-5 * np.abs(reference["logits"]).max()
    description = read_description(tflite)
    assert description["input"]["name"] == "truediv"
    assert description["input"]["mean"] == pytest.approx([123.675, 116.28, 103.53])
    assert description["input"]["stddev"] == pytest.approx([58.395, 57.12, 57.375])


def test_saved_models_answer_as_the_official_one(official, tmp_path):
    folder, _, model = official
    saved_model.save(model, str(tmp_path / "saved_model"))
    jpegs = [(_TESTDATA / name).read_bytes() for name in ("landscape.jpg", "gray.jpg")]
    ours = saved_model.SavedModelClassifier(str(tmp_path / "saved_model"))
    theirs = saved_model.SavedModelClassifier(str(folder / "saved_model"))
    np.testing.assert_allclose(ours.probabilities(jpegs), theirs.probabilities(jpegs), atol=1e-6)
    assert (ours.num_classes, theirs.num_classes) == (10, 10)


def test_a_saved_model_has_the_official_signatures_and_one_of_images(tiny, tmp_path):
    saved_model.save(tiny, str(tmp_path / "saved_model"))
    signatures = tf.saved_model.load(str(tmp_path / "saved_model")).signatures
    assert set(signatures) == {"serving_default", "classify", "classify_images"}
    jpegs = tf.constant([(_TESTDATA / "landscape.jpg").read_bytes()] * 2)
    answers = signatures["classify"](image_bytes=jpegs)
    assert set(answers) == {"classes", "probabilities"}
    assert (answers["classes"].dtype, answers["classes"].shape) == (tf.int64, [2])
    images = synthetic_images(32, 3)
    found = signatures["classify_images"](images=tf.constant(images))
    logits = tiny(images, training=False)
    np.testing.assert_allclose(found["logits"], logits, atol=1e-5)
    np.testing.assert_allclose(found["probabilities"], tf.nn.softmax(logits), atol=1e-5)
    np.testing.assert_array_equal(found["classes"], tf.argmax(logits, -1))


def test_a_saved_model_is_a_checkpoint_too(tiny, tmp_path, caplog):
    saved_model.save(tiny, str(tmp_path / "saved_model"))
    other = build_model(from_blocks(_TINY, stem_filters=8), num_classes=5, image_size=32)
    load_checkpoint(other, str(tmp_path / "saved_model"))
    assert caplog.messages == []
    for ours, theirs in zip(tiny.weights, other.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_uint8_ends_take_bytes_and_give_bytes(tiny):
    images = synthetic_images(32, 8)
    tflite = export_tflite(
        tiny, TFLiteConfig("int8", int8_ends="uint8"), representative=images[:, None]
    )
    interpreter = Interpreter(model_content=tflite)
    (taken,), (given,) = interpreter.get_input_details(), interpreter.get_output_details()
    assert (taken["dtype"], given["dtype"]) == (np.uint8, np.uint8)
    # Calibrated on images that hold both 0 and 255, a step is a grey level.
    assert taken["quantization"] == (1.0, 0)
    expected = tiny(images, training=False).numpy()
    error = np.abs(TFLiteClassifier(tflite).logits(images) - expected).max()
    assert error < 0.1 * np.abs(expected).max()
    assert read_description(tflite)["input"]["dtype"] == "uint8"


def test_an_export_writes_every_format_and_describes_it(tiny, tmp_path):
    images = synthetic_images(32, 4)
    exported = export_model(
        tiny,
        str(tmp_path / "out"),
        name="tiny",
        images=images,
        representative=images,
        description={"labels": list("abcde")},
    )
    assert sorted(os.listdir(tmp_path / "out")) == [
        "saved_model",
        "tiny.tflite",
        "tiny_dynamic.tflite",
        "tiny_float16.tflite",
        "tiny_int8.tflite",
    ]
    differences = {file.format: file.difference for file in exported}
    assert max(differences["saved_model"], differences["float32"]) < 1e-5
    assert max(differences.values()) < 0.2
    for file in exported[1:]:
        tflite = pathlib.Path(file.path).read_bytes()
        assert len(tflite) == file.num_bytes
        description = read_description(tflite)
        assert description["labels"] == list("abcde")
        assert description["quantization"] == file.format
        assert description["input"]["range"] == [0, 255]
        assert description["output"]["shape"] == [1, 5]


def test_a_bad_file_is_not_kept_and_a_former_one_stays(tiny, tmp_path, monkeypatch):
    (tmp_path / "tiny.tflite").write_text("former")
    (tmp_path / "saved_model").mkdir()
    (tmp_path / "saved_model" / "saved_model.pb").write_text("former")
    real = export_files.export_tflite

    def of_other_weights(model, config, **arguments):
        other = build_model(from_blocks(_TINY, stem_filters=8), num_classes=5, image_size=32)
        return real(other, config, **arguments)

    monkeypatch.setattr(export_files, "export_tflite", of_other_weights)
    monkeypatch.setattr(saved_model, "save", lambda model, path: shutil.copytree("nowhere", path))
    arguments = {"name": "tiny", "images": synthetic_images(32)}
    with pytest.raises(ExportError, match=r"tiny.tflite' was not kept: its logits differ"):
        export_model(tiny, str(tmp_path), ExportConfig(("float32",)), **arguments)
    with pytest.raises(OSError, match="nowhere"):
        export_model(tiny, str(tmp_path), ExportConfig(("saved_model",)), **arguments)
    assert sorted(os.listdir(tmp_path)) == ["saved_model", "tiny.tflite"]
    assert (tmp_path / "tiny.tflite").read_text() == "former"
    assert (tmp_path / "saved_model" / "saved_model.pb").read_text() == "former"


def test_a_model_that_gives_no_numbers_is_not_kept(tiny, tmp_path):
    broken = build_model(from_blocks(_TINY, stem_filters=8), num_classes=5, image_size=32)
    broken.get_layer("head/logits").bias.assign([np.nan] * 5)
    with pytest.raises(ExportError, match="differ from the model's by nan"):
        export_model(
            broken,
            str(tmp_path),
            ExportConfig(("float32",)),
            name="broken",
            images=synthetic_images(32),
        )
    assert os.listdir(tmp_path) == []


def test_a_second_export_replaces_the_first(tiny, tmp_path):
    config = ExportConfig(("saved_model", "float32"))
    for _ in range(2):
        export_model(tiny, str(tmp_path), config, name="tiny", images=synthetic_images(32))
    assert sorted(os.listdir(tmp_path)) == ["saved_model", "tiny.tflite"]


def test_normalizing_by_hand_is_what_the_first_layer_does(tiny):
    images = synthetic_images(32)
    first = tiny.get_layer("normalize")
    np.testing.assert_allclose(first(images), normalize(images), atol=2e-6)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"formats": ("float64",)}, "formats is 'float64', must be some of saved_model, float32"),
        ({"formats": ()}, "formats is '', must be some of"),
        ({"int8_ends": "int8"}, "int8_ends is 'int8', must be one of float, uint8"),
        ({"int8_ends": "uint8", "normalized_input": True}, "must be 'float' with normalized_input"),
    ],
)
def test_impossible_configs_are_refused(fields, reason):
    with pytest.raises(ValueError, match=reason):
        ExportConfig(**fields)


def test_images_come_from_files_folders_records_and_arrays(tmp_path):
    landscape = load_images(str(_TESTDATA / "landscape.jpg"), 160, 5)
    assert landscape.shape == (1, 160, 160, 3)
    shutil.copy(_TESTDATA / "gray.jpg", tmp_path / "b.JPG")
    shutil.copy(_TESTDATA / "landscape.jpg", tmp_path / "a.jpeg")
    assert load_images(str(tmp_path), 160, 5).shape == (2, 160, 160, 3)
    np.testing.assert_array_equal(load_images(str(tmp_path), 160, 1), landscape)
    np.save(tmp_path / "x.npy", landscape)
    np.testing.assert_array_equal(load_images(str(tmp_path / "x.npy"), 160, 1), landscape)
    records = tmp_path / "records"
    records.mkdir()
    jpeg = tf.train.Feature(
        bytes_list=tf.train.BytesList(value=[(_TESTDATA / "landscape.jpg").read_bytes()])
    )
    example = tf.train.Example(features=tf.train.Features(feature={"image/encoded": jpeg}))
    with tf.io.TFRecordWriter(str(records / "train-00000-of-00001")) as writer:
        for _ in range(3):
            writer.write(example.SerializeToString())
    assert load_images(str(records), 160, 2).shape == (2, 160, 160, 3)


def test_images_that_are_none_are_refused_in_one_line(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"\x89PNG no jpeg")
    np.save(tmp_path / "x.npy", np.full((1, 8, 8, 3), -1.0))
    for path, reason in (
        (tmp_path / "a.jpg", r"a.jpg' is no JPEG that can be decoded"),
        (tmp_path / "missing.jpg", "is not there"),
        (tmp_path / "x.npy", r"has values in -1 .. -1, must be pixels in 0 .. 255"),
    ):
        with pytest.raises(ValueError, match=reason) as error:
            load_images(str(path), 8, 1)
        assert "\n" not in str(error.value)


def _command(monkeypatch, *arguments) -> int:
    """The exit status of the export command."""
    monkeypatch.setattr(sys, "argv", ["mnasnet.export", *map(str, arguments)])
    flags.FLAGS.unparse_flags()
    with pytest.raises(SystemExit) as finished:
        command_line.run(export.main)
    for name in flags.FLAGS:
        flags.FLAGS[name].unparse()
    flags.FLAGS.mark_as_parsed()
    return finished.value.code


@pytest.fixture(scope="module")
def small_checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mnasnet-small")
    golden = Golden("mnasnet-small-c10")
    official_checkpoints.write(folder, official_checkpoints.golden_variables(golden))
    return folder


def test_one_command_makes_a_published_checkpoint_into_files(
    small_checkpoint, tmp_path, monkeypatch, capsys
):
    folder = tmp_path / "mnasnet-small"
    shutil.copytree(small_checkpoint, folder)
    status = _command(monkeypatch, f"--checkpoint={folder}", "--export_formats=float32")
    printed = capsys.readouterr().out
    assert status == 0
    assert printed.startswith("mnasnet-small, 10 classes, moving averages of ")
    tflite = (folder / "export" / "mnasnet-small.tflite").read_bytes()
    golden = Golden("mnasnet-small-c10")
    found = TFLiteClassifier(tflite).logits(golden.images())
    largest = np.abs(golden.logits_ema).max()
    assert np.abs(found - golden.logits_ema).max() < 1e-5 * largest
    description = read_description(tflite)
    assert description["weights"] == {
        "checkpoint": "model.ckpt-1000",
        "step": 1000,
        "moving_averages": True,
    }
    assert str(tmp_path) not in json.dumps(description)
    rebuilt = from_blocks(description["blocks"], stem_filters=description["stem_filters"])
    assert rebuilt.blocks == ARCHITECTURES["mnasnet-small"].blocks


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--model_name=mnasnet-a1"], "does not fit the model 'mnasnet-a1' of 10 classes"),
        (["--num_classes=7", "--model_name=mnasnet-small"], "of 7 classes: mis-shaped"),
        (["--checkpoint=/nowhere"], "checkpoint '/nowhere' is not there"),
        (["--export_formats=float32,onnx"], "formats is 'float32,onnx', must be some of"),
        (["--export_formats=int8"], "needs images: name some with --representative"),
        (["--representative=/nowhere"], "'/nowhere' is not there"),
        (["--labels=/nowhere"], "labels '/nowhere' cannot be read"),
        (["--checkpoint="], "no weights given"),
    ],
)
def test_mistakes_are_told_in_one_line_and_leave_former_files(
    small_checkpoint, tmp_path, monkeypatch, capsys, arguments, reason
):
    (tmp_path / "mnasnet-small.tflite").write_text("former")
    status = _command(
        monkeypatch, f"--checkpoint={small_checkpoint}", f"--export_dir={tmp_path}", *arguments
    )
    errors = capsys.readouterr().err.splitlines()
    assert status == 2
    assert len(errors) == 1
    assert reason in errors[0]
    assert os.listdir(tmp_path) == ["mnasnet-small.tflite"]
    assert (tmp_path / "mnasnet-small.tflite").read_text() == "former"


def test_the_width_of_a_published_checkpoint_is_told_by_its_parameters(tmp_path):
    model = build_model(ARCHITECTURES["mnasnet-a1"], depth_multiplier=0.75, num_classes=12)
    tf.train.Checkpoint(model=model).save(str(tmp_path / "ckpt"))
    identity = identify(open_checkpoint(str(tmp_path)))
    assert (identity.architecture.name, identity.depth_multiplier, identity.num_classes) == (
        "mnasnet-a1",
        0.75,
        12,
    )
    with pytest.raises(ValueError, match="does not fit the model"):
        load_checkpoint(build_model(ARCHITECTURES["mnasnet-a1"], num_classes=12), str(tmp_path))


def test_a_checkpoint_of_other_rounding_is_told_by_the_flags_of_rounding(tmp_path):
    rounding = {"depth_divisor": 4, "min_depth": 12}
    architecture = dataclasses.replace(ARCHITECTURES["mnasnet-small"], **rounding)
    model = build_model(architecture, depth_multiplier=0.5, num_classes=3, image_size=32)
    tf.train.Checkpoint(model=model).save(str(tmp_path / "ckpt"))
    identity = identify(open_checkpoint(str(tmp_path)), rounding)
    assert (identity.architecture, identity.depth_multiplier) == (architecture, 0.5)
    with pytest.raises(ValueError, match="which no published network has"):
        identify(open_checkpoint(str(tmp_path)))


def test_networks_that_nobody_published_are_asked_for(tiny, tmp_path):
    tf.train.Checkpoint(model=tiny).save(str(tmp_path / "ckpt"))
    with pytest.raises(ValueError, match="name it with --model_name or --blocks"):
        identify(open_checkpoint(str(tmp_path)))
