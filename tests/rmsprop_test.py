import numpy as np
import pytest
import tensorflow as tf

from mnasnet.training.rmsprop import RMSProp

pytestmark = pytest.mark.tensorflow


def test_two_steps_are_what_one_works_out_by_hand():
    variable = tf.Variable([1.0])
    optimizer = RMSProp([variable])
    optimizer.apply([tf.constant([2.0])], tf.constant(0.1))
    # mean square 0.9 * 1 + 0.1 * 2^2 = 1.3; momentum 0.1 * 2 / sqrt(1.3 + 0.001)
    momentum = 0.2 / np.sqrt(1.301)
    assert optimizer.mean_squares[0].numpy() == pytest.approx([1.3])
    assert variable.numpy() == pytest.approx([1 - momentum])
    optimizer.apply([tf.constant([-1.0])], tf.constant(0.2))
    # mean square 0.9 * 1.3 + 0.1 * 1 = 1.27; momentum 0.9 * before - 0.2 / sqrt(1.27 + 0.001)
    second = 0.9 * momentum - 0.2 / np.sqrt(1.271)
    assert optimizer.momenta[0].numpy() == pytest.approx([second])
    assert variable.numpy() == pytest.approx([1 - momentum - second])


def test_each_variable_has_slots_of_its_own():
    variables = [tf.Variable(tf.zeros([2, 3])), tf.Variable(5.0)]
    optimizer = RMSProp(variables)
    optimizer.apply([tf.ones([2, 3]), tf.constant(0.0)], tf.constant(1.0))
    assert variables[0].numpy() == pytest.approx(np.full([2, 3], -1 / np.sqrt(1.001)))
    assert variables[1].numpy() == 5.0
    assert optimizer.mean_squares[1].numpy() == pytest.approx(0.9)
