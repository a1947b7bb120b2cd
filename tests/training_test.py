"""Trainings from beginning to end: killed, gone on with, followed, refused."""

import os
import pathlib
import shutil

import numpy as np
import pytest
import tensorflow as tf

from mnasnet.checkpoint import load_checkpoint
from mnasnet.training.checkpoints import pass_over_broken
from mnasnet.training.config import TrainingConfig
from mnasnet.training.engine import TrainingDiverged
from mnasnet.training.folder import settings_of
from mnasnet.training.run import Training, rounding
from mnasnet.training.trained_network import load_network

pytestmark = pytest.mark.tensorflow

_SETTINGS = {
    "blocks": ("r1_k3_s22_e1_i8_o8_noskip", "r1_k3_s22_e2_i8_o16"),
    "stem_filters": 8,
    "head_filters": 32,
    "image_size": 16,
    "dataset": "digits",
    "train_batch_size": 32,
    "eval_batch_size": 100,
    "base_learning_rate": 0.064,
    "train_steps": 300,
    "steps_per_eval": 150,
    "iterations_per_loop": 100,
    "log_step_count_steps": 50,
}


def _config(**changes) -> TrainingConfig:
    return TrainingConfig(**_SETTINGS | changes)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """(folder, outcome) of 300 steps on the digits, in two goes."""
    folder = str(tmp_path_factory.mktemp("trained"))
    first = Training(_config(train_steps=150), folder, "train").run()
    assert (first.step, first.metrics) == (150, {})
    return folder, Training(_config(), folder).run()


def test_a_training_goes_on_to_its_last_step_and_learns(trained):
    folder, outcome = trained
    assert outcome.step == 300
    assert outcome.metrics["top_1_accuracy"] > 0.5
    assert tf.train.latest_checkpoint(folder).endswith("ckpt-300")


def test_what_a_training_prints_has_no_number_as_programs_write_it(tmp_path, capfd):
    Training(_config(train_steps=4, log_step_count_steps=2), str(tmp_path)).run()
    reports = [line for line in capfd.readouterr().out.splitlines() if " | loss " in line]
    assert [line.split(" | ")[:2] for line in reports] == [
        ["train", "step         2"], ["train", "step         4"], [" eval", "step         4"],
    ]  # fmt: skip
    assert not any("np." in line or "{" in line for line in reports)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"iterations_per_loop": 128, "log_step_count_steps": 64}, None),
        # ceil(1,251 / 64) = 20 loops
        (
            {"iterations_per_loop": 1251, "log_step_count_steps": 64},
            "iterations_per_loop 1,251 is rounded up to a checkpoint every 1,280 steps: a multiple "
            "of log_step_count_steps 64",
        ),
        (
            {"iterations_per_loop": 10, "log_step_count_steps": 64},
            "iterations_per_loop 10 is rounded up to a checkpoint every 128 steps: at least 100 "
            "and a multiple of log_step_count_steps 64",
        ),
        (
            {"iterations_per_loop": 10, "log_step_count_steps": 50},
            "iterations_per_loop 10 is rounded up to a checkpoint every 100 steps: at least 100",
        ),
        (
            {"iterations_per_loop": 60, "strategy": "tpu"},
            "iterations_per_loop 60 is rounded up to a checkpoint every 120 steps: at least 100 "
            "and a multiple of iterations_per_loop 60",
        ),
        ({"iterations_per_loop": 1251, "log_step_count_steps": 4000}, None),  # of 1,000 steps
    ],
)
def test_a_number_of_steps_between_checkpoints_that_is_rounded_is_told(changes, line):
    train_steps = 1000 if changes.get("log_step_count_steps") == 4000 else 10_000
    assert rounding(_config(**changes), train_steps) == line


def test_the_best_checkpoint_is_kept_with_its_metrics(trained):
    folder, outcome = trained
    best = tf.train.latest_checkpoint(os.path.join(folder, "archive"))
    info = pathlib.Path(folder, "archive", "info.json").read_text()
    assert best.endswith("best_ckpt-300")
    assert f'"top_1_accuracy": {outcome.metrics["top_1_accuracy"]}' in info
    assert load_network(os.path.join(folder, "archive")) == load_network(folder)


