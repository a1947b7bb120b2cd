import os
import pathlib
import sys

import numpy as np
import official_checkpoints
import pytest
import tensorflow as tf
from absl import flags
from official_golden import Golden

from mnasnet import evaluate
from mnasnet.architectures import ARCHITECTURES, from_blocks
from mnasnet.checkpoint import load_checkpoint
from mnasnet.checkpoints.flags import model_from_flags
from mnasnet.data.class_names import class_names
from mnasnet.evaluating import classifiers as evaluate_classifiers
from mnasnet.evaluating.top_k import Accuracy, Classifier, ValidationImages
from mnasnet.exporting.images import synthetic_images
from mnasnet.exporting.saved_model import save
from mnasnet.exporting.tflite_export import TFLiteConfig, export_tflite
from mnasnet.model import build_model
from mnasnet.training.trained_network import FILE_NAME, TrainedNetwork
from tflite_bench import command_line

pytestmark = pytest.mark.tensorflow

_TESTDATA = pathlib.Path(__file__).parent / "testdata"
_BLOCKS = ("r1_k3_s11_e1_i8_o8_noskip", "r1_k3_s22_e3_i8_o16_se0.25")
_SIZE, _CLASSES, _IMAGES = 32, 6, 20


def _jpeg(number: int) -> bytes:
    return tf.io.encode_jpeg(synthetic_images(48, 1, seed=number)[0].astype(np.uint8)).numpy()


def _record(jpeg: bytes, label: int | None) -> bytes:
    features = {
        "image/encoded": tf.train.Feature(bytes_list=tf.train.BytesList(value=[jpeg])),
    }
    if label is not None:
        features["image/class/label"] = tf.train.Feature(
            int64_list=tf.train.Int64List(value=[label])
        )
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def _write(path, records) -> None:
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """(model, folder): a network, and validation images of which it knows three quarters.

    Labels are what the network says, and for every fourth image what it finds least likely.
    """
    tf.random.set_seed(0)
    model = build_model(
        from_blocks(_BLOCKS, stem_filters=8), num_classes=_CLASSES, image_size=_SIZE
    )
    rng = np.random.default_rng(0)
    for weight in model.weights:
        if "gamma" in weight.name or "variance" in weight.name:
            weight.assign(rng.uniform(0.5, 1.5, weight.shape))
    folder = tmp_path_factory.mktemp("imagenet")
    jpegs = [_jpeg(number) for number in range(_IMAGES)]
    scores = Classifier(
        "it", _CLASSES, _SIZE, lambda images: model(images, training=False).numpy()
    ).probabilities(jpegs)
    labels = np.where(np.arange(_IMAGES) % 4 == 0, scores.argmin(1), scores.argmax(1))
    records = [_record(jpeg, int(label) + 1) for jpeg, label in zip(jpegs, labels, strict=True)]
    _write(folder / "validation-00000-of-00002", records[:12])
    _write(folder / "validation-00001-of-00002", records[12:])
    tf.train.Checkpoint(model=model).save(str(folder / "run" / "ckpt"))
    return model, folder


def _run(monkeypatch, main, *arguments) -> int:
    monkeypatch.setattr(sys, "argv", ["command", *map(str, arguments)])
    flags.FLAGS.unparse_flags()
    with pytest.raises(SystemExit) as finished:
        command_line.run(main)
    for name in flags.FLAGS:
        flags.FLAGS[name].unparse()
    flags.FLAGS.mark_as_parsed()
    return finished.value.code


def _network_flags(folder):
    return (
        f"--checkpoint={folder / 'run'}",
        f"--blocks={','.join(_BLOCKS)}",
        "--stem_filters=8",
        f"--image_size={_SIZE}",
    )


def test_top_1_and_top_5_count_ranks_by_hand():
    accuracy = Accuracy()
    scores = np.tile(np.arange(8.0), (4, 1))
    accuracy.add(scores, np.array([7, 6, 3, 2]))  # ranks 1, 2, 5, 6
    assert (accuracy.images, accuracy.top_1, accuracy.top_5) == (4, 1 / 4, 3 / 4)


