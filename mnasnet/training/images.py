"""The images of a full training, all of the training set, and of its evaluation.

Differs from `mnasnet.data.image_dataset`, which holds a part of the training set out to rank
candidates by: here the whole training set trains, and the official validation set is the judge.
"""

import abc
import dataclasses
import os

import tensorflow as tf

from mnasnet import preprocessing
from mnasnet.data import imagenet, tfds_images, tfrecords
from mnasnet.data.datasets import load_dataset
from mnasnet.recipe import IMAGENET_TRAIN_IMAGES
from mnasnet.training.config import TrainingConfig

IMAGENET_EVAL_IMAGES = 50_000
_SHUFFLE_BUFFER = 1024
_CACHED_SHUFFLE_BUFFER = 16 * 1024
_READ_BUFFER_BYTES = 8 * 2**20
_GENERATED_AT_ONCE = 64


@dataclasses.dataclass(frozen=True)
class Shard:
    """Which of several hosts reads, `index` of `count`."""

    count: int = 1
    index: int = 0


class TrainingData(abc.ABC):
    """A training and a validation set.

    Attributes:
      num_classes: labels are 0 .. num_classes - 1.
      num_train: images in an epoch.
      num_eval: images to evaluate on.
      description: one line that says what it is.
    """

    num_classes: int
    num_train: int
    num_eval: int
    description: str

    @abc.abstractmethod
    def train_images(self, shard: Shard, seed: int) -> tf.data.Dataset:
        """Without end: images float32 [S, S, 3] in 0..255 and labels int32, in random order."""

    @abc.abstractmethod
    def eval_images(self) -> tf.data.Dataset:
        """Each validation image once, in the form of `train_images`, always in the same order."""


def open_data(config: TrainingConfig, image_size: int) -> TrainingData:
    """The data set that a configuration asks for.

    Raises:
      ValueError: where it is not there or broken; one line.
    """
    name, data_dir = config.dataset, config.data_dir
    if name == "null" or data_dir == "null":
        return NullData(config, image_size)
    if name == "imagenet":
        return TFRecordData(config, image_size)
    if name == "digits" or "." in name:
        return HeldOutData(config, image_size)
    return TFDSData(config, image_size)


class NullData(TrainingData):
    """Black images of class 0, to measure speed without a disk."""

    def __init__(self, config: TrainingConfig, image_size: int):
        self.num_classes = config.num_classes or imagenet.NUM_CLASSES
        self.num_train = config.num_train_images or IMAGENET_TRAIN_IMAGES
        self.num_eval = config.num_eval_images or IMAGENET_EVAL_IMAGES
        self.description = f"null data set: black images at {image_size} px"
        self._image = tf.zeros([image_size, image_size, 3]), tf.constant(0)

    def train_images(self, shard: Shard, seed: int) -> tf.data.Dataset:
        del shard, seed
        return tf.data.Dataset.from_tensors(self._image).repeat()

    def eval_images(self) -> tf.data.Dataset:
        return tf.data.Dataset.from_tensors(self._image).repeat(self.num_eval)


class _EncodedData(TrainingData):
    """Data of encoded images: subclasses say where these come from."""

    def __init__(self, config: TrainingConfig, image_size: int):
        self._config, self._image_size = config, image_size

    @abc.abstractmethod
    def _train_records(self, shard: Shard, seed: int) -> tf.data.Dataset:
        """One pass, or without end where nothing is cached."""

    @abc.abstractmethod
    def _eval_records(self) -> tf.data.Dataset: ...

    @abc.abstractmethod
    def _parse(self, record) -> tuple[tf.Tensor, tf.Tensor]:
        """(encoded image, label from 0)."""

    def train_images(self, shard: Shard, seed: int) -> tf.data.Dataset:
        records = self._train_records(shard, seed)
        if self._config.use_cache:
            records = records.cache().shuffle(_CACHED_SHUFFLE_BUFFER, seed).repeat()
        else:
            records = records.shuffle(_SHUFFLE_BUFFER, seed)
        crop_seed = tf.constant(seed * shard.count + shard.index, tf.int64)

        def decode(position, record):
            encoded, label = self._parse(record)
            seed_of_image = tf.stack([crop_seed, position])
            return _decode_for_train(encoded, self._image_size, seed_of_image), label

        return records.enumerate().map(decode, tf.data.AUTOTUNE, deterministic=False)

    def eval_images(self) -> tf.data.Dataset:
        def decode(record):
            encoded, label = self._parse(record)
            return _decode_for_eval(encoded, self._image_size), label

        return self._eval_records().take(self.num_eval).map(decode, tf.data.AUTOTUNE)


