"""Images from files, as a network takes them: to calibrate on, to check with, to classify."""

import glob
import os

import numpy as np
import tensorflow as tf

from mnasnet.preprocessing import preprocess_for_eval
from tflite_bench.chatter import silenced

_JPEG_ENDINGS = (".jpg", ".jpeg", ".jpe")
_RECORDS = ("train-*-of-*", "validation-*-of-*")
_JPEG_KEY = "image/encoded"
_SYNTHETIC_PATCHES = 8


def read_jpeg(path: str) -> bytes:
    """The bytes of a JPEG file.

    Raises:
      ValueError: where it cannot be read or is no JPEG.
    """
    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError as error:
        raise ValueError(f"image {path!r} cannot be read: {error.strerror}") from error
    preprocess_jpeg(content, 1, f"image {path!r}")
    return content


def preprocess_jpeg(jpeg: bytes, image_size: int, name: str) -> np.ndarray:
    """float32 [S, S, 3] in 0..255, cropped and resized as for evaluation.

    Raises:
      ValueError: for bytes that are no JPEG; calls them `name`.
    """
    try:
        with silenced():  # libjpeg has its own say
            return preprocess_for_eval(jpeg, image_size).numpy()
    except tf.errors.OpError as error:
        raise ValueError(f"{name} is no JPEG that can be decoded") from error


def load_images(path: str, image_size: int, count: int) -> np.ndarray:
    """The first images of what a path names.

    Args:
      path: a JPEG file; a folder of such; a TFRecord file in ImageNet's layout, or a folder of
        train-* (or validation-*) ones; or a .npy file of pixels [N, S, S, 3] in 0..255.
      image_size: S.
      count: how many at most.

    Returns:
      float32 [N, S, S, 3] in 0..255, 1 <= N <= count.

    Raises:
      ValueError: where there are none, or one cannot be read.
    """
    if path.endswith(".npy"):
        return _load_array(path, image_size)[:count]
    images = []
    for name, jpeg in _jpegs(path, count):
        images.append(preprocess_jpeg(jpeg, image_size, name))
        if len(images) == count:
            break
    if not images:
        raise ValueError(
            f"{path!r} has no images: neither .jpg files nor TFRecords train-*-of-* or "
            "validation-*-of-*"
        )
    return np.stack(images)


def synthetic_images(image_size: int, count: int = 2, seed: int = 0) -> np.ndarray:
    """float32 [N, S, S, 3] in 0..255: coarse colours under noise, for want of photos."""
    rng = np.random.default_rng(seed)
    patches = rng.uniform(0, 255, (count, _SYNTHETIC_PATCHES, _SYNTHETIC_PATCHES, 3))
    colours = tf.image.resize(patches, (image_size, image_size), method="nearest").numpy()
    noisy = colours + rng.normal(0, 20, colours.shape)
    return np.clip(np.round(noisy), 0, 255).astype(np.float32)


def _load_array(path: str, image_size: int) -> np.ndarray:
    try:
        images = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise ValueError(f"{path!r} cannot be read: {error}") from error
    if images.ndim != 4 or not len(images) or images.shape[1:] != (image_size, image_size, 3):
        raise ValueError(
            f"{path!r} has the shape {list(images.shape)}, must be [N, {image_size}, {image_size}, "
            "3]"
        )
    if not (images.min() >= 0 and images.max() <= 255):
        raise ValueError(
            f"{path!r} has values in {images.min():g} .. {images.max():g}, must be pixels in "
            "0 .. 255"
        )
    return images.astype(np.float32)


def _jpegs(path: str, count: int):
    """(name for errors, JPEG) of each image."""
    if os.path.isdir(path):
        inside = sorted(os.path.join(path, name) for name in os.listdir(path))
        files = [file for file in inside if file.lower().endswith(_JPEG_ENDINGS)]
        for pattern in _RECORDS:
            files = files or sorted(glob.glob(os.path.join(glob.escape(path), pattern)))
    elif os.path.isfile(path):
        files = [path]
    else:
        raise ValueError(f"{path!r} is not there")
    for file in files[:count]:
        if file.lower().endswith(_JPEG_ENDINGS):
            yield f"image {file!r}", read_jpeg(file)
        else:
            yield from _jpegs_of_records(file)


def _jpegs_of_records(path: str):
    try:
        for record in tf.data.TFRecordDataset(path).as_numpy_iterator():
            features = tf.train.Example.FromString(record).features.feature
            if not features[_JPEG_KEY].bytes_list.value:
                raise ValueError(f"{path!r}: a record has no {_JPEG_KEY}")
            yield f"an image in {path!r}", features[_JPEG_KEY].bytes_list.value[0]
    except tf.errors.OpError as error:
        raise ValueError(f"{path!r} is no TFRecord file that can be read") from error