def test_scores_that_are_no_numbers_are_never_right():
    accuracy = Accuracy()
    accuracy.add(np.full((2, 3), np.nan), np.array([0, 1]))
    assert (accuracy.images, accuracy.top_1, accuracy.top_5) == (2, 0.0, 0.0)


def test_every_image_counts_once_in_the_order_of_the_files(trained):
    _, folder = trained
    images = ValidationImages(str(folder), _CLASSES)
    batches = list(images.batches(8, [None, _SIZE]))
    assert [len(labels) for _, labels in batches] == [8, 8, 4]
    jpegs = np.concatenate([inputs[None] for inputs, _ in batches])
    assert list(jpegs) == [_jpeg(number) for number in range(_IMAGES)]
    first = ValidationImages(str(folder), _CLASSES, num_images=3)
    ((inputs, _),) = first.batches(8, [_SIZE])
    np.testing.assert_array_equal(inputs[_SIZE], batches[0][0][_SIZE][:3])


def test_one_table_has_a_checkpoint_a_saved_model_and_a_tflite(
    trained, tmp_path, monkeypatch, capsys
):
    model, folder = trained
    save(model, str(tmp_path / "saved_model"))
    (tmp_path / "m.tflite").write_bytes(export_tflite(model, TFLiteConfig()))
    status = _run(
        monkeypatch,
        evaluate.main,
        *_network_flags(folder),
        f"--exported={tmp_path / 'saved_model'},{tmp_path / 'm.tflite'}",
        f"--data_dir={folder}",
    )
    lines = capsys.readouterr().out.splitlines()
    assert status == 0
    assert lines[0] == f"20 images of {folder}"
    # 15 of 20 labels are the network's first choice; of 6 classes the least likely is sixth.
    assert [line.split()[-2:] for line in lines[2:]] == [["0.7500", "0.7500"]] * 3


def test_compare_puts_the_forms_of_the_weights_side_by_side(trained, monkeypatch, capsys):
    _, folder = trained
    arguments = (*_network_flags(folder), f"--data_dir={folder}", "--compare")
    assert _run(monkeypatch, evaluate.main, *arguments) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[2:]]
    assert [" ".join(row[:-2]) for row in rows] == [
        "custom weights",
        "TFLite float32",
        "TFLite float16",
        "TFLite dynamic",
        "TFLite int8",
    ]
    top_1 = [float(row[-2]) for row in rows]
    assert top_1[:2] == [0.75, 0.75]
    # Of 20 images quantization may change the first choice of a few.
    assert min(top_1) >= 0.6


def test_compare_has_raw_weights_where_there_are_averages(tmp_path, monkeypatch, capsys):
    golden = Golden("mnasnet-small-c10")
    official_checkpoints.write(tmp_path, official_checkpoints.golden_variables(golden))
    _write(tmp_path / "validation-00000-of-00001", [_record(_jpeg(0), 1)])
    arguments = (f"--checkpoint={tmp_path}", f"--data_dir={tmp_path}", "--compare")
    assert _run(monkeypatch, evaluate.main, *arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines[2:4]] == [
        "mnasnet-small raw weights",
        "mnasnet-small averages",
    ]


def test_pictures_get_their_five_likeliest_classes_with_names(
    trained, tmp_path, monkeypatch, capsys
):
    model, _ = trained
    labels = [f"class {letter}" for letter in "abcdef"]
    tflite = export_tflite(model, TFLiteConfig(), description={"labels": labels})
    (tmp_path / "m.tflite").write_bytes(tflite)
    picture = tmp_path / "picture.jpg"
    picture.write_bytes(_jpeg(1))
    status = _run(
        monkeypatch, evaluate.main, f"--exported={tmp_path / 'm.tflite'}", f"--image={picture}"
    )
    lines = capsys.readouterr().out.splitlines()
    classifier = evaluate_classifiers.of_model(model, "it")
    (probabilities,) = classifier.probabilities([_jpeg(1)])
    order = np.argsort(-probabilities)[:5]
    assert status == 0
    assert [line.split(maxsplit=2)[2] for line in lines[2:]] == [labels[i] for i in order]
    found = [float(line.split()[0]) for line in lines[2:]]
    np.testing.assert_allclose(found, probabilities[order], atol=1e-4)


