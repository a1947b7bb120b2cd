"""The default data set: handwritten digits from inside scikit-learn, so no download is needed."""

from mnasnet.data.image_dataset import InMemoryDataset


def load(
    *, data_dir: str | None, image_size: int, validation_images: int | None, seed: int
) -> InMemoryDataset:
    """1,797 handwritten digits of 8 x 8 grey pixels (UCI, Alpaydin and Kaynak), enlarged.

    Args:
      data_dir: not used; the images come inside a package.
      image_size: S; the digits are enlarged bilinearly to S x S and made RGB.
      validation_images: as InMemoryDataset.
      seed: as InMemoryDataset.
    """
    del data_dir
    # Both imports take a while, and whoever only lists the data sets needs neither.
    from sklearn import datasets as sklearn_datasets

    from mnasnet.preprocessing import resize_squares

    digits = sklearn_datasets.load_digits()
    grey = digits.images[..., None] * (255 / 16)
    return InMemoryDataset(
        "digits",
        resize_squares(grey.repeat(3, axis=-1), image_size),
        digits.target,
        num_classes=10,
        validation_images=validation_images,
        seed=seed,
        source=f"scikit-learn's handwritten digits at {image_size} px",
    )
