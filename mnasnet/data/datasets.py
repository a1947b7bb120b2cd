"""Data sets by name: the door through which a search gets its images."""

import functools
import importlib

from mnasnet.data import digits
from mnasnet.data.image_dataset import ImageDataset


@functools.cache  # read once in a process, whoever asks
def load_dataset(
    name: str,
    *,
    data_dir: str | None = None,
    image_size: int,
    validation_images: int | None = None,
    seed: int = 0,
) -> ImageDataset:
    """A data set for the proxy task, read and checked; nothing is ever downloaded.

    Args:
      name: one of
        'digits': scikit-learn's handwritten digits, which need no files (`mnasnet.data.digits`);
        'imagenet': TFRecords train-*-of-* in `data_dir` (`mnasnet.data.imagenet`);
        'package.module': the user's own, from a module's function
          load(*, data_dir, image_size, validation_images, seed) -> ImageDataset;
        anything else: a data set that TFDS has prepared in `data_dir` (`mnasnet.data.tfds_images`).
      data_dir: folder of the data, where the data set needs one.
      image_size: S, height and width of the images.
      validation_images: how many to hold out from the training set at most: 50,000 (the paper's
        number) where None, and never more than a fifth of the training set.
      seed: of the choice of held-out images.

    Raises:
      ValueError: for an unknown name, a folder without the data, broken files; one line.
    """
    if image_size < 1:
        raise ValueError(f"image_size is {image_size}, must be at least 1 pixel")
    arguments = {
        "data_dir": data_dir,
        "image_size": image_size,
        "validation_images": validation_images,
        "seed": seed,
    }
    if name == "digits":
        return digits.load(**arguments)
    # Each of the others imports TensorFlow, for some only to say that a name is mistyped.
    if name == "imagenet":
        from mnasnet.data import imagenet

        return imagenet.load(**arguments)
    if "." in name and all(part.isidentifier() for part in name.split(".")):
        return _load_from_module(name, arguments)
    from mnasnet.data import tfds_images

    return tfds_images.load(name, **arguments)


def _load_from_module(name: str, arguments: dict) -> ImageDataset:
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        raise ValueError(f"data set module {name!r} cannot be imported: {error}") from error
    if not callable(getattr(module, "load", None)):
        raise ValueError(
            f"data set module {name!r} has no function load(), see mnasnet.data.datasets"
        )
    dataset = module.load(**arguments)
    if not isinstance(dataset, ImageDataset):
        raise ValueError(
            f"load() of data set module {name!r} gives a {type(dataset).__name__}, must give a "
            "mnasnet.data.image_dataset.ImageDataset"
        )
    if dataset.image_size != arguments["image_size"]:
        raise ValueError(
            f"data set module {name!r} gives images of {dataset.image_size} px, "
            f"{arguments['image_size']} were asked for"
        )
    return dataset
