"""The benchmark measures what it says: equal work on both sides, figures in their rows."""

import numpy as np
import pytest

from benchmarks import candidate_cost, candidate_parts


def test_the_table_adds_up_the_way_to_the_first_step(capsys):
    first_step = {
        "ours": {"import": 3, "build": 1, "trace": 2, "build_again": 0.5, "trace_again": 1},
        "keras": {"import": 3, "build": 1, "trace": 5, "build_again": 1, "trace_again": 5},
    }
    conversion = {
        "ours": {"build": 1, "convert": 1.25, "measure": 0.5, "latency_ms": 4.0},
        "keras": {"build": 1, "convert": 12.5, "measure": 0.5, "latency_ms": 4.25},
    }
    candidate_cost.print_costs(first_step, conversion)
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "to the first step 3.00 6.00 0.50 at most 3.5" in lines
    assert "the same, second in a process 1.50 6.00 0.25 at most 3.5" in lines
    assert "conversion, 224 px 1.25 12.50 0.10 at most 1.5" in lines
    assert "Latency of the two files: 4.00 and 4.25 ms" in lines


@pytest.mark.tensorflow
def test_both_contenders_take_the_same_training_step():
    from benchmarks.plain_keras import plain_keras_model
    from mnasnet import losses
    from mnasnet.architectures import from_blocks
    from mnasnet.model import build_model

    architecture = from_blocks(["r1_k3_s22_e1_i32_o16_se0.25", "r1_k5_s22_e3_i16_o16"])
    model = build_model(architecture, num_classes=10, image_size=16, dropout_rate=0)
    plain = plain_keras_model(model)
    images, labels = candidate_parts._batch(8, 16)
    # Ours adds the weight decay to the gradients, so that the loss it returns is without.
    decay = float(losses.l2_penalty(plain))
    start = model.get_layer("head/logits").kernel.numpy()
    ours = candidate_parts._our_step(model, 8)(images, labels)
    keras = candidate_parts._keras_step(plain)(images, labels)
    assert float(ours) == pytest.approx(float(keras) - decay, rel=1e-5)
    # Both move each weight the same way, if not as far: Keras's mean squares start at zero.
    moves = [network.get_layer("head/logits").kernel.numpy() - start for network in (model, plain)]
    assert np.mean(np.sign(moves[0]) == np.sign(moves[1])) > 0.99
    assert 0 < np.max(np.abs(moves[0])) < np.max(np.abs(moves[1]))
