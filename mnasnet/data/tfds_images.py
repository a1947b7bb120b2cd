"""Any image data set that TensorFlow Datasets has prepared on this machine, held in memory.

Nothing is downloaded: a search that starts a download of hundreds of gigabytes, or waits for a
network that is not there, is not what anyone asked for.
"""

import os

from mnasnet.data.image_dataset import InMemoryDataset

_MEMORY_LIMIT_BYTES = 16 * 2**30
# What is prepared may be a part; a number from a part must not pass for one from the whole.
_FULL_TRAIN_IMAGES = {"cifar10": 50_000, "cifar100": 50_000, "mnist": 60_000}


def load(
    name: str, *, data_dir: str | None, image_size: int, validation_images: int | None, seed: int
) -> InMemoryDataset:
    """The training split of a prepared TFDS data set.

    Args:
      name: as TFDS knows it: 'cifar10', 'name/config', 'name:version'.
      data_dir: where it was prepared; TFDS's own folder where None.
      image_size: S; all images are resized to S x S, whatever their shape, grey made RGB.
      validation_images: as InMemoryDataset.
      seed: as InMemoryDataset.

    Raises:
      ValueError: where it is not prepared there, is broken, or is no classification of images.
    """
    import tensorflow as tf

    builder = open_builder(name, data_dir)
    features, split = builder.info.features, builder.info.splits["train"]
    bytes_needed = split.num_examples * image_size**2 * 3
    if bytes_needed > _MEMORY_LIMIT_BYTES:
        raise ValueError(
            f"data set {name!r} at {image_size} px takes {bytes_needed / 2**30:.0f} GiB of memory, "
            f"at most {_MEMORY_LIMIT_BYTES / 2**30:.0f} are allowed: lower the image size, or read "
            "TFRecords with the data set 'imagenet'"
        )

    def resize(example):
        picture = example["image"]
        if picture.shape[-1] == 1:
            picture = tf.image.grayscale_to_rgb(picture)
        if picture.shape[:2] != (image_size, image_size):
            picture = tf.image.resize(picture, (image_size, image_size), antialias=True)
            picture = tf.cast(tf.clip_by_value(tf.round(picture), 0, 255), tf.uint8)
        return picture, example["label"]

    try:
        dataset = builder.as_dataset(split="train", shuffle_files=False)
        dataset = dataset.map(resize, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        images, labels = next(dataset.batch(split.num_examples).as_numpy_iterator())
    except (tf.errors.OpError, OSError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"data set {name!r} in {builder.data_dir}: {reason}") from None
    if len(labels) != split.num_examples:
        raise ValueError(
            f"data set {name!r} in {builder.data_dir}: {len(labels):,} of the "
            f"{split.num_examples:,} training images that dataset_info.json promises are there"
        )
    full = _FULL_TRAIN_IMAGES.get(builder.info.name, split.num_examples)
    part = "" if full == split.num_examples else f", a subset of {split.num_examples:,} images"
    return InMemoryDataset(
        name,
        images,
        labels,
        num_classes=features["label"].num_classes,
        validation_images=validation_images,
        seed=seed,
        source=f"{builder.info.full_name} (TFDS) at {image_size} px{part}",
    )


def open_builder(name: str, data_dir: str | None):
    """A prepared data set of images with one label each, as TFDS's DatasetBuilder.

    Raises:
      ValueError: as `load`.
    """
    # Takes a while to import, and digits and imagenet do without it.
    import tensorflow_datasets as tfds

    try:
        builder = tfds.core.read_only_builder.builder_from_files(name, data_dir=data_dir)
    except Exception as error:  # not found is one class of several, by what is odd about the name
        raise ValueError(_not_prepared(name, data_dir)) from error
    features, split = builder.info.features, builder.info.splits.get("train")
    if split is None or not isinstance(features, tfds.features.FeaturesDict):
        raise ValueError(f"data set {name!r} has no train split of named features")
    kinds = {key: type(feature) for key, feature in features.items()}
    if (kinds.get("image"), kinds.get("label")) != (tfds.features.Image, tfds.features.ClassLabel):
        raise ValueError(
            f"data set {name!r} has the features {', '.join(features)}; an image and a label (one "
            "class each) are needed"
        )
    return builder


def _not_prepared(name: str, data_dir: str | None) -> str:
    where = data_dir or os.path.join("~", "tensorflow_datasets")
    folder = os.path.expanduser(where)
    if os.path.isdir(folder):
        prepared = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir())
        there = ", ".join(prepared) or "none"
    else:
        there = "which is no folder"
    return (
        f"unknown data set {name!r}: known are digits, imagenet, a module as 'package.module', and "
        f"the TFDS sets prepared in data_dir {where!r} ({there})"
    )
