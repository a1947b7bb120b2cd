import numpy as np
import pytest
import tf_keras

from mnasnet.exporting.tflite_bias import correct_classifier_bias
from mnasnet.exporting.tflite_classifier import TFLiteClassifier
from tflite_bench.convert import to_tflite

pytestmark = pytest.mark.tensorflow


def test_n_images_take_n_of_n_plus_2_of_the_mean_error_away():
    tf_keras.utils.set_random_seed(0)
    inputs = tf_keras.Input((4, 4, 3), name="images")
    x = tf_keras.layers.Conv2D(6, 3)(inputs)
    x = tf_keras.layers.GlobalAveragePooling2D()(x)
    bias = tf_keras.initializers.Constant([0.2, -0.1, 0.0])
    model = tf_keras.Model(inputs, tf_keras.layers.Dense(3, bias_initializer=bias)(x))
    images = np.random.default_rng(0).uniform(-1, 1, (6, 4, 4, 3)).astype(np.float32)
    tflite = to_tflite(model, quantization="int8", representative=images[:, None])
    before = TFLiteClassifier(tflite).logits(images)
    # As if all logits of the file were too large by these: 6 of 8 parts of it shall go.
    errors = np.tile(np.float32([0.16, 0.0, -0.08]), (6, 1))
    after = TFLiteClassifier(correct_classifier_bias(tflite, errors)).logits(images)
    moved = (after - before).mean(axis=0)
    # Logits come in steps, of which their mean over images may lose half of one.
    step = np.diff(np.unique(before)).min()
    np.testing.assert_allclose(moved, [-0.12, 0.0, 0.06], atol=step / 2 + 1e-6)
    assert np.abs(after - before).max() > 0.05
