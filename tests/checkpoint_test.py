"""Checkpoints in, by the golden rule of their weights; logits against the official code's."""

import logging
import pathlib
import shutil

import numpy as np
import official_checkpoints
import pytest
import tensorflow as tf
import tf_keras
from official_golden import Golden

from mnasnet.architectures import ARCHITECTURES
from mnasnet.checkpoint import (
    init_from_checkpoint,
    load_checkpoint,
    load_tf1_checkpoint,
    variable_places,
)
from mnasnet.model import build_model

pytestmark = pytest.mark.tensorflow

_EMA = official_checkpoints.EMA
_SE_BIAS = "mnasnet-small/mnas_net_model/mnas_blocks_4/se/conv2d_9/bias"
_BETA = "mnasnet-small/mnas_blocks_4/batch_normalization_1/beta"


@pytest.fixture(scope="module", params=["mnasnet-a1", "mnasnet-d1-320", "mnasnet-small-c10"])
def fixture(request, tmp_path_factory):
    golden = Golden(request.param)
    folder = tmp_path_factory.mktemp(request.param)
    official_checkpoints.write(folder, official_checkpoints.golden_variables(golden))
    architecture = ARCHITECTURES[golden.facts["model_name"]]
    return golden, folder, build_model(architecture, num_classes=golden.logits_raw.shape[1])


@pytest.fixture(scope="module")
def small():
    """(golden, its variables, a model) of mnasnet-small with 10 classes."""
    golden = Golden("mnasnet-small-c10")
    return golden, official_checkpoints.golden_variables(golden), _model()


def _model(num_classes=10, image_size=None):
    return build_model(
        ARCHITECTURES["mnasnet-small"], num_classes=num_classes, image_size=image_size
    )


def _error(model, golden, *, ema):
    """Largest difference of the logits from the official ones, over the largest logit."""
    expected = golden.logits_ema if ema else golden.logits_raw
    logits = model(golden.images(), training=False).numpy()
    return np.abs(logits - expected).max() / np.abs(expected).max()


@pytest.mark.parametrize("ema", [False, True])
def test_a_loaded_checkpoint_gives_the_official_logits(fixture, ema):
    golden, folder, model = fixture
    load_tf1_checkpoint(model, str(folder), use_ema=ema)
    assert _error(model, golden, ema=ema) < 1e-5


def test_weights_have_the_official_order(fixture):
    golden, _, model = fixture
    shapes = [weight.shape.as_list() for weight in model.weights]
    assert shapes == [shape for _, shape, _ in golden.facts["variables"]]
    trainable = [name for name, _, trainable in golden.facts["variables"] if trainable]
    assert len(model.trainable_weights) == len(trainable)
    assert len(set(variable_places(model))) == len(shapes)


def test_names_of_the_other_style_give_the_same(small, tmp_path):
    golden, variables, model = small
    renamed = official_checkpoints.without_keras_style(variables)
    assert "mnasnet-small/mnas_blocks_4/se/conv2d_1/bias" in renamed
    load_tf1_checkpoint(model, official_checkpoints.write(tmp_path, renamed))
    assert _error(model, golden, ema=True) < 1e-5


def test_numbers_may_begin_anywhere(small, tmp_path):
    golden, variables, model = small

    def shifted(name):
        head, found, tail = name.partition("/conv2d")
        number, _, leaf = tail.partition("/")
        return f"{head}/conv2d_{int(number.strip('_') or 0) + 95}/{leaf}" if found else name

    moved = {shifted(name): value for name, value in variables.items()}
    assert "mnasnet-small/mnas_net_model/mnas_blocks_0/conv2d_95/kernel" in moved
    load_tf1_checkpoint(model, official_checkpoints.write(tmp_path, moved))
    assert _error(model, golden, ema=True) < 1e-5


def test_slots_of_the_optimizer_are_left_aside(small, tmp_path):
    golden, variables, model = small
    slots = {f"{_BETA}/RMSProp": variables[_BETA], f"{_BETA}/RMSProp_1": variables[_BETA]}
    load_tf1_checkpoint(model, official_checkpoints.write(tmp_path, variables | slots))
    assert _error(model, golden, ema=True) < 1e-5


def test_without_averages_raw_weights_come_with_a_warning(small, tmp_path, caplog):
    golden, _, model = small
    raw = official_checkpoints.golden_variables(golden, ema=False)
    path = official_checkpoints.write(tmp_path, raw)
    with caplog.at_level(logging.WARNING, logger="absl"):
        load_tf1_checkpoint(model, path)
    assert f"checkpoint '{path}' has no moving averages: raw values instead" in caplog.messages
    assert _error(model, golden, ema=False) < 1e-5
    caplog.clear()
    load_tf1_checkpoint(model, path, use_ema=False)
    assert caplog.messages == []


