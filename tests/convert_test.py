import collections

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from ai_edge_litert.interpreter import Interpreter

from tflite_bench.convert import QUANTIZATIONS, ConversionError, to_tflite
from tflite_bench.host import HostClock, HostConfig

pytestmark = pytest.mark.tensorflow

SIZE = 16


@pytest.fixture(scope="module")
def model():
    """A bottleneck with squeeze-and-excitation and a residual, batch norms off their defaults."""
    layers = tf_keras.layers
    rng = tf_keras.initializers.RandomUniform(0.5, 1.5, seed=1)
    tf_keras.utils.set_random_seed(0)

    def norm():
        return layers.BatchNormalization(
            beta_initializer=rng,
            gamma_initializer=rng,
            moving_mean_initializer=rng,
            moving_variance_initializer=rng,
        )

    images = layers.Input((SIZE, SIZE, 3), name="images")
    x = layers.Conv2D(8, 3, 2, padding="same", use_bias=False)(images)
    block = layers.ReLU()(norm()(layers.Conv2D(32, 1, use_bias=False)(x)))
    block = layers.DepthwiseConv2D(5, padding="same", use_bias=False)(block)
    block = layers.ReLU()(norm()(block))
    squeezed = layers.GlobalAveragePooling2D(keepdims=True)(block)
    block *= layers.Conv2D(32, 1, activation="sigmoid")(squeezed)
    x += norm()(layers.Conv2D(8, 1, use_bias=False)(block))
    x = layers.Dropout(0.5)(layers.GlobalAveragePooling2D()(x))
    return tf_keras.Model(images, layers.Dense(256, name="logits")(x))


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).uniform(0, 1, (4, 1, SIZE, SIZE, 3)).astype(np.float32)


def infer(tflite, image):
    interpreter = Interpreter(model_content=tflite, num_threads=1)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def operators(tflite):
    interpreter = Interpreter(model_content=tflite)
    return collections.Counter(details["op_name"] for details in interpreter._get_ops_details())


def test_float_outputs_equal_keras_to_rounding(model, images):
    tflite = to_tflite(model)
    for image in images:
        expected = model(image, training=False).numpy()
        np.testing.assert_allclose(infer(tflite, image), expected, rtol=1e-4, atol=1e-5)


# Errors over the range of the outputs: 11 bits of mantissa; 8 bits of weight; 8 bits of everything.
@pytest.mark.parametrize(
    ("quantization", "error"), [("float16", 2e-3), ("dynamic", 0.03), ("int8", 0.1)]
)
def test_quantized_outputs_are_near_keras_and_the_file_says_what_it_is(
    model, images, quantization, error
):
    tflite = to_tflite(model, quantization=quantization, representative=images)
    expected = np.stack([model(image, training=False).numpy() for image in images])
    outputs = np.stack([infer(tflite, image) for image in images])
    assert np.abs(outputs - expected).max() < error * np.ptp(expected)
    assert np.abs(outputs - expected).max() > 0
    assert len(tflite) < len(to_tflite(model))
    assert HostClock(HostConfig(min_seconds=0)).measure(tflite).quantization == quantization


def test_a_batch_norm_folds_into_the_convolution_before_it(model):
    # 4 convolutions and the squeeze's, 1 depthwise, pooling twice, sigmoid, product, sum, dense.
    assert operators(to_tflite(model)) == {
        "CONV_2D": 4,
        "DEPTHWISE_CONV_2D": 1,
        "MEAN": 2,
        "LOGISTIC": 1,
        "MUL": 1,
        "ADD": 1,
        "FULLY_CONNECTED": 1,
    }


def test_int8_computes_in_int8_between_float_ends(model, images):
    interpreter = Interpreter(
        model_content=to_tflite(model, quantization="int8", representative=images)
    )
    ends = interpreter.get_input_details() + interpreter.get_output_details()
    assert [end["dtype"] for end in ends] == [np.float32, np.float32]
    inside = {
        details["op_name"]: interpreter._get_tensor_details(details["outputs"][0], 0)["dtype"]
        for details in interpreter._get_ops_details()
    }
    assert inside.pop("DEQUANTIZE") == np.float32
    assert set(inside.values()) == {np.int8}