class TFRecordData(_EncodedData):
    """ImageNet's TFRecords, or others in their layout: train-* and validation-* in a folder.

    Raises:
      ValueError: for a folder without them, or files that are broken or without labels.
    """

    def __init__(self, config: TrainingConfig, image_size: int):
        super().__init__(config, image_size)
        if not config.data_dir:
            raise ValueError(
                "data set 'imagenet' needs data_dir, a folder with train-* and validation-* files"
            )
        self.num_classes = config.num_classes or imagenet.NUM_CLASSES
        self._train_paths = _find(config.data_dir, "train")
        self._eval_paths = _find(config.data_dir, "validation")
        for paths in (self._train_paths, self._eval_paths):
            imagenet.check_first_records(paths, self.num_classes)
        self.num_train = config.num_train_images or _count(self._train_paths, IMAGENET_TRAIN_IMAGES)
        self.num_eval = config.num_eval_images or _count(self._eval_paths, IMAGENET_EVAL_IMAGES)
        self.description = f"{config.data_dir} at {image_size} px"

    def _train_records(self, shard: Shard, seed: int) -> tf.data.Dataset:
        paths = tf.data.Dataset.from_tensor_slices(self._train_paths)
        by_file = len(self._train_paths) >= shard.count
        if by_file:
            paths = paths.shard(shard.count, shard.index)
        paths = paths.shuffle(len(self._train_paths), seed)
        if not self._config.use_cache:
            paths = paths.repeat()
        records = paths.interleave(
            lambda path: tf.data.TFRecordDataset(path, buffer_size=_READ_BUFFER_BYTES),
            cycle_length=min(
                self._config.num_parallel_calls, -(-len(self._train_paths) // shard.count)
            ),
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=False,
        )
        return records if by_file else records.shard(shard.count, shard.index)

    def _eval_records(self) -> tf.data.Dataset:
        return tf.data.TFRecordDataset(self._eval_paths, buffer_size=_READ_BUFFER_BYTES)

    def _parse(self, record):
        return imagenet.parse(record, self.num_classes)


class TFDSData(_EncodedData):
    """A data set that TFDS has prepared: its split train, and validation or else test."""

    def __init__(self, config: TrainingConfig, image_size: int):
        super().__init__(config, image_size)
        self._builder = tfds_images.open_builder(config.dataset, config.data_dir)
        splits = self._builder.info.splits
        self._eval_split = next((name for name in ("validation", "test") if name in splits), None)
        if self._eval_split is None:
            raise ValueError(
                f"data set {config.dataset!r} has the splits {', '.join(splits)}, must have "
                "validation or test to evaluate on"
            )
        self.num_classes = _enough_classes(config, self._builder.info.features["label"].num_classes)
        self.num_train = config.num_train_images or splits["train"].num_examples
        self.num_eval = config.num_eval_images or splits[self._eval_split].num_examples
        self.description = f"{self._builder.info.full_name} (TFDS) at {image_size} px"

    def _train_records(self, shard: Shard, seed: int) -> tf.data.Dataset:
        records = self._read("train", seed).shard(shard.count, shard.index)
        return records if self._config.use_cache else records.repeat()

    def _eval_records(self) -> tf.data.Dataset:
        return self._read(self._eval_split, None)

    def _read(self, split: str, seed: int | None) -> tf.data.Dataset:
        import tensorflow_datasets as tfds

        return self._builder.as_dataset(
            split=split,
            shuffle_files=seed is not None,
            decoders={"image": tfds.decode.SkipDecoding()},
            read_config=tfds.ReadConfig(shuffle_seed=seed, try_autocache=False),
        )

    def _parse(self, record):
        return record["image"], tf.cast(record["label"], tf.int32)


class HeldOutData(TrainingData):
    """A data set of a search that has no validation set: evaluated on what the search ranks by."""

    def __init__(self, config: TrainingConfig, image_size: int):
        self._dataset = load_dataset(
            config.dataset, data_dir=config.data_dir, image_size=image_size, seed=0
        )
        self.num_classes = _enough_classes(config, self._dataset.num_classes)
        self.num_train, self.num_eval = self._dataset.num_train, self._dataset.num_validation
        self.description = self._dataset.description
        self._signature = (
            tf.TensorSpec([None, image_size, image_size, 3], tf.float32),
            tf.TensorSpec([None], tf.int32),
        )

    def train_images(self, shard: Shard, seed: int) -> tf.data.Dataset:
        size = min(_GENERATED_AT_ONCE, self.num_train)

        def batches():
            epoch = 0
            while True:
                yield from self._dataset.train_batches(size, epoch, seed + shard.index)
                epoch += 1

        return self._generated(batches)

    def eval_images(self) -> tf.data.Dataset:
        images = self._generated(lambda: self._dataset.validation_batches(_GENERATED_AT_ONCE))
        return images.filter(lambda image, label: label >= 0)

    def _generated(self, batches) -> tf.data.Dataset:
        def float_batches():
            for images, labels in batches():
                yield images.astype("float32"), labels

        generated = tf.data.Dataset.from_generator(float_batches, output_signature=self._signature)
        return generated.unbatch()


def _enough_classes(config: TrainingConfig, of_data: int) -> int:
    """Outputs of the classifier; ValueError where the configuration asks for less than needed."""
    num_classes = config.num_classes or of_data
    if num_classes < of_data:
        raise ValueError(f"num_classes is {num_classes}, data set {config.dataset!r} has {of_data}")
    return num_classes


def _decode_for_train(encoded, image_size: int, seed) -> tf.Tensor:
    return tf.cond(
        tf.io.is_jpeg(encoded),
        lambda: preprocessing.preprocess_for_train(encoded, image_size, seed),
        lambda: preprocessing.preprocess_image_for_train(_decode(encoded), image_size, seed),
    )


def _decode_for_eval(encoded, image_size: int) -> tf.Tensor:
    return tf.cond(
        tf.io.is_jpeg(encoded),
        lambda: preprocessing.preprocess_for_eval(encoded, image_size),
        lambda: preprocessing.preprocess_image_for_eval(_decode(encoded), image_size),
    )


def _decode(encoded) -> tf.Tensor:
    return tf.io.decode_image(encoded, channels=3, expand_animations=False)


def _find(data_dir: str, split: str) -> list[str]:
    pattern = os.path.join(data_dir, f"{split}-*")
    paths = sorted(tf.io.gfile.glob(pattern))
    if not paths:
        missing = f"has no files {split}-*" if tf.io.gfile.isdir(data_dir) else "is no folder"
        raise ValueError(f"data_dir {data_dir!r} {missing}, which data set 'imagenet' needs")
    return paths


def _count(paths: list[str], of_imagenet: int) -> int:
    """Records in files; of those in a cloud, which are slow to walk, ImageNet's number."""
    if "://" in paths[0]:
        return of_imagenet
    return sum(tfrecords.count_records_per_file(paths))
