"""Networks against the official code's golden outputs, published counts, and numbers by hand."""

import collections
import hashlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from official_golden import Golden

from benchmarks.plain_keras import plain_keras_model
from mnasnet.architectures import ARCHITECTURES, from_blocks
from mnasnet.model import build_model, endpoints

pytestmark = pytest.mark.tensorflow

# One of everything that a block can be.
_MIXED_BLOCKS = (
    "r1_k3_s11_e1_i32_o16_noskip",
    "r2_k3_s22_e1_i16_o16_se0.25_conv",
    "r2_k5_s11_e1_i16_o24_se0.25_pool_dconv",
    "r2_k5_s22_e3_i24_o32_se0.25_pool",
    "r1_k7_s11_e6_i32_o24_pool",
)


def _mixed_model(**arguments):
    return build_model(from_blocks(_MIXED_BLOCKS), num_classes=5, image_size=24, **arguments)


def _count(weights):
    return sum(int(np.prod(weight.shape)) for weight in weights)


def _images(count, size):
    return np.random.default_rng(0).uniform(0, 255, (count, size, size, 3)).astype(np.float32)


@pytest.fixture(scope="module", params=["mnasnet-a1", "mnasnet-d1-320", "mnasnet-small-c10"])
def golden_model(request):
    golden = Golden(request.param)
    architecture = ARCHITECTURES[golden.facts["model_name"]]
    model = build_model(architecture, num_classes=golden.logits_raw.shape[1])
    return golden, model


@pytest.mark.parametrize("ema", [False, True])
def test_logits_are_the_official_ones(golden_model, ema):
    golden, model = golden_model
    golden.assign_weights(model, ema=ema)
    expected = golden.logits_ema if ema else golden.logits_raw
    logits = model(golden.images(), training=False)
    assert np.max(np.abs(logits - expected)) < 1e-5 * np.max(np.abs(expected))


def test_endpoints_have_the_official_names_shapes_and_values(golden_model):
    golden, model = golden_model
    golden.assign_weights(model, ema=True)
    values = tf_keras.Model(model.inputs, endpoints(model))(golden.images(), training=False)
    shapes = {name: shape for name, shape, _ in golden.facts["endpoints"]}
    assert {name: value.shape.as_list() for name, value in values.items()} == shapes
    assert list(endpoints(model)) == list(shapes)
    for name, expected in golden.facts["endpoint_stats_ema"].items():
        value = values[name].numpy()
        found = {"mean": np.mean(value), "std": np.std(value), "absmax": np.max(np.abs(value))}
        for statistic, number in found.items():
            tolerance = 1e-5 * expected["absmax"]
            assert number == pytest.approx(expected[statistic], abs=tolerance), (name, statistic)


@pytest.mark.parametrize(
    ("name", "depth_multiplier", "trainable", "non_trainable"),
    [
        # Measured on the official graphs.
        ("mnasnet-a1", None, 3887038, 33488),
        ("mnasnet-a1", 0.35, 1747018, 14016),
        ("mnasnet-a1", 0.5, 2082006, 18400),
        ("mnasnet-a1", 0.75, 2912278, 26832),
        ("mnasnet-a1", 1.4, 6105992, 46016),
        ("mnasnet-b1", None, 4383312, 37920),
        ("mnasnet-small", None, 2030264, 16928),
        ("mnasnet-d1", None, 3638404, 48024),
        ("mnasnet-d1-320", None, 6932240, 82192),
    ],
)
def test_parameter_counts_are_the_official_ones(name, depth_multiplier, trainable, non_trainable):
    model = build_model(ARCHITECTURES[name], depth_multiplier=depth_multiplier)
    counts = (_count(model.trainable_weights), _count(model.non_trainable_weights))
    assert counts == (trainable, non_trainable)


def test_sizes_and_dropout_default_to_those_of_the_architecture():
    architecture = from_blocks(_MIXED_BLOCKS, dropout_rate=0.3, image_size=40)
    model = build_model(architecture)
    assert model.input_shape == (None, 40, 40, 3)
    assert model.output_shape == (None, 1000)
    assert model.get_layer("head/dropout").rate == 0.3


def test_a_dropout_rate_of_zero_overrides_that_of_the_architecture():
    model = _mixed_model(dropout_rate=0)
    assert "head/dropout" not in [layer.name for layer in model.layers]
    for layer in model.layers:
        if isinstance(layer, tf_keras.layers.BatchNormalization):
            layer.trainable = False  # runs by its moving statistics, as in inference
    images = _images(2, 24)
    np.testing.assert_allclose(
        model(images, training=True), model(images, training=False), rtol=1e-4, atol=1e-5
    )


def test_batch_norms_forget_and_divide_as_the_official_ones():
    norms = [
        layer
        for layer in _mixed_model().layers
        if isinstance(layer, tf_keras.layers.BatchNormalization)
    ]
    assert {(layer.momentum, layer.epsilon) for layer in norms} == {(0.99, 1e-3)}


