import numpy as np
import pytest
import tensorflow as tf

from mnasnet import losses
from mnasnet.architectures import from_blocks
from mnasnet.model import build_model

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def network():
    architecture = from_blocks(["r1_k3_s11_e1_i4_o4_se0.25"], stem_filters=4, head_filters=4)
    return build_model(architecture, num_classes=3, image_size=8)


def test_cross_entropy_of_even_logits_is_the_logarithm_of_the_number_of_classes():
    loss = losses.cross_entropy(tf.zeros([5, 7]), tf.range(5))
    assert float(loss) == pytest.approx(np.log(7))


def test_label_smoothing_takes_a_tenth_of_the_label_and_spreads_it_over_all_classes():
    # Softmax (3/4, 1/4); smoothed targets of label 0 are (0.95, 0.05), of label 1 (0.05, 0.95).
    logits = tf.math.log([[3.0, 1.0], [3.0, 1.0]])
    by_hand = [
        -0.95 * np.log(3 / 4) - 0.05 * np.log(1 / 4),
        -0.05 * np.log(3 / 4) - 0.95 * np.log(1 / 4),
    ]
    assert float(losses.cross_entropy(logits, tf.constant([0, 1]))) == pytest.approx(
        np.mean(by_hand)
    )


def test_weight_decay_leaves_out_batch_norms_and_takes_biases_in(network):
    decayed = [variable.name for variable in losses.decayed_variables(network)]
    assert decayed == [
        "stem/conv/kernel:0",
        "block_0/depthwise/conv/depthwise_kernel:0",
        "block_0/se/reduce_kernel:0",
        "block_0/se/reduce_bias:0",
        "block_0/se/expand_kernel:0",
        "block_0/se/expand_bias:0",
        "block_0/project/conv/kernel:0",
        "head/conv/kernel:0",
        "head/logits/kernel:0",
        "head/logits/bias:0",
    ]


def test_the_penalty_is_half_the_weighted_sum_of_squares(network):
    squares = sum(np.sum(v.numpy() ** 2) for v in losses.decayed_variables(network))
    assert float(losses.l2_penalty(network, 0.5)) == pytest.approx(0.25 * squares, rel=1e-5)


def test_the_weight_decay_added_to_gradients_is_the_gradient_of_the_penalty(network):
    variables = network.trainable_variables
    with tf.GradientTape() as tape:
        penalty = losses.l2_penalty(network, 0.5)
    derived = tape.gradient(penalty, variables, unconnected_gradients="zero")
    added = losses.add_weight_decay([tf.zeros_like(v) for v in variables], network, 0.5)
    for one, other in zip(derived, added, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


def test_no_weight_decay_leaves_gradients_as_they_are(network):
    gradients = [tf.ones_like(v) for v in network.trainable_variables]
    added = losses.add_weight_decay(gradients, network, 0.0)
    assert all(one is other for one, other in zip(gradients, added, strict=True))