def test_a_variable_without_average_is_named(small, tmp_path, caplog):
    _, variables, model = small
    some = {name: value for name, value in variables.items() if name != _BETA + _EMA}
    load_tf1_checkpoint(model, official_checkpoints.write(tmp_path, some))
    assert f"has no moving average of {_BETA}: raw values instead" in caplog.messages[0]
    layer = model.get_layer("block_4/depthwise/batch_normalization")
    np.testing.assert_array_equal(layer.beta, variables[_BETA])


def test_averages_alone_do_where_averages_are_asked_for(small, tmp_path):
    golden, variables, model = small
    only = {name: value for name, value in variables.items() if name.endswith(_EMA)}
    path = official_checkpoints.write(tmp_path, only)
    load_tf1_checkpoint(model, path)
    assert _error(model, golden, ema=True) < 1e-5
    with pytest.raises(ValueError, match=r"does not fit .* missing mnasnet-small/mnas_net_model"):
        load_tf1_checkpoint(model, path, use_ema=False)


@pytest.mark.parametrize("name", [_SE_BIAS, _BETA])
def test_a_missing_variable_is_named_and_nothing_is_loaded(small, tmp_path, name):
    _, variables, model = small
    before = model.get_weights()
    fewer = {key: value for key, value in variables.items() if key not in (name, name + _EMA)}
    with pytest.raises(ValueError, match=f"of 10 classes: missing {name}$"):
        load_tf1_checkpoint(model, official_checkpoints.write(tmp_path, fewer))
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize(
    "name",
    [
        "mnasnet-small/mnas_net_model/mnas_blocks_99/conv2d_77/kernel",
        "mnasnet-small/mnas_blocks_4/batch_normalization_3/beta",
        "mnasnet-small/mnas_net_model/mnas_blocks_4/conv2d_99/kernel",
        "something/else",
    ],
)
def test_a_surplus_variable_is_named(small, tmp_path, name):
    _, variables, model = small
    path = official_checkpoints.write(tmp_path, variables | {name: np.zeros(3, np.float32)})
    with pytest.raises(ValueError, match=f"of 10 classes: left over {name}$"):
        load_tf1_checkpoint(model, path)


def test_a_mis_shaped_variable_is_named_with_both_shapes(small, tmp_path):
    _, variables, model = small
    path = official_checkpoints.write(tmp_path, variables | {_BETA: np.zeros(3, np.float32)})
    with pytest.raises(ValueError, match=rf"mis-shaped {_BETA} \[3\] instead of \[96\]$"):
        load_tf1_checkpoint(model, path, use_ema=False)


def test_a_checkpoint_of_another_model_is_refused_in_one_line(small, tmp_path):
    _, _, model = small
    a1 = official_checkpoints.golden_variables(Golden("mnasnet-a1"), ema=False)
    with pytest.raises(ValueError, match="does not fit the model 'mnasnet-small'") as error:
        load_tf1_checkpoint(model, official_checkpoints.write(tmp_path, a1))
    assert "\n" not in str(error.value)
    assert "missing mnasnet-a1/mnas_net_model/mnas_blocks_6/se/conv2d_16/bias" in str(error.value)


def test_another_number_of_classes_is_refused_but_a_start_takes_a_new_head(small, tmp_path, caplog):
    _, variables, _ = small
    path = official_checkpoints.write(tmp_path, variables)
    model = _model(num_classes=7)
    with pytest.raises(ValueError, match=r"of 7 classes: mis-shaped .*dense/kernel \[1280, 10\]"):
        load_tf1_checkpoint(model, path)
    head = model.get_layer("head/logits").get_weights()
    loaded = init_from_checkpoint(model, path)
    assert loaded.new == tuple(
        f"mnasnet-small/mnas_net_model/mnas_head/dense/{leaf}" for leaf in ("kernel", "bias")
    )
    assert caplog.messages == [
        f"the classifier starts anew: checkpoint '{path}' has 10 classes, the model 7"
    ]
    np.testing.assert_array_equal(model.get_layer("head/logits").kernel, head[0])
    np.testing.assert_array_equal(
        model.get_layer("block_4/depthwise/batch_normalization").beta, variables[_BETA + _EMA]
    )
    assert init_from_checkpoint(_model(), path).new == ()


