"""ImageNet as TFRecord files, in the layout that the official code reads, streamed from disk.

A folder holds train-00000-of-01024 and so on; each record is a tf.train.Example with the keys
`image/encoded` (a JPEG) and `image/class/label` (1 .. 1000). Any part of the files will do, so a
subset of ImageNet is read as ImageNet is. The files validation-* are the test set of a search and
are not read here.
"""

import glob
import itertools
import os
import re
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from mnasnet import preprocessing
from mnasnet.data import image_dataset, tfrecords
from mnasnet.data.image_dataset import Batch, DataError, ImageDataset

NUM_CLASSES = 1000
_ALL_TRAIN_IMAGES = 1_281_167
_JPEG_KEY, _LABEL_KEY = "image/encoded", "image/class/label"
_FEATURES = {
    _JPEG_KEY: tf.io.FixedLenFeature([], tf.string),
    _LABEL_KEY: tf.io.FixedLenFeature([], tf.int64),
}
_FILES_AT_ONCE = 16
_SHUFFLE_BUFFER = 2048  # encoded images, some 230 MB at ImageNet's 110 KB each
_RECORDS_CHECKED = 256


class ImageNet(ImageDataset):
    """The training files of a folder, of which each holds the same share of its images out.

    The first images of each file are held out. As the files were written in random order, that is
    a random sample, and neither part has to be read to get at the other.

    Args:
      paths: the training files.
      image_size: S.
      validation_images: as `image_dataset.num_held_out`.

    Raises:
      ValueError: for files cut short, or whose first records are no labelled JPEGs.
    """

    def __init__(self, paths: list[str], image_size: int, validation_images: int | None):
        counts = np.array(tfrecords.count_records_per_file(paths))
        num_images = int(counts.sum())
        self.name = "imagenet"
        self.num_classes = NUM_CLASSES
        self.image_size = image_size
        self.num_validation = image_dataset.num_held_out(num_images, validation_images, self.name)
        self.num_train = num_images - self.num_validation
        share = "" if num_images == _ALL_TRAIN_IMAGES else f", a subset of {num_images:,} images"
        self.description = image_dataset.describe(
            f"ImageNet at {image_size} px{share}", self.num_train, self.num_validation
        )
        self._paths = paths
        # Rounding the running total, not each file's share, gives num_validation exactly.
        totals = np.concatenate([[0], np.cumsum(counts)]) * self.num_validation // num_images
        self._held_out = np.diff(totals)
        check_first_records(paths)

    def train_batches(self, batch_size: int, epoch: int, seed: int) -> Iterator[Batch]:
        rng = np.random.default_rng((seed, epoch))
        file_order = rng.permutation(len(self._paths))
        shuffle_seed, crop_seed = (int(drawn) for drawn in rng.integers(2**31, size=2))

        def records(file_index, _):
            return self._records(file_index).skip(self._held_out_of(file_index))

        raw = self._interleave(file_order, records).shuffle(
            _SHUFFLE_BUFFER, seed=shuffle_seed, reshuffle_each_iteration=False
        )

        def decode(position, file_index_and_record):
            jpeg, label = parse(file_index_and_record[1])
            seed_of_image = tf.stack([tf.constant(crop_seed, tf.int64), position])
            return preprocessing.preprocess_for_train(jpeg, self.image_size, seed_of_image), label

        decoded = raw.enumerate().map(decode, num_parallel_calls=tf.data.AUTOTUNE)
        yield from self._batches(raw, decoded.batch(batch_size, drop_remainder=True), batch_size)

    def validation_batches(self, batch_size: int) -> Iterator[Batch]:
        def records(file_index, _):
            return self._records(file_index).take(self._held_out_of(file_index))

        def decode(_, record):
            jpeg, label = parse(record)
            return preprocessing.preprocess_for_eval(jpeg, self.image_size), label

        raw = self._interleave(np.arange(len(self._paths)), records)
        decoded = raw.map(decode, num_parallel_calls=tf.data.AUTOTUNE)
        for images, labels in self._batches(raw, decoded.batch(batch_size), batch_size):
            yield image_dataset.pad_batch(images, labels, batch_size)

    def _records(self, file_index) -> tf.data.Dataset:
        """(file index, record) of one file."""
        records = tf.data.TFRecordDataset(tf.gather(self._paths, file_index))
        return records.map(lambda record: (file_index, record))

    def _held_out_of(self, file_index):
        return tf.gather(tf.constant(self._held_out, tf.int64), file_index)

    def _interleave(self, file_order: np.ndarray, records) -> tf.data.Dataset:
        files = tf.data.Dataset.from_tensor_slices(file_order).enumerate()
        return files.interleave(
            lambda position, file_index: records(file_index, position),
            cycle_length=min(_FILES_AT_ONCE, len(file_order)),
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=True,
        )

    def _batches(self, raw, batches, batch_size: int) -> Iterator[Batch]:
        """Arrays of the batches; names the file where one cannot be read."""
        iterator = batches.prefetch(tf.data.AUTOTUNE).as_numpy_iterator()
        for position in itertools.count():
            try:
                images, labels = next(iterator)
            except StopIteration:
                return
            except tf.errors.OpError as error:
                reason = self._find_broken_record(raw.skip(position * batch_size).take(batch_size))
                raise DataError(reason or _first_line(error)) from None
            yield images, labels

    def _find_broken_record(self, records: tf.data.Dataset) -> str | None:
        """Why the batch made of these raw records could not be made."""
        try:
            for file_index, record in records:
                if reason := _why_broken(record):
                    return f"{self._paths[file_index]}: {reason}"
        except tf.errors.OpError:
            for path in self._paths:
                try:
                    for _ in tf.data.TFRecordDataset(path):
                        pass
                except tf.errors.OpError as error:
                    return f"{path}: {_first_line(error)}"
        return None


