"""Lines of a training's log."""

import numpy as np
import orbit
import pytest
import tensorflow as tf

from mnasnet.training.reports import Controller, evaluated_line, trained_line

pytestmark = pytest.mark.tensorflow


def test_a_report_is_one_line_of_plain_numbers_one_below_the_other():
    first = {"training_loss": np.float32(6.834166), "learning_rate": np.float32(4.464286e-05)}
    later = {**first, "images_per_second": 3642.8982509811767, "current_epoch": 0.11126564}
    assert trained_line(64, {**first, "current_epoch": 0.05}) == (
        "train | step        64 | loss   6.8342 | learning rate 4.464e-05 |         - images/s | "
        "epoch    0.05"
    )
    assert trained_line(437_898, later) == (
        "train | step   437,898 | loss   6.8342 | learning rate 4.464e-05 |   3,642.9 images/s | "
        "epoch    0.11"
    )


def test_a_report_of_an_evaluation_has_its_accuracies():
    output = {
        "best_top_1_accuracy": np.float32(0.10584958), "loss": np.float32(2.3544729),
        "steps_per_second": 4.699364696200642, "top_1_accuracy": np.float32(0.09),
        "top_5_accuracy": np.float32(0.48189417),
    }  # fmt: skip
    assert evaluated_line(128, output) == (
        " eval | step       128 | loss   2.3545 | top-1 0.0900 | top-5 0.4819 | best top-1 0.1058 |"
        "   4.7 steps/s"
    )


class _WithSummaries(orbit.AbstractTrainer):
    """Asks for a summary inside training, as a task may."""

    def __init__(self, step):
        self._step = step

    def train(self, num_steps):
        self._step.assign_add(tf.cast(num_steps, tf.int64))
        wrote = tf.summary.scalar("inside", 1.0, step=self._step)
        return {"training_loss": tf.constant(1.0), "wrote": tf.cast(wrote, tf.float32)}


@pytest.mark.parametrize(("interval", "wrote"), [(None, 0.0), (2, 1.0)])
def test_a_summary_inside_training_is_written_by_the_host_with_an_interval(
    interval, wrote, tmp_path
):
    step = tf.Variable(0, dtype=tf.int64)
    outputs = []
    controller = Controller(
        trainer=_WithSummaries(step), global_step=step, steps_per_loop=2,
        summary_interval=interval, train_actions=[outputs.append],
    )  # fmt: skip
    with tf.summary.create_file_writer(str(tmp_path)).as_default():
        controller.train(steps=2)
    assert [float(output["wrote"]) for output in outputs] == [wrote]
