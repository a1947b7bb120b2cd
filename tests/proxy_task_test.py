import gc
import hashlib
import pathlib
import resource
import subprocess
import sys

import numpy as np
import pytest

from mnasnet.architectures import from_blocks
from mnasnet.data.datasets import load_dataset
from mnasnet.data.image_dataset import ImageDataset, InMemoryDataset
from mnasnet.proxy_config import ProxyConfig
from mnasnet.proxy_task import ProxyTask, TrainingDiverged

pytestmark = pytest.mark.tensorflow

_CONFIG = ProxyConfig(epochs=2, batch_size=32, image_size=8, base_learning_rate=0.032)


def _network(*blocks):
    blocks = blocks or ("r1_k3_s11_e1_i8_o8", "r2_k3_s22_e3_i8_o16_se0.25_pool")
    return from_blocks(blocks, stem_filters=8, head_filters=64)


def _digits_task(**changes) -> ProxyTask:
    config = ProxyConfig(**{**vars(_CONFIG), **changes})
    return ProxyTask(load_dataset("digits", image_size=config.image_size), config)


class OneColour(ImageDataset):
    """Images whose brightness is their class, and whose values a test may spoil."""

    name, num_classes, image_size, description = "one colour", 2, 8, "bright and dark"
    num_train, num_validation = 640, 10

    def __init__(self, spoilt_epoch: int | None = None):
        self._spoilt_epoch = spoilt_epoch

    def train_batches(self, batch_size, epoch, seed):
        for _ in range(self.num_train // batch_size):
            images, labels = _bright_and_dark(batch_size)
            yield images * (np.nan if epoch == self._spoilt_epoch else 1), labels

    def validation_batches(self, batch_size):
        images, labels = _bright_and_dark(batch_size)
        labels[self.num_validation :] = -1
        yield images, labels


def _bright_and_dark(number: int):
    labels = np.arange(number, dtype=np.int32) % 2
    images = np.broadcast_to((labels * 200.0 + 20)[:, None, None, None], (number, 8, 8, 3))
    return images.astype(np.float32), labels


def test_a_network_learns_what_can_be_learned():
    result = ProxyTask(OneColour(), _CONFIG).evaluate(_network())
    assert result.top1 == 1.0
    assert result.steps == 2 * 640 // 32


def test_digits_are_learned_well_above_chance():
    result = _digits_task(epochs=5).evaluate(_network())
    assert 0.4 < result.top1 <= 1.0
    assert result.steps == 5 * (1438 // 32)
    assert result.train_seconds > 0
    assert result.cpu_seconds > 0
    assert result.images_per_second > 0


def test_the_same_network_gives_the_same_bits_whatever_came_before():
    first = _digits_task().evaluate(_network()).top1
    task = _digits_task()
    others = [task.evaluate(_network(f"r1_k{k}_s22_e1_i8_o8_dconv")).top1 for k in (3, 5)]
    assert task.evaluate(_network()).top1 == first
    assert len({first, *others}) > 1


def test_the_same_network_gets_the_same_weights_in_another_process():
    # Every weight, not top-1 alone, which could be equal by chance.
    program = f"""
import sys
sys.path.insert(0, {str(pathlib.Path(__file__).parent)!r})
import proxy_task_test
print("weights", proxy_task_test.digest_of_trained_weights())
"""
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout.split("weights ")[1].strip() == digest_of_trained_weights()


def digest_of_trained_weights() -> str:
    model = _digits_task().train(_network())
    weights = b"".join(weight.numpy().tobytes() for weight in model.weights)
    return hashlib.sha256(weights).hexdigest()


def test_a_trained_network_is_the_one_that_was_evaluated():
    task = _digits_task()
    top1 = task.evaluate(_network()).top1
    model = task.train(_network())
    dataset = load_dataset("digits", image_size=8)
    images, labels = next(dataset.validation_batches(dataset.num_validation))
    hits = np.argmax(model.predict(images.astype(np.float32), verbose=0), axis=1) == labels
    assert top1 == pytest.approx(hits.mean(), abs=1.5 / len(labels))  # a tie may fall elsewhere


def test_another_seed_gives_another_training():
    weights = [_digits_task(seed=seed).train(_network()).weights[0].numpy() for seed in (0, 1)]
    assert np.abs(weights[0] - weights[1]).max() > 1e-3


def test_a_loss_that_is_no_number_stops_the_training_and_names_the_step():
    # 640 images are 20 steps of 32; the second epoch starts with step 20.
    task = ProxyTask(OneColour(spoilt_epoch=1), _CONFIG)
    with pytest.raises(TrainingDiverged, match="the loss of step 20 is nan"):
        task.evaluate(_network())


def test_weights_that_the_last_step_ruins_are_noticed():
    # A single step of an enormous learning rate has a finite loss, taken before the weights change.
    config = ProxyConfig(
        epochs=1, batch_size=640, image_size=8, base_learning_rate=1e38, warmup_fraction=0.0
    )
    with pytest.raises(TrainingDiverged, match="logits are not finite after 1 training step"):
        ProxyTask(OneColour(), config).evaluate(_network())


def test_padding_counts_for_nothing():
    # 10 validation images in batches of 32: the 22 black ones would spoil the accuracy.
    assert ProxyTask(OneColour(), _CONFIG).evaluate(_network()).top1 == 1.0


def test_memory_does_not_grow_with_the_number_of_candidates():
    task = _digits_task(epochs=1, batch_size=256)
    for _ in range(2):
        task.evaluate(_network())
    before = _objects_and_megabytes()
    for _ in range(8):
        task.evaluate(_network())
    after = _objects_and_megabytes()
    # A graph that stays behind is thousands of objects.
    assert after[0] - before[0] < 2000
    assert after[1] - before[1] < 100


def _objects_and_megabytes() -> tuple[int, float]:
    gc.collect()
    peak_kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return len(gc.get_objects()), peak_kilobytes / 1024


def test_images_of_another_size_are_refused():
    with pytest.raises(ValueError, match="loaded at 8 px, must be loaded at image_size 32"):
        ProxyTask(OneColour(), ProxyConfig(image_size=32))


def test_a_batch_larger_than_the_training_set_is_refused():
    images = np.zeros((10, 8, 8, 3), np.uint8)
    dataset = InMemoryDataset("ten", images, np.zeros(10, int), num_classes=1)
    with pytest.raises(ValueError, match="batch_size is 32, data set 'ten' has only 8 training"):
        ProxyTask(dataset, _CONFIG)


def test_graph_optimizers_are_as_before_afterwards():
    import tensorflow as tf

    before = tf.config.optimizer.get_experimental_options().get("disable_meta_optimizer", False)
    _digits_task(epochs=1).evaluate(_network())
    assert tf.config.optimizer.get_experimental_options()["disable_meta_optimizer"] == before
