"""Names of classes, to print beside their numbers."""

IMAGENET_CLASSES = 1000


def class_names(num_classes: int, path: str | None = None) -> tuple[str, ...] | None:
    """Names of the classes 0 .. num_classes - 1.

    Args:
      num_classes: how many there are.
      path: a file with a name a line; None takes ImageNet's names, which TFDS carries, where there
        are 1,000 classes.

    Returns:
      The names, or None where nobody knows any.

    Raises:
      ValueError: for a file that cannot be read or has another number of lines.
    """
    if path is None:
        return _imagenet() if num_classes == IMAGENET_CLASSES else None
    try:
        with open(path, encoding="utf-8") as lines:
            names = tuple(line.strip() for line in lines if line.strip())
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"labels {path!r} cannot be read: {error}") from error
    if len(names) != num_classes:
        raise ValueError(f"labels {path!r} has {len(names)} names, must have {num_classes}")
    return names


def _imagenet() -> tuple[str, ...]:
    from tensorflow_datasets.datasets.siscore import labels

    # The rest of each line are synonyms.
    return tuple(names.partition(",")[0] for names in labels.IMAGENET_LABELS_LIST)
