"""Top-1 and top-5 of classifiers, several on one pass over the images."""

import dataclasses
import glob
import os
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import tensorflow as tf

from mnasnet.data import imagenet, tfrecords
from mnasnet.preprocessing import preprocess_for_eval


@dataclasses.dataclass(frozen=True)
class Classifier:
    """Something that says how likely each class is.

    Attributes:
      name: what tables call it.
      num_classes: C.
      image_size: S; None for one that takes JPEGs and crops them itself.
      scores: images float32 [B, S, S, 3] in 0..255, or JPEGs, string [B] -> [B, C], highest first.
      logits: whether the scores are logits rather than probabilities.
      labels: names of the classes, where it knows any itself.
    """

    name: str
    num_classes: int
    image_size: int | None
    scores: Callable[[np.ndarray], np.ndarray]
    logits: bool = True
    labels: Sequence[str] | None = None

    def probabilities(self, jpegs: Sequence[bytes]) -> np.ndarray:
        """[N, C] for JPEGs."""
        inputs = np.array(jpegs, object)
        if self.image_size is not None:
            images = [preprocess_for_eval(jpeg, self.image_size).numpy() for jpeg in jpegs]
            inputs = np.stack(images)
        scores = self.scores(inputs)
        return tf.nn.softmax(scores).numpy() if self.logits else scores


@dataclasses.dataclass
class Accuracy:
    """How often a classifier was right so far.

    Attributes:
      images: seen.
      top_1: share of them whose class had the highest score, in [0, 1].
      top_5: whose class had less than five scores above it.
    """

    images: int = 0
    right_1: int = 0
    right_5: int = 0

    @property
    def top_1(self) -> float:
        return self.right_1 / max(1, self.images)

    @property
    def top_5(self) -> float:
        return self.right_5 / max(1, self.images)

    def add(self, scores: np.ndarray, labels: np.ndarray) -> None:
        """Counts a batch: scores [B, C], labels [B]. NaN is never right."""
        of_label = scores[np.arange(len(labels)), labels]
        sane = np.isfinite(scores).all(axis=1)
        above = (scores > of_label[:, None]).sum(axis=1)
        self.images += len(labels)
        self.right_1 += int((sane & (scores.argmax(axis=1) == labels)).sum())
        self.right_5 += int((sane & (above < 5)).sum())


class ValidationImages:
    """The files validation-*-of-* of a folder, in ImageNet's layout.

    Args:
      data_dir: the folder.
      num_classes: labels lie in 1 .. num_classes.
      num_images: evaluate on the first so many only; None for all.

    Attributes:
      num_images: how many there are to evaluate on.

    Raises:
      ValueError: for a folder without such files, broken ones, or records without labels.
    """

    def __init__(self, data_dir: str, num_classes: int, num_images: int | None = None):
        self._paths = sorted(glob.glob(os.path.join(glob.escape(data_dir), "validation-*-of-*")))
        self._num_classes = num_classes
        if not self._paths:
            missing = (
                "has no files validation-*-of-*" if os.path.isdir(data_dir) else "is no folder"
            )
            raise ValueError(f"data_dir {data_dir!r} {missing}")
        there = sum(tfrecords.count_records_per_file(self._paths))
        if num_images is not None and num_images > there:
            raise ValueError(f"num_images is {num_images}, data_dir {data_dir!r} has {there}")
        self.num_images = num_images or there
        imagenet.check_first_records(self._paths, num_classes)

    def batches(
        self, batch_size: int, sizes: Iterable[int | None]
    ) -> Iterator[tuple[dict, np.ndarray]]:
        """Every image once, in the order of the files.

        Args:
          batch_size: B; the last batch may have fewer.
          sizes: image sizes to have the images in; None asks for the JPEGs.

        Yields:
          ({size: images float32 [B, S, S, 3] in 0..255 or JPEGs, string [B]}, labels [B]).
        """
        sizes = tuple(dict.fromkeys(sizes))

        def decode(record):
            jpeg, label = imagenet.parse(record, self._num_classes)
            return tuple(jpeg if s is None else preprocess_for_eval(jpeg, s) for s in sizes), label

        records = tf.data.TFRecordDataset(self._paths).take(self.num_images)
        decoded = records.map(decode, tf.data.AUTOTUNE).batch(batch_size).prefetch(1)
        for inputs, labels in decoded.as_numpy_iterator():
            yield dict(zip(sizes, inputs, strict=True)), labels


def evaluate(
    classifiers: Sequence[Classifier],
    images: ValidationImages,
    *,
    batch_size: int = 64,
    on_batch: Callable[[list[Accuracy]], None] = lambda accuracies: None,
) -> list[Accuracy]:
    """The accuracy of each classifier; each image is read and cropped once for all."""
    accuracies = [Accuracy() for _ in classifiers]
    sizes = [classifier.image_size for classifier in classifiers]
    for inputs, labels in images.batches(batch_size, sizes):
        for classifier, accuracy in zip(classifiers, accuracies, strict=True):
            accuracy.add(classifier.scores(inputs[classifier.image_size]), labels)
        on_batch(accuracies)
    return accuracies
