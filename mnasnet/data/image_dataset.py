"""What the proxy task asks of a data set, and the kind that fits in memory.

A search trains each candidate on one part of the training set and ranks it on another, held out
from it (MnasNet, section 5: 50,000 images of ImageNet's training set). The test set is for the
network that the search hands over, and never enters here.
"""

import abc
from collections.abc import Iterator

import numpy as np

PAPER_VALIDATION_IMAGES = 50_000
_SMALLEST_SHARE = 5  # at most a fifth is held out
PADDING_LABEL = -1

Batch = tuple[np.ndarray, np.ndarray]


class DataError(ValueError):
    """Images that cannot be read; the message is one line that names the file."""


class ImageDataset(abc.ABC):
    """Images with labels, cut in a training and a validation part.

    Attributes:
      name: what the user called it.
      num_classes: labels are 0 .. num_classes - 1.
      image_size: height and width of the images that the batches hold.
      num_train: images to train on.
      num_validation: images to rank by.
      description: one line for reports: what it is, how many images, what was held out.
    """

    name: str
    num_classes: int
    image_size: int
    num_train: int
    num_validation: int
    description: str

    @abc.abstractmethod
    def train_batches(self, batch_size: int, epoch: int, seed: int) -> Iterator[Batch]:
        """One pass over the training part, in an order that (seed, epoch) alone decide.

        Args:
          batch_size: B; images that do not fill a last batch are left out.
          epoch: which pass, from 0.
          seed: of the order, and of random crops where the data set has them.

        Yields:
          Images [B, S, S, 3] in 0..255, uint8 or float32, and labels int32 [B].

        Raises:
          DataError: for data that cannot be read.
        """

    @abc.abstractmethod
    def validation_batches(self, batch_size: int) -> Iterator[Batch]:
        """All validation images, always in the same order.

        Args:
          batch_size: B; the last batch is filled up with black images of label -1.

        Yields:
          As `train_batches`.

        Raises:
          DataError: as `train_batches`.
        """


class InMemoryDataset(ImageDataset):
    """A data set held as two arrays, for sets of up to a few gigabytes.

    Args:
      name: what the user calls it.
      images: uint8 or float32 [N, S, S, 3] in 0..255: the whole training set.
      labels: [N], whole numbers 0 .. num_classes - 1.
      num_classes: how many labels there are.
      validation_images: held out at most; 50,000 where None. Never over a fifth of the set.
      seed: of the choice of held-out images, which has all classes in proportion.
      source: what the images are, for `description`; the name where None.

    Raises:
      ValueError: for arrays of other shapes, or labels out of range.
    """

    def __init__(
        self,
        name: str,
        images: np.ndarray,
        labels: np.ndarray,
        *,
        num_classes: int,
        validation_images: int | None = None,
        seed: int = 0,
        source: str | None = None,
    ):
        _check_arrays(name, images, labels, num_classes)
        labels = labels.astype(np.int32)
        held_out = num_held_out(len(labels), validation_images, name)
        train, validation = split_by_class(labels, held_out, seed)
        self.name = name
        self.num_classes = num_classes
        self.image_size = images.shape[1]
        self.num_train, self.num_validation = len(train), len(validation)
        self.description = describe(source or name, self.num_train, self.num_validation)
        self._train = images[train], labels[train]
        self._validation = images[validation], labels[validation]

    def train_batches(self, batch_size: int, epoch: int, seed: int) -> Iterator[Batch]:
        images, labels = self._train
        order = np.random.default_rng((seed, epoch)).permutation(self.num_train)
        for start in range(0, self.num_train - batch_size + 1, batch_size):
            chosen = order[start : start + batch_size]
            yield images[chosen], labels[chosen]

    def validation_batches(self, batch_size: int) -> Iterator[Batch]:
        images, labels = self._validation
        for start in range(0, self.num_validation, batch_size):
            stop = start + batch_size
            yield pad_batch(images[start:stop], labels[start:stop], batch_size)


def num_held_out(num_images: int, validation_images: int | None, name: str) -> int:
    """How many of the training set's images to hold out: as asked, at most a fifth.

    Raises:
      ValueError: where less than one image was asked for, or the set is too small to share.
    """
    if validation_images is not None and validation_images < 1:
        raise ValueError(f"validation_images is {validation_images}, at least 1 must be held out")
    if num_images < _SMALLEST_SHARE:
        raise ValueError(
            f"data set {name!r} has {num_images} training images, at least {_SMALLEST_SHARE} are "
            "needed to hold a fifth out"
        )
    asked = PAPER_VALIDATION_IMAGES if validation_images is None else validation_images
    return min(asked, num_images // _SMALLEST_SHARE)


def split_by_class(labels: np.ndarray, held_out: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the training and the validation part, each class in proportion to within one.

    Args:
      labels: int [N].
      held_out: V, size of the validation part, 1 <= V < N.
      seed: decides which images of a class are held out.

    Returns:
      Two ascending index arrays, [N - V] and [V].
    """
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    # Picks at even distances along the images sorted by class take the same share of each class.
    picks = np.arange(held_out) * len(labels) // held_out
    return np.sort(np.delete(by_class, picks)), np.sort(by_class[picks])


def pad_batch(images: np.ndarray, labels: np.ndarray, batch_size: int) -> Batch:
    """Fills a batch up with black images of label -1, so that one traced function serves."""
    missing = batch_size - len(labels)
    images = np.pad(images, ((0, missing), (0, 0), (0, 0), (0, 0)))
    return images, np.pad(labels, (0, missing), constant_values=PADDING_LABEL)


def describe(source: str, num_train: int, num_validation: int) -> str:
    """The line that reports print below a number."""
    return (
        f"{source}: {num_train:,} images to train, "
        f"{num_validation:,} held out from the training set to rank by"
    )


def _check_arrays(name: str, images: np.ndarray, labels: np.ndarray, num_classes: int):
    square_rgb = images.ndim == 4 and images.shape[1] == images.shape[2] and images.shape[3] == 3
    if not square_rgb or images.dtype not in (np.uint8, np.float32):
        raise ValueError(
            f"images of data set {name!r} are {images.dtype} {list(images.shape)}, must be uint8 "
            "or float32 [N, S, S, 3]"
        )
    if labels.shape != images.shape[:1] or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            f"labels of data set {name!r} are {labels.dtype} {list(labels.shape)}, must be whole "
            f"numbers [{len(images)}]"
        )
    if len(labels) and not (labels.min() >= 0 and labels.max() < num_classes):
        raise ValueError(
            f"labels of data set {name!r} run from {labels.min()} to {labels.max()}, must lie in "
            f"0 .. {num_classes - 1}"
        )
