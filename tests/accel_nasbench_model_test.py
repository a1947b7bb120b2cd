"""Points of Accel-NASBench's space are networks: they build, train and convert."""

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from mnasnet.data.datasets import load_dataset
from mnasnet.model import build_model
from mnasnet.proxy_config import ProxyConfig
from mnasnet.proxy_task import ProxyTask
from mnasnet.stats import count
from search.search_space import get_space
from tflite_bench.convert import to_tflite

pytestmark = pytest.mark.tensorflow

SPACE = get_space("accel_nasbench")


@pytest.fixture(scope="module")
def architecture():
    """Small, with both kernels, all expand ratios, and squeeze-and-excitation somewhere."""
    tokens = np.zeros(28, int)
    tokens[:8] = [1, 1, 1, 1, 2, 0, 0, 1]
    return SPACE.architecture(SPACE.decode(tokens))


def test_a_point_is_built_as_it_is_counted_and_converted(architecture):
    model = build_model(architecture, num_classes=1000, image_size=32)
    weights = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    assert weights == count(architecture).params
    images = np.random.default_rng(0).uniform(0, 255, (1, 32, 32, 3)).astype(np.float32)
    interpreter = Interpreter(model_content=to_tflite(model), num_threads=1)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], images)
    interpreter.invoke()
    logits = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    np.testing.assert_allclose(logits, model(images, training=False), atol=1e-4)


def test_a_point_learns(architecture):
    config = ProxyConfig(epochs=2, batch_size=32, image_size=8, base_learning_rate=0.032)
    result = ProxyTask(load_dataset("digits", image_size=8), config).evaluate(architecture)
    # Ten digits: who has learned nothing is right one time in ten, give or take 0.016 of the 359.
    assert result.top1 > 0.2