@pytest.mark.parametrize("part", ["index", "data-00000-of-00001"])
@pytest.mark.parametrize("kept", [0, 1000, 20000])
def test_a_truncated_checkpoint_is_refused_and_nothing_is_loaded(small, tmp_path, part, kept):
    _, variables, model = small
    before = model.get_weights()
    file = pathlib.Path(f"{official_checkpoints.write(tmp_path, variables)}.{part}")
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(ValueError, match=r"(cannot be read|is cut short or broken)") as error:
        load_tf1_checkpoint(model, str(tmp_path))
    assert "\n" not in str(error.value)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_what_is_missing_is_said(small, tmp_path):
    _, variables, model = small
    with pytest.raises(ValueError, match=r"'.*/nowhere' is not there"):
        load_tf1_checkpoint(model, str(tmp_path / "nowhere"))
    with pytest.raises(ValueError, match=r"has no checkpoint: neither a file 'checkpoint' nor"):
        load_tf1_checkpoint(model, str(tmp_path))
    (tmp_path / "note.txt").write_text("hello")
    with pytest.raises(ValueError, match=r"note.txt' is none: expected a prefix"):
        load_tf1_checkpoint(model, str(tmp_path / "note.txt"))
    prefix = pathlib.Path(official_checkpoints.write(tmp_path, variables))
    prefix.with_name("model.ckpt-1000.index").unlink()
    with pytest.raises(ValueError, match=r"names '.*model.ckpt-1000', whose file .index is miss"):
        load_tf1_checkpoint(model, str(tmp_path))


def test_a_folder_may_have_moved_since_its_file_checkpoint_was_written(small, tmp_path):
    golden, variables, model = small
    official_checkpoints.write(tmp_path / "old", variables)
    (tmp_path / "old" / "checkpoint").write_text('model_checkpoint_path: "/gone/model.ckpt-1000"')
    shutil.move(tmp_path / "old", tmp_path / "new" / "mnasnet-small")
    load_tf1_checkpoint(model, str(tmp_path / "new"))  # as an archive unpacked below it
    assert _error(model, golden, ema=True) < 1e-5


@pytest.mark.parametrize("name", ["model.keras", "model.weights.h5", "saved/weights"])
def test_keras_files_load_through_the_same_door(small, tmp_path, name):
    golden, _, model = small
    golden.assign_weights(model, ema=True)
    path = str(tmp_path / name)
    model.save(path) if name.endswith(".keras") else model.save_weights(path)
    fresh = _model()
    load_checkpoint(fresh, path)
    assert _error(fresh, golden, ema=True) < 1e-5
    with pytest.raises(ValueError, match="does not fit the model 'mnasnet-small'"):
        load_checkpoint(_model(num_classes=3), path)
    with pytest.raises(ValueError, match=r"TensorFlow 2, load_checkpoint|cannot be read"):
        load_tf1_checkpoint(fresh, path)


def test_a_part_of_a_keras_file_is_refused_and_nothing_is_loaded(small, tmp_path):
    _, _, model = small
    before = model.get_weights()
    for name in ("model.keras", "model.weights.h5"):
        path = tmp_path / name
        model.save(path) if name.endswith(".keras") else model.save_weights(path)
        path.write_bytes(path.read_bytes()[:50000])
        with pytest.raises(ValueError, match=f"^checkpoint '{path}' (cannot be read|does not fit)"):
            load_checkpoint(model, str(path))
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_training_checkpoints_load_their_averages_or_raw_weights(small, tmp_path, caplog):
    from official.modeling.optimization import ExponentialMovingAverage

    golden, _, model = small
    golden.assign_weights(model, ema=True)
    optimizer = ExponentialMovingAverage(
        tf_keras.optimizers.legacy.SGD(0.1), trainable_weights_only=False
    )
    optimizer.shadow_copy(model)
    for weight in model.weights:
        optimizer.get_slot(weight, "average").assign(weight)
    golden.assign_weights(model, ema=False)
    step = tf.Variable(7, dtype=tf.int64)
    training = tf.train.Checkpoint(model=model, optimizer=optimizer, global_step=step)
    training.save(str(tmp_path / "ckpt"))
    fresh = _model()
    loaded = load_checkpoint(fresh, str(tmp_path))
    assert (loaded.averages, loaded.step) == (272, 7)
    assert _error(fresh, golden, ema=True) < 1e-5
    load_checkpoint(fresh, str(tmp_path), use_ema=False)
    assert _error(fresh, golden, ema=False) < 1e-5
    assert caplog.messages == []
    tf.train.Checkpoint(model=model).save(str(tmp_path / "bare" / "ckpt"))
    load_checkpoint(fresh, str(tmp_path / "bare"))
    assert "has no moving averages: raw values instead" in caplog.messages[0]