def test_the_head_is_not_scaled_but_the_stem_is():
    model = build_model(ARCHITECTURES["mnasnet-a1"], depth_multiplier=0.35)
    assert model.get_layer("head/conv").kernel.shape == (1, 1, 112, 1280)
    assert model.get_layer("stem/conv").kernel.shape == (3, 3, 3, 16)


def test_the_first_block_of_small_has_no_residual():
    names = [layer.name for layer in build_model(ARCHITECTURES["mnasnet-small"]).layers]
    assert "block_0/add" not in names
    # Blocks 1, 2, 4 and 11 have a stride, block 14 changes the filters.
    assert [name for name in names if name.endswith("/add")] == [
        f"block_{index}/add" for index in (3, 5, 6, 7, 8, 9, 10, 12, 13)
    ]


@pytest.mark.parametrize(
    ("argument", "value", "allowed"),
    [
        ("num_classes", 0, "a whole number >= 1"),
        ("num_classes", 2.5, "a whole number >= 1"),
        ("image_size", 0, "a whole number >= 1"),
        ("image_size", -224, "a whole number >= 1"),
        ("dropout_rate", 1, "at least 0 and under 1"),
        ("dropout_rate", -0.1, "at least 0 and under 1"),
        ("dropout_rate", float("nan"), "at least 0 and under 1"),
        ("depth_multiplier", 0, "a number over 0"),
        ("depth_multiplier", -0.5, "a number over 0"),
    ],
)
def test_impossible_arguments_are_refused_with_their_value(argument, value, allowed):
    with pytest.raises(ValueError, match=f"{argument} is {value}, must be {allowed}"):
        build_model(ARCHITECTURES["mnasnet-a1"], **{argument: value})


def _one_block(block, *, kernels, size=2):
    """A block alone behind a stem of one filter: map [size, size] -> [size', size', filters].

    Every kernel of a role is filled with one number; batch norms pass values on unchanged.
    """
    model = build_model(from_blocks([block], stem_filters=1), num_classes=1, image_size=2 * size)
    for layer in model.layers:
        if isinstance(layer, tf_keras.layers.BatchNormalization):
            layer.moving_variance.assign(np.full(layer.moving_variance.shape, 1 - 1e-3))
        role = layer.name.removeprefix("block_0/")
        if role in kernels:
            layer.set_weights([np.full(layer.weights[0].shape, kernels[role])])
    stem = model.get_layer("stem/relu").output
    block_model = tf_keras.Model(stem, endpoints(model)["block_0"])
    return lambda values: block_model(np.reshape(values, (1, size, size, 1)))[0].numpy()


def _assert_map(outputs, expected):
    np.testing.assert_allclose(outputs[:, :, 0], expected, rtol=1e-5, atol=1e-5)


def test_a_conv_block_is_a_convolution_whose_relu_comes_before_the_residual_sum():
    values = [1, 2, 3, 4]  # a kernel of ones meets all four from each of the four positions: 10
    block = _one_block("r1_k3_s11_e1_i1_o1_conv", kernels={"conv/conv": 1.0})
    _assert_map(block(values), [[11, 12], [13, 14]])
    block = _one_block("r1_k3_s11_e1_i1_o1_conv", kernels={"conv/conv": -1.0})
    _assert_map(block(values), [[1, 2], [3, 4]])  # -10 is clipped; the skip passes
    block = _one_block("r1_k3_s11_e1_i1_o1_noskip_conv", kernels={"conv/conv": 1.0})
    _assert_map(block(values), [[10, 10], [10, 10]])


def test_a_dconv_block_has_a_relu_inside_and_none_behind():
    values = [1, 2, 3, 4]
    kernels = {"depthwise/conv": 1.0, "project/conv": -1.0}
    block = _one_block("r1_k3_s11_e1_i1_o1_dconv", kernels=kernels)
    _assert_map(block(values), [[-9, -8], [-7, -6]])  # -1 * ReLU(10) + x
    kernels = {"depthwise/conv": -1.0, "project/conv": -1.0}
    block = _one_block("r1_k3_s11_e1_i1_o1_dconv", kernels=kernels)
    _assert_map(block(values), [[1, 2], [3, 4]])  # -1 * ReLU(-10) + x


def test_a_bottleneck_expands_and_projects_linearly():
    kernels = {"expand/conv": 2.0, "depthwise/conv": 1.0, "project/conv": -0.5}
    block = _one_block("r1_k3_s11_e3_i1_o1", kernels=kernels)
    # Three channels of 2x, summed over the window to 20 each: -0.5 * 3 * 20 = -30, and x.
    _assert_map(block([1, 2, 3, 4]), [[-29, -28], [-27, -26]])


def test_a_pooling_skip_adds_the_average_and_leaves_new_channels_alone():
    block = _one_block("r1_k3_s11_e1_i1_o2_pool_conv", kernels={"conv/conv": 1.0})
    outputs = block([1, 2, 3, 4])  # convolution 10, average 2.5
    _assert_map(outputs, [[12.5, 12.5], [12.5, 12.5]])
    np.testing.assert_allclose(outputs[:, :, 1], [[10, 10], [10, 10]], rtol=1e-5)


