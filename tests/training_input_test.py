"""Batches of a full training: whose images, in what form, and none twice or left out."""

import os
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from mnasnet.training import batches as training_input
from mnasnet.training.config import TrainingConfig
from mnasnet.training.images import NullData, Shard, open_data

pytestmark = pytest.mark.tensorflow

_SHARED = pathlib.Path(os.environ.get("MNASNET_SHARED", "../shared"))


def _record(label: int, shade: int) -> bytes:
    jpeg = tf.io.encode_jpeg(tf.fill([20, 30, 3], tf.cast(shade, tf.uint8)), quality=100).numpy()
    feature = {
        "image/encoded": tf.train.Feature(bytes_list=tf.train.BytesList(value=[jpeg])),
        "image/class/label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
    }
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two training files of 5 images, one of 7 to evaluate on; image n has label n, shade 20 n."""
    path = tmp_path_factory.mktemp("records")
    for name, labels in (
        ("train-00000-of-00002", range(1, 6)),
        ("train-00001-of-00002", range(6, 11)),
        ("validation-00000-of-00001", range(1, 8)),
    ):
        with tf.io.TFRecordWriter(str(path / name)) as writer:
            for label in labels:
                writer.write(_record(label, 20 * label))
    return str(path)


def _data(folder, **fields):
    return open_data(TrainingConfig(data_dir=folder, num_classes=10, **fields), image_size=8)


def test_a_folder_is_counted_and_its_labels_start_at_zero(folder):
    data = _data(folder)
    assert (data.num_train, data.num_eval, data.num_classes) == (10, 7, 10)
    images, labels = next(iter(data.eval_images().batch(7)))
    assert labels.numpy().tolist() == [0, 1, 2, 3, 4, 5, 6]
    # Pixels stay in 0..255: the network normalises.
    assert images[:, 0, 0, 0].numpy() == pytest.approx(20 * np.arange(1, 8), abs=2)


def test_a_cached_epoch_has_every_image_once_in_another_order(folder):
    images = _data(folder, use_cache=True).train_images(Shard(), seed=1)
    labels = [int(label) for _, label in images.take(300)]
    # Threads decode, so an image may slip over an epoch's edge: 30 epochs have each 29 to 31 times,
    # where drawing anew each time would have it 30 +- 5 times.
    assert all(29 <= labels.count(label) <= 31 for label in range(10))
    assert labels[:10] != labels[10:20] != labels[20:30]


def test_images_come_without_end_where_nothing_is_cached(folder):
    images = _data(folder).train_images(Shard(), seed=1)
    labels = {int(label) for _, label in images.take(100)}
    assert labels == set(range(10))


def test_two_hosts_share_the_training_files(folder):
    data = _data(folder, use_cache=True)
    seen = [
        {int(label) for _, label in data.train_images(Shard(2, index), seed=1).take(15)}
        for index in (0, 1)
    ]
    assert seen == [set(range(5)), set(range(5, 10))]


def test_evaluation_fills_the_last_batch_with_images_that_do_not_count(folder):
    steps = training_input.num_eval_steps(7, 4, drop_remainder=False)
    batches = training_input.eval_batches(_data(folder), batch_size=4, num_steps=steps)
    labels = [label for _, batch in batches for label in batch.numpy().tolist()]
    assert labels == [0, 1, 2, 3, 4, 5, 6, -1]


def test_two_hosts_evaluate_each_image_once(folder):
    seen = []
    for pipeline in (0, 1):
        context = tf.distribute.InputContext(
            num_input_pipelines=2, input_pipeline_id=pipeline, num_replicas_in_sync=2
        )
        batches = training_input.eval_batches(
            _data(folder), batch_size=4, num_steps=2, context=context
        )
        for images, labels in batches:
            assert images.shape == (2, 8, 8, 3)  # each replica's share
            seen += labels.numpy().tolist()
    assert sorted(seen) == [-1, 0, 1, 2, 3, 4, 5, 6]


def test_the_official_evaluation_leaves_out_848_of_50_000_images():
    assert training_input.num_eval_steps(50_000, 1024, drop_remainder=True) * 1024 == 49_152
    assert training_input.num_eval_steps(50_000, 1024, drop_remainder=False) == 49


def test_a_label_beyond_the_classes_names_its_file(folder):
    config = TrainingConfig(data_dir=folder, num_classes=9)
    with pytest.raises(ValueError, match=r"00001-of-00002: .*/label 10, must lie in 1 \.\. 9"):
        open_data(config, image_size=8)


def test_the_null_data_set_is_black_and_as_large_as_imagenet():
    data = NullData(TrainingConfig(dataset="null"), 8)
    assert (data.num_train, data.num_eval, data.num_classes) == (1_281_167, 50_000, 1000)
    images, labels = next(iter(training_input.train_batches(data, batch_size=3, seed=0)))
    assert images.shape == (3, 8, 8, 3)
    assert not images.numpy().any() and not labels.numpy().any()


@pytest.mark.parametrize("name", ["autoaugment", "randaugment"])
def test_an_augmentation_keeps_shape_and_range(name):
    augment = training_input.make_augment(name)
    image = tf.random.stateless_uniform([32, 32, 3], [0, 1], 0, 255)
    changed = augment(image)
    assert changed.shape == image.shape
    assert float(tf.reduce_min(changed)) >= 0
    assert float(tf.reduce_max(changed)) <= 255


def test_a_tfds_data_set_comes_as_it_is_on_disk():
    path = _SHARED / "data" / "cifar10"
    if not path.is_dir():
        pytest.skip(f"{path} is missing, set MNASNET_SHARED")
    data = open_data(TrainingConfig(dataset="cifar10", data_dir=str(path)), image_size=32)
    # The subset that is prepared there: its README says so.
    assert (data.num_train, data.num_eval, data.num_classes) == (30_000, 7_500, 10)
    images, _ = next(iter(training_input.train_batches(data, batch_size=4, seed=0)))
    assert images.shape == (4, 32, 32, 3)
    # At its own size an image is evaluated whole, as it is on disk.
    import tensorflow_datasets as tfds

    first = next(iter(tfds.load("cifar10", split="test", data_dir=str(path)).take(1)))
    image, label = next(iter(data.eval_images()))
    np.testing.assert_array_equal(image.numpy(), first["image"].numpy())
    assert int(label) == int(first["label"])
