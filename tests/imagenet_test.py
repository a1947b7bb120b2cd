import numpy as np
import pytest
import tensorflow as tf

from mnasnet.data.datasets import load_dataset
from mnasnet.data.image_dataset import DataError

pytestmark = pytest.mark.tensorflow

_GREY_OF_IMAGE = 10  # image number n is a square of grey 10 * n


def _jpeg(number: int) -> bytes:
    grey = np.full((48, 48, 3), _GREY_OF_IMAGE * number, np.uint8)
    return tf.io.encode_jpeg(grey, quality=100).numpy()


def _example(jpeg: bytes | None, label: int | None) -> bytes:
    features = {}
    if jpeg is not None:
        features["image/encoded"] = tf.train.Feature(bytes_list=tf.train.BytesList(value=[jpeg]))
    if label is not None:
        features["image/class/label"] = tf.train.Feature(
            int64_list=tf.train.Int64List(value=[label])
        )
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def _write(path, records) -> str:
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)
    return str(path)


def _good(numbers) -> list[bytes]:
    return [_example(_jpeg(number), number + 1) for number in numbers]


@pytest.fixture
def folder(tmp_path):
    """Two files of 10 images each; image n has label n + 1 in the file, so n here."""
    _write(tmp_path / "train-00000-of-00002", _good(range(10)))
    _write(tmp_path / "train-00001-of-00002", _good(range(10, 20)))
    _write(tmp_path / "validation-00000-of-00001", _good([20]))
    return tmp_path


def _load(folder, **arguments):
    load_dataset.cache_clear()  # folders of tests change under one name
    return load_dataset("imagenet", data_dir=str(folder), image_size=32, **arguments)


def _labels(batches) -> list[int]:
    return np.concatenate([labels for _, labels in batches]).tolist()


def test_each_file_holds_its_share_out_of_its_beginning(folder):
    dataset = _load(folder)
    assert (dataset.num_classes, dataset.num_train, dataset.num_validation) == (1000, 16, 4)
    assert sorted(_labels(dataset.validation_batches(4))) == [0, 1, 10, 11]
    trained = _labels(dataset.train_batches(4, 0, 0))
    assert sorted(trained) == [*range(2, 10), *range(12, 20)]
    assert "a subset of 20 images: 16 images to train, 4 held out" in dataset.description


def test_the_number_held_out_is_exact_where_files_share_it_unevenly(folder):
    dataset = _load(folder, validation_images=3)
    assert sorted(_labels(dataset.validation_batches(3))) == [0, 10, 11]
    assert len(_labels(dataset.train_batches(1, 0, 0))) == 17


def test_images_keep_their_labels_and_values(folder):
    for images, labels in _load(folder).train_batches(4, 0, 0):
        assert images.shape == (4, 32, 32, 3)
        assert images.dtype == np.float32
        np.testing.assert_allclose(images.mean((1, 2, 3)), _GREY_OF_IMAGE * labels, atol=2)


def test_epochs_follow_from_seed_and_epoch_to_the_bit(folder):
    dataset = _load(folder)
    first, again, next_epoch, other_seed = (
        next(dataset.train_batches(16, epoch, seed))
        for epoch, seed in ((0, 0), (0, 0), (1, 0), (0, 1))
    )
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert first[1].tolist() != next_epoch[1].tolist()
    assert first[1].tolist() != other_seed[1].tolist()


def test_the_last_validation_batch_is_padded(folder):
    batches = list(_load(folder).validation_batches(3))
    assert [images.shape[0] for images, _ in batches] == [3, 3]
    assert batches[1][1][1:].tolist() == [-1, -1]


def test_a_folder_without_files_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"has no files train-\*-of-\*, which data set 'imagenet'"):
        _load(tmp_path)
    with pytest.raises(ValueError, match="is no folder"):
        _load(tmp_path / "missing")
    with pytest.raises(ValueError, match="needs data_dir"):
        load_dataset("imagenet", image_size=32)


def test_a_file_cut_short_is_refused_before_any_training(folder):
    path = folder / "train-00001-of-00002"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(ValueError, match=f"^{path}: cut short in record 9"):
        _load(folder)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (b"no example", "no tf.train.Example"),
        (_example(None, 1), "has no image/encoded"),
        (_example(b"\xff\xd8", None), "has no image/class/label"),
        (_example(b"\xff\xd8", 1001), r"image/class/label 1001, must lie in 1 \.\. 1000"),
        (_example(b"\xff\xd8 no picture", 1), "broken JPEG"),
    ],
)
def test_a_record_that_is_no_labelled_jpeg_is_refused_before_any_training(folder, record, reason):
    path = _write(folder / "train-00001-of-00002", [*_good([10, 11]), record, *_good([12])])
    with pytest.raises(ValueError, match=f"^{path}: a record .*{reason}") as error:
        _load(folder)
    assert "\n" not in str(error.value)


def test_a_jpeg_that_breaks_later_is_named_with_its_file(folder):
    dataset = _load(folder)
    path = folder / "train-00001-of-00002"
    _write(path, [*_good(range(10, 19)), _example(_jpeg(19)[:200], 20)])
    with pytest.raises(DataError, match=f"^{path}: a record has a broken JPEG"):
        list(dataset.train_batches(4, 0, 0))


def test_bytes_that_flip_later_are_named_with_their_file(folder):
    dataset = _load(folder)
    path = folder / "train-00000-of-00002"
    content = bytearray(path.read_bytes())
    content[-20] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"^{path}: corrupted record"):
        list(dataset.train_batches(4, 0, 0))
