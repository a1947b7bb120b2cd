"""Counts from block arguments against the networks that Keras builds."""

import numpy as np
import pytest

from mnasnet.architectures import ARCHITECTURES, from_blocks
from mnasnet.stats import count
from search.search_space import get_space

pytestmark = pytest.mark.tensorflow


def assert_counts_are_those_of_the_model(architecture, **sizes):
    from mnasnet.model import build_model

    model, stats = build_model(architecture, **sizes), count(architecture, **sizes)
    weights = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    moving = sum(int(np.prod(weight.shape)) for weight in model.non_trainable_weights)
    assert (stats.params, stats.non_trainable_params) == (weights, moving)
    # Shapes are the layers' own, operation by operation.
    outputs = {layer.name: tuple(layer.output_shape[1:]) for layer in model.layers}
    for row in stats.layers:
        names = [f"{row.name}/conv", row.name, f"{row.name}/relu"]
        found = [outputs[name] for name in names if name in outputs]
        if row.op in ("conv", "depthwise"):
            assert found, row.name
            assert set(found) == {row.output_shape}, row.name


def test_counts_of_30_random_networks_of_the_space_equal_the_built_ones():
    space = get_space("mnasnet")
    for tokens in space.sample_uniform(np.random.default_rng(0), 30):
        architecture = from_blocks(space.decode(tokens))
        assert_counts_are_those_of_the_model(architecture, image_size=37, num_classes=7)


@pytest.mark.parametrize(
    ("name", "multiplier"),
    [("mnasnet-a1", 0.35), ("mnasnet-small", None), ("mnasnet-small", 0.5), ("mnasnet-d1", 1.4)],
)
def test_counts_of_published_networks_equal_the_built_ones(name, multiplier):
    assert_counts_are_those_of_the_model(
        ARCHITECTURES[name], image_size=65, depth_multiplier=multiplier
    )


def test_multiply_adds_are_half_the_operations_that_tensorflow_counts():
    import tensorflow as tf
    from tensorflow.python.framework import ops

    from mnasnet.model import build_model

    architecture = from_blocks(
        [
            "r1_k3_s22_e1_i32_o24_pool_conv",
            "r2_k5_s22_e1_i24_o32_se0.25_dconv",
            "r1_k3_s11_e6_i32_o20_pool",
        ]
    )
    model = build_model(architecture, image_size=33, num_classes=10)

    @tf.function
    def infer(images):
        return model(images, training=False)

    graph = infer.get_concrete_function(tf.TensorSpec((1, 33, 33, 3))).graph
    operations = {"Conv2D": 0, "DepthwiseConv2dNative": 0, "MatMul": 0}
    for op in graph.get_operations():
        # The normalisation of images is a convolution too; the official figures leave it out.
        if op.type in operations and "/normalize/" not in op.name:
            operations[op.type] += ops.get_stats_for_node_def(graph, op.node_def, "flops").value

    stats = count(architecture, image_size=33, num_classes=10)
    for op_type, names in (
        ("Conv2D", ("conv", "se")),
        ("DepthwiseConv2dNative", ("depthwise",)),
        ("MatMul", ("dense",)),
    ):
        counted = sum(row.multiply_adds for row in stats.layers if row.op in names)
        assert operations[op_type] == 2 * counted > 0