def test_a_training_that_is_done_is_evaluated_all_the_same(trained):
    folder, outcome = trained
    again = Training(_config(), folder).run()
    assert again.step == 300
    for name in ("top_1_accuracy", "top_5_accuracy", "loss"):
        assert again.metrics[name] == pytest.approx(outcome.metrics[name], rel=1e-6)


def test_averages_are_where_exports_look_for_them_in_the_archive_too(trained):
    folder, _ = trained
    values = {}
    for place in (folder, os.path.join(folder, "archive")):
        model = load_network(folder).build()
        loaded = load_checkpoint(model, place, use_ema=True)
        assert loaded.averages == len(model.weights)
        values[place] = model.get_weights()
    for last, archived in zip(*values.values(), strict=True):
        np.testing.assert_array_equal(last, archived)


def test_eval_reads_the_last_checkpoint_and_ends_with_it(trained):
    folder, outcome = trained
    followed = Training(_config(), folder, "eval").run()
    assert followed.step == 300
    for name in ("top_1_accuracy", "top_5_accuracy", "loss"):
        assert followed.metrics[name] == pytest.approx(outcome.metrics[name], rel=1e-6)


def test_eval_takes_settings_that_change_nothing_of_what_is_trained(trained):
    folder, _ = trained
    changes = {"eval_batch_size": 50, "num_eval_images": 100, "seed": 0}
    config = settings_of(folder, changes)
    assert (config.eval_batch_size, config.num_eval_images) == (50, 100)
    assert config.blocks == _SETTINGS["blocks"]
    with pytest.raises(ValueError, match=r"holds a training with weight_decay 1e-05, not 0\.1"):
        settings_of(folder, {"weight_decay": 0.1})


def test_summaries_say_how_fast_and_how_far(trained):
    folder, _ = trained
    tags = set()
    for path in pathlib.Path(folder).glob("*/events.*"):
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            tags |= {(path.parent.name, value.tag) for value in event.summary.value}
    assert tags >= {
        ("train", "training_loss"), ("train", "learning_rate"), ("train", "images_per_second"),
        ("train", "current_epoch"), ("eval", "top_1_accuracy"), ("eval", "loss"),
    }  # fmt: skip


def test_a_checkpoint_cut_short_is_passed_over_and_left_as_it_is(trained, tmp_path):
    folder = tmp_path / "cut"
    shutil.copytree(trained[0], folder)
    data = folder / "ckpt-300.data-00000-of-00001"
    cut = data.read_bytes()[:1000]
    data.write_bytes(cut)
    before = sorted(path.name for path in folder.iterdir())
    assert pass_over_broken(str(folder)) == 250
    assert tf.train.latest_checkpoint(folder).endswith("ckpt-250")
    assert data.read_bytes() == cut
    assert sorted(path.name for path in folder.iterdir()) == before