def test_tensors_keep_their_keras_names_and_the_batch_is_one(model):
    interpreter = Interpreter(model_content=to_tflite(model))
    (taken,), (given,) = interpreter.get_input_details(), interpreter.get_output_details()
    assert (taken["name"], taken["shape"].tolist()) == ("images", [1, SIZE, SIZE, 3])
    assert (given["name"], given["shape"].tolist()) == ("logits", [1, 256])


def test_every_output_of_a_model_is_one_of_the_file():
    images = tf_keras.Input((4, 4, 3))
    first = tf_keras.layers.Conv2D(2, 1, name="first")(images)
    second = tf_keras.layers.Conv2D(5, 1, name="second")(first)
    interpreter = Interpreter(model_content=to_tflite(tf_keras.Model(images, [first, second])))
    outputs = interpreter.get_output_details()
    assert [output["name"] for output in outputs] == ["first", "second"]
    assert [output["shape"].tolist() for output in outputs] == [[1, 4, 4, 2], [1, 4, 4, 5]]


@pytest.mark.parametrize("quantization", QUANTIZATIONS)
def test_one_model_always_gives_the_same_bytes(model, images, quantization):
    arguments = {"quantization": quantization, "representative": images}
    assert to_tflite(model, **arguments) == to_tflite(model, **arguments)


def test_conversion_leaves_the_model_as_it_was(model, images):
    before = [weight.numpy().copy() for weight in model.weights]
    to_tflite(model, quantization="int8", representative=images)
    for weight, old in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), old)


def test_conversion_says_nothing_on_stderr(model, images, capfd):
    to_tflite(model)
    to_tflite(model, quantization="int8", representative=images)
    assert capfd.readouterr().err == ""


def test_representative_data_may_be_a_generator(model, images):
    generated = to_tflite(model, quantization="int8", representative=iter(images))
    assert generated == to_tflite(model, quantization="int8", representative=list(images))


def test_a_network_that_tflite_has_no_operator_for_is_told_in_one_line(capfd):
    images = tf_keras.Input((4, 4, 3))
    bessel = tf_keras.layers.Lambda(lambda x: tf.raw_ops.BesselI0(x=x))(images)
    cholesky = tf_keras.layers.Lambda(
        lambda x: tf.linalg.cholesky(tf.matmul(x, x, transpose_b=True))
    )(images)
    for output, operator in ((bessel, "BesselI0"), (cholesky, "Cholesky")):
        with pytest.raises(ConversionError) as error:
            to_tflite(tf_keras.Model(images, output))
        assert str(error.value) == (
            f"TFLite cannot convert the network: no TFLite operator for {operator}"
        )
    assert capfd.readouterr().err == ""


def test_an_unknown_quantization_is_refused(model):
    allowed = "must be one of none, float16, dynamic, int8"
    with pytest.raises(ValueError, match=f"quantization is 'int4', {allowed}"):
        to_tflite(model, quantization="int4")


@pytest.mark.parametrize("representative", [None, [], iter(())])
def test_int8_without_representative_data_is_refused(model, representative):
    with pytest.raises(ValueError, match="'int8' needs representative data, got none"):
        to_tflite(model, quantization="int8", representative=representative)


def test_representative_data_of_another_shape_is_refused(model):
    with pytest.raises(ValueError, match=r"shape \(16, 16, 3\), must be \(1, 16, 16, 3\)"):
        to_tflite(model, quantization="int8", representative=[np.zeros((SIZE, SIZE, 3))])


def test_a_model_of_open_size_or_several_inputs_is_refused():
    images = tf_keras.Input((None, None, 3))
    with pytest.raises(ValueError, match=r"open size \(None, None, 3\)"):
        to_tflite(tf_keras.Model(images, tf_keras.layers.ReLU()(images)))
    pair = [tf_keras.Input((4,)), tf_keras.Input((4,))]
    with pytest.raises(ValueError, match="has 2 inputs, must have one"):
        to_tflite(tf_keras.Model(pair, tf_keras.layers.Add()(pair)))
    with pytest.raises(ValueError, match="has 0 inputs, must have one"):
        to_tflite(tf_keras.Sequential([tf_keras.layers.Dense(1)]))