def check_first_records(paths: list[str], num_classes: int = NUM_CLASSES) -> None:
    """Looks at a few records of many files, so that most mistakes show before any training.

    Raises:
      ValueError: for a record without a JPEG, or without a label in 1 .. num_classes; names the
        file.
    """
    every = -(-len(paths) // _RECORDS_CHECKED)
    checked = paths[::every]
    for path in checked:
        records = tf.data.TFRecordDataset(path).take(_RECORDS_CHECKED // len(checked))
        try:
            for record in records:
                if reason := _why_broken(record, num_classes):
                    raise ValueError(f"{path}: {reason}")
        except tf.errors.OpError as error:
            raise ValueError(f"{path}: {_first_line(error)}") from None


def load(
    *, data_dir: str | None, image_size: int, validation_images: int | None, seed: int
) -> ImageNet:
    """The files train-*-of-* in `data_dir`.

    Args:
      data_dir: a local folder.
      image_size: S; crops are the official code's (`mnasnet.preprocessing`).
      validation_images: held out at most; 50,000 where None. Never over a fifth.
      seed: not used; which images are held out follows from the files alone.

    Raises:
      ValueError: for a folder without such files, or files that are broken.
    """
    del seed
    if not data_dir:
        raise ValueError("data set 'imagenet' needs data_dir, a folder with train-*-of-* files")
    paths = sorted(glob.glob(os.path.join(glob.escape(data_dir), "train-*-of-*")))
    if not paths:
        missing = "has no files train-*-of-*" if os.path.isdir(data_dir) else "is no folder"
        raise ValueError(f"data_dir {data_dir!r} {missing}, which data set 'imagenet' needs")
    return ImageNet(paths, image_size, validation_images)


def parse(record, num_classes: int = NUM_CLASSES) -> tuple[tf.Tensor, tf.Tensor]:
    """(JPEG, label from 0) of a record; stops at a label that is not in 1 .. num_classes."""
    example = tf.io.parse_single_example(record, _FEATURES)
    label = tf.cast(example[_LABEL_KEY], tf.int32)
    in_range = (label >= 1) & (label <= num_classes)
    tf.debugging.Assert(in_range, [label])
    return example[_JPEG_KEY], label - 1


def _why_broken(record, num_classes: int = NUM_CLASSES) -> str | None:
    """What is wrong with a record, None where nothing is."""
    try:
        example = tf.train.Example.FromString(record.numpy()).features.feature
    except Exception:  # protobuf's own class, which TensorFlow does not name
        return "a record is no tf.train.Example"
    jpegs = example[_JPEG_KEY].bytes_list.value
    labels = example[_LABEL_KEY].int64_list.value
    if len(jpegs) != 1:
        return f"a record has no {_JPEG_KEY}"
    if len(labels) != 1:
        return f"a record has no {_LABEL_KEY}"
    if not 1 <= labels[0] <= num_classes:
        return f"a record has {_LABEL_KEY} {labels[0]}, must lie in 1 .. {num_classes}"
    try:
        tf.io.decode_jpeg(jpegs[0], channels=3)
    except tf.errors.OpError as error:
        return f"a record has a broken JPEG ({_first_line(error)})"
    return None


def _first_line(error: tf.errors.OpError) -> str:
    """The reason in TensorFlow's words, without the names of nodes and operations around it."""
    return re.sub(r"\{\{.*?\}\} | \[Op:.*", "", str(error.message).splitlines()[0])
