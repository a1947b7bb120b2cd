"""Learning rate, slots and moving averages, against the official code and by hand."""

import json
import os
import pathlib

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from mnasnet import recipe
from mnasnet.training.optimizer import MovingAverages, OfficialSchedule, make_optimizer

pytestmark = pytest.mark.tensorflow

_SHARED = pathlib.Path(os.environ.get("MNASNET_SHARED", "../shared"))


def _model() -> tf_keras.Model:
    layer = tf_keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")
    norm = tf_keras.layers.BatchNormalization()
    return tf_keras.Sequential([tf_keras.Input((1,)), layer, norm])


def test_the_schedule_is_the_official_one_at_every_batch_size():
    path = _SHARED / "fixtures" / "official" / "learning_rate.json"
    if not path.is_file():
        pytest.skip(f"{path} is missing, set MNASNET_SHARED")
    for config in json.loads(path.read_text())["configs"]:
        schedule = OfficialSchedule(
            batch_size=config["train_batch_size"],
            num_train_images=config["num_train_images"],
            base=config["base_learning_rate"],
        )
        rates = schedule(tf.constant(config["steps"], tf.int64)).numpy()
        # Staircase edges move by a step with the rounding of a division.
        phase = np.array(config["steps"]) / config["decay_steps"] % 1
        off_edges = np.minimum(phase, 1 - phase) * config["decay_steps"] > 1.5
        assert off_edges.sum() > 5
        assert rates[off_edges] == pytest.approx(np.array(config["lr"])[off_edges], rel=1e-6)


def test_the_schedule_is_that_of_the_recipe():
    schedule = OfficialSchedule(batch_size=64, num_train_images=2000, decay_epochs=3.0)
    for step in (0, 1, 155, 156, 157, 1000, 1874):
        expected = recipe.learning_rate(
            step, batch_size=64, num_train_images=2000, decay_epochs=3.0
        )
        assert float(schedule(step)) == pytest.approx(expected, rel=1e-6)


def test_mean_squares_start_at_one_and_epsilon_stands_inside_the_root():
    variable = tf.Variable([2.0])
    optimizer = make_optimizer(0.1, moving_average_decay=0)
    optimizer.apply_gradients([(tf.constant([3.0]), variable)])
    # ms = 0.9 * 1 + 0.1 * 9 = 1.8; step = 0.1 * 3 / sqrt(1.8 + 0.001).
    assert variable.numpy() == pytest.approx([2 - 0.3 / np.sqrt(1.801)])


def test_averages_start_at_the_weights_and_follow_with_two_elevenths_of_decay_left():
    model = _model()
    optimizer = make_optimizer(0.1)
    optimizer.shadow_copy(model)
    kernel, moving_mean = model.weights[0], model.weights[3]
    assert optimizer.get_slot(kernel, "average").numpy() == kernel.numpy()
    moving_mean.assign([5.0])
    optimizer.apply_gradients(
        [(tf.zeros_like(variable), variable) for variable in model.trainable_variables]
    )
    # Decay after step 1 is (1 + 1) / (10 + 1); the average of 0 moves towards 5.
    average = optimizer.get_slot(moving_mean, "average")
    assert average.numpy() == pytest.approx([5 * 9 / 11])


def test_weights_survive_two_swaps_to_the_bit():
    model = _model()
    optimizer = make_optimizer(0.1)
    optimizer.shadow_copy(model)
    for weight in model.weights:
        weight.assign(weight + 1e-7 * np.pi)
    before = [weight.numpy() for weight in model.weights]
    optimizer.swap_weights()
    assert model.weights[0].numpy() == 1.0
    optimizer.swap_weights()
    for weight, value in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), value)


def test_no_averages_where_their_decay_is_zero():
    assert not isinstance(make_optimizer(0.1, moving_average_decay=0), MovingAverages)