def test_names_of_imagenet_come_from_tfds():
    names = class_names(1000)
    assert (len(names), names[0], names[207], names[999]) == (
        1000,
        "tench",
        "golden retriever",
        "toilet tissue",
    )
    assert class_names(10) is None


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (_record(_jpeg(0), None), "has no image/class/label"),
        (_record(_jpeg(0), _CLASSES + 1), "image/class/label 7, must lie in 1 .. 6"),
        (_record(b"\xff\xd8 no picture", 1), "broken JPEG"),
    ],
)
def test_records_that_are_no_labelled_images_are_told_in_one_line(
    trained, tmp_path, monkeypatch, capsys, record, reason
):
    _, folder = trained
    _write(tmp_path / "validation-00000-of-00001", [record])
    arguments = (*_network_flags(folder), f"--data_dir={tmp_path}")
    assert _run(monkeypatch, evaluate.main, *arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert reason in line


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "nothing to evaluate: give --checkpoint"),
        (["--checkpoint=/nowhere"], "nothing to evaluate on"),
        (["--checkpoint=/nowhere", "--image=a.jpg"], "checkpoint '/nowhere' is not there"),
        (["--exported=/nowhere", "--image=a.jpg"], "'/nowhere' cannot be read"),
        (["--exported=README.md", "--image=a.jpg"], "README.md cannot be loaded"),
        (["--exported=tests", "--image=a.jpg"], "SavedModel 'tests' cannot be loaded"),
        (["--exported=a", "--data_dir=b", "--compare"], "--compare needs --checkpoint"),
    ],
)
def test_mistakes_are_told_in_one_line(monkeypatch, capsys, arguments, reason):
    assert _run(monkeypatch, evaluate.main, *arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert reason in line


def test_folders_and_pictures_that_are_none_are_told_in_one_line(
    trained, tmp_path, monkeypatch, capsys
):
    _, folder = trained
    (tmp_path / "a.jpg").write_bytes(b"\x89PNG")
    for arguments, reason in (
        ([f"--data_dir={tmp_path}"], "has no files validation-*-of-*"),
        ([f"--data_dir={folder}", "--num_images=21"], "num_images is 21"),
        ([f"--image={tmp_path / 'a.jpg'}"], "is no JPEG that can be decoded"),
        ([f"--image={tmp_path / 'b.jpg'}"], "cannot be read: No such file"),
    ):
        assert _run(monkeypatch, evaluate.main, *_network_flags(folder), *arguments) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert reason in line


def test_the_folder_of_a_training_says_which_network_it_holds(trained, tmp_path, monkeypatch):
    model, _ = trained
    network = TrainedNetwork(
        from_blocks(_BLOCKS, stem_filters=8, name="mine"),
        num_classes=_CLASSES,
        image_size=_SIZE,
        batch_norm_epsilon=0.01,
    )
    (tmp_path / FILE_NAME).write_text(network.to_json())
    (tmp_path / "archive").mkdir()
    tf.train.Checkpoint(model=model).save(os.fspath(tmp_path / "archive" / "best_ckpt"))
    found = []

    def main():
        found.append(model_from_flags())

    assert _run(monkeypatch, main, f"--checkpoint={tmp_path / 'archive'}") == 0
    assert found[0].architecture == network.architecture
    assert found[0].model.get_layer("stem/batch_normalization").epsilon == 0.01
    for ours, theirs in zip(model.weights, found[0].model.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_another_architecture_for_a_keras_file_is_refused(trained, tmp_path):
    model, _ = trained
    model.save(str(tmp_path / "m.keras"))
    with pytest.raises(ValueError, match="does not fit the model 'mnasnet-small'"):
        load_checkpoint(build_model(ARCHITECTURES["mnasnet-small"]), str(tmp_path / "m.keras"))