def test_a_pooling_skip_strides_with_its_layer():
    block = _one_block("r1_k3_s22_e1_i1_o1_pool_conv", kernels={"conv/conv": 0.0}, size=4)
    # 3x3 averages at every other position, over what is there (see layers_test).
    _assert_map(block(range(16)), [[5.0, 6.5], [11.0, 12.5]])


@pytest.mark.parametrize(
    ("block", "before", "after"),
    [
        ("r1_k3_s11_e1_i32_o32_se0.25_conv", "conv/relu", "add"),
        ("r1_k3_s11_e1_i32_o32_se0.25_dconv", "depthwise/relu", "project/conv"),
        ("r1_k3_s11_e6_i32_o32_se0.25", "depthwise/relu", "project/conv"),
    ],
)
def test_squeeze_and_excitation_follows_the_spatial_convolution(block, before, after):
    names = [layer.name for layer in build_model(from_blocks([block]), image_size=8).layers]
    position = names.index("block_0/se")
    assert names[position - 1] == f"block_0/{before}"
    assert names[position + 1] == f"block_0/{after}"


def _digest(model):
    return hashlib.sha256(b"".join(weight.tobytes() for weight in model.get_weights())).hexdigest()


def test_a_seed_gives_the_same_bits_in_any_process():
    _mixed_model()  # whatever was built before makes no difference
    tf_keras.utils.set_random_seed(7)
    here = _digest(_mixed_model())
    program = (
        "import tf_keras, model_test\n"
        "tf_keras.utils.set_random_seed(7)\n"
        "print(model_test._digest(model_test._mixed_model()))"
    )
    finished = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:] = {sys.path}\n{program}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert finished.stdout.split() == [here]
    tf_keras.utils.set_random_seed(8)
    assert _digest(_mixed_model()) != here


def test_a_model_comes_back_from_a_keras_file(tmp_path):
    model = _mixed_model()
    path = tmp_path / "network.keras"
    model.save(path)
    loaded = tf_keras.models.load_model(path)
    images = _images(2, 24)
    np.testing.assert_array_equal(loaded(images), model(images))
    assert list(endpoints(loaded)) == list(endpoints(model))


@pytest.mark.parametrize(
    ("name", "model_name"),
    [("mnasnet-a1", "mnasnet-a1"), ("trial 12/é", "trial_12__"), ("_mine", "network_mine")],
)
def test_names_of_any_letters_make_networks_that_run_in_graphs(name, model_name):
    architecture = from_blocks(["r1_k3_s22_e1_i32_o8"], name=name)
    model = build_model(architecture, num_classes=2, image_size=8)
    assert model.name == model_name
    assert tf.function(model)(_images(1, 8)).shape == (1, 2)


def test_endpoints_of_a_foreign_model_are_refused():
    inputs = tf_keras.Input((4, 4, 3))
    foreign = tf_keras.Model(inputs, tf_keras.layers.ReLU()(inputs), name="foreign")
    with pytest.raises(ValueError, match="'foreign' has no blocks, must be one that build_model"):
        endpoints(foreign)


def _tflite_operators(model):
    from ai_edge_litert.interpreter import Interpreter

    signature = tf.TensorSpec((1, *model.input_shape[1:]), tf.float32)
    function = tf.function(lambda images: model(images, training=False))
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [function.get_concrete_function(signature)]
    )
    interpreter = Interpreter(model_content=converter.convert())
    return collections.Counter(operator["op_name"] for operator in interpreter._get_ops_details())


@pytest.mark.filterwarnings("ignore")
def test_a1_converts_to_the_operators_of_plain_layers():
    assert _tflite_operators(build_model(ARCHITECTURES["mnasnet-a1"])) == {
        "CONV_2D": 49 + 1,  # the normalisation is one more
        "DEPTHWISE_CONV_2D": 16,
        "ADD": 9,
        "MEAN": 9,
        "LOGISTIC": 8,
        "MUL": 8,
        "FULLY_CONNECTED": 1,
    }


def test_training_has_the_gradients_of_plain_keras_layers():
    tf_keras.utils.set_random_seed(0)
    # 32 px, so that every map size from 16 to 1 is met.
    model = build_model(ARCHITECTURES["mnasnet-a1"], num_classes=10, image_size=32, dropout_rate=0)
    images = _images(16, 32)
    labels = tf.one_hot(np.arange(16) % 10, 10)
    results = []
    for network in (model, plain_keras_model(model)):
        with tf.GradientTape() as tape:
            logits = network(images, training=True)
            loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(labels, logits))
        gradients = tape.gradient(loss, network.trainable_variables)
        results.append((loss, np.concatenate([np.ravel(gradient) for gradient in gradients])))
    (loss, gradient), (plain_loss, plain_gradient) = results
    assert float(loss) == pytest.approx(float(plain_loss), rel=1e-5)
    difference = np.linalg.norm(gradient - plain_gradient)
    assert difference < 1e-4 * np.linalg.norm(plain_gradient)