def test_what_a_kill_left_of_a_checkpoint_is_removed_at_the_next_start(trained, tmp_path):
    folder = tmp_path / "killed"
    shutil.copytree(trained[0], folder)
    names = {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
    for left in ("ckpt-350_temp", "archive/best_ckpt-350_temp"):
        (folder / left).mkdir()
        (folder / left / "part-00000-of-00001.data-00000-of-00001.tempstate12").write_bytes(b"x")
    Training(_config(), str(folder))
    assert not list(folder.rglob("*temp*"))
    assert names <= {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("mode", "removed", "stays"),
    [
        ("train", "ckpt-350_temp", "archive/best_ckpt-350_temp"),
        ("eval", "archive/best_ckpt-350_temp", "ckpt-350_temp"),
    ],
)
def test_what_a_process_beside_this_one_is_writing_stays(mode, removed, stays, tmp_path):
    for being_written in (removed, stays):
        (tmp_path / being_written).mkdir(parents=True)
    Training(_config(), str(tmp_path), mode)
    assert not (tmp_path / removed).exists()
    assert (tmp_path / stays).exists()


def test_a_checkpoint_without_an_index_does_not_count(trained, tmp_path):
    folder = tmp_path / "killed"
    shutil.copytree(trained[0], folder)
    (folder / "ckpt-300.index").unlink()
    assert pass_over_broken(str(folder)) == 250


def test_bfloat16_trains_with_float32_weights(tmp_path):
    training = Training(_config(precision="bfloat16", train_steps=3), str(tmp_path), "train")
    assert training.run().step == 3
    model = training._runner.trainer.model
    assert model.get_layer("head/conv").compute_dtype == "bfloat16"
    assert {weight.dtype for weight in model.weights} == {tf.float32}


def test_a_loss_that_is_no_number_ends_the_training_before_it_is_saved(tmp_path):
    training = Training(_config(base_learning_rate=1e30, warmup_epochs=0.0), str(tmp_path))
    with pytest.raises(TrainingDiverged, match="the loss up to step 50 is"):
        training.run()
    assert tf.train.latest_checkpoint(tmp_path) is None


def test_a_folder_of_another_training_is_refused_untouched(trained):
    folder, _ = trained
    before = pathlib.Path(folder, "params.yaml").read_bytes()
    with pytest.raises(ValueError, match=r"holds a training with stem_filters 8, not 16"):
        Training(_config(stem_filters=16), folder)
    assert pathlib.Path(folder, "params.yaml").read_bytes() == before


def test_fine_tuning_starts_from_the_averages_of_a_checkpoint_with_a_new_classifier(
    trained, tmp_path
):
    folder, _ = trained
    config = _config(init_checkpoint=folder, num_classes=12, train_steps=1, warmup_epochs=1.0)
    training = Training(config, str(tmp_path), "train")
    averaged = load_network(folder).build()
    load_checkpoint(averaged, folder, use_ema=True)
    model = training._runner.trainer.model
    for layer in ("stem/conv", "block_1/expand/conv", "head/batch_normalization"):
        for weight, expected in zip(
            model.get_layer(layer).weights, averaged.get_layer(layer).weights, strict=True
        ):
            np.testing.assert_array_equal(weight.numpy(), expected.numpy())
            # Moving averages start where the weights do.
            average = training._runner.trainer.optimizer.get_slot(weight, "average")
            np.testing.assert_array_equal(average.numpy(), expected.numpy())
    assert model.output_shape == (None, 12)
    assert training.run().step == 1


def test_a_checkpoint_of_another_network_can_be_put_right_in_the_same_folder(trained, tmp_path):
    with pytest.raises(ValueError, match="does not fit the model"):
        Training(_config(init_checkpoint=trained[0], head_filters=40), str(tmp_path))
    Training(_config(train_steps=1), str(tmp_path), "train").run()


def test_a_folder_in_use_is_refused(tmp_path):
    first = Training(_config(train_steps=1), str(tmp_path))
    with pytest.raises(ValueError, match="is in use by another training"):
        Training(_config(train_steps=1), str(tmp_path))
    first.run()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"strategy": "mirrored"}, "needs a GPU, TensorFlow sees none"),
        ({"strategy": "tpu"}, "strategy 'tpu' needs tpu"),
        ({"strategy": "multi_worker_mirrored"}, "needs worker_hosts and task_index"),
        ({"dataset": "imagenet"}, "data set 'imagenet' needs data_dir"),
        ({"dataset": "imagenet", "data_dir": "nowhere"}, "data_dir 'nowhere' is no folder"),
        ({"dataset": "cifar1000"}, "unknown data set 'cifar1000'"),
        ({"model_name": "mnasnet-a1"}, "one of model_name and blocks must name the network"),
        ({"num_classes": 3}, "num_classes is 3, data set 'digits' has 10"),
        ({"eval_batch_size": 1000, "eval_drop_remainder": True}, "must be at most the 359"),
    ],
)
def test_what_cannot_be_trained_is_said_in_one_line(changes, message, tmp_path):
    with pytest.raises(ValueError) as error:
        Training(_config(**changes), str(tmp_path / "new"))
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "new").exists()


def test_tfrecords_without_labels_are_refused_by_file_name(tmp_path):
    jpeg = tf.io.encode_jpeg(tf.zeros([8, 8, 3], tf.uint8)).numpy()
    feature = {"image/encoded": tf.train.Feature(bytes_list=tf.train.BytesList(value=[jpeg]))}
    record = tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()
    for split in ("train", "validation"):
        with tf.io.TFRecordWriter(str(tmp_path / f"{split}-00000-of-00001")) as writer:
            writer.write(record)
    with pytest.raises(ValueError, match="train-00000-of-00001: a record has no image/class/label"):
        Training(_config(dataset="imagenet", data_dir=str(tmp_path)), str(tmp_path / "m"))
