"""A trained model as SavedModel and TFLite files, each checked against the model once written.

A file is written under another name, loaded, run beside the Keras model, and only then gets its
name: what stands in a folder under its name works, and a former file gives way to a good one only.
"""

import contextlib
import dataclasses
import os
import shutil
from collections.abc import Callable
from typing import Any

import numpy as np

from mnasnet.exporting import saved_model
from mnasnet.exporting.tflite_classifier import TFLiteClassifier
from mnasnet.exporting.tflite_export import KINDS, TFLiteConfig, export_tflite

SAVED_MODEL = "saved_model"
FORMATS = (SAVED_MODEL, *KINDS)

# Largest difference of logits from the Keras model's, over the largest logit. Where nothing is
# quantized it is rounding; elsewhere it depends on the weights, and only nonsense is kept out.
_LIMITS = {SAVED_MODEL: 1e-4, "float32": 1e-4, "float16": 0.05, "dynamic": 0.5, "int8": 0.5}
_CHECKED_IMAGES = 4


class ExportError(Exception):
    """A file that differs from the model; one line. It was not kept."""


@dataclasses.dataclass(frozen=True)
class ExportConfig:
    """What to write.

    Attributes:
      formats: some of 'saved_model', 'float32', 'float16', 'dynamic', 'int8'.
      normalized_input: of the TFLite files (`mnasnet.exporting.tflite_export.TFLiteConfig`).
      int8_ends: 'float' or 'uint8', of the int8 file.

    Raises:
      ValueError: for no format or an unknown one, and as TFLiteConfig.
    """

    formats: tuple[str, ...] = FORMATS
    normalized_input: bool = False
    int8_ends: str = "float"

    def __post_init__(self):
        unknown = [name for name in self.formats if name not in FORMATS]
        if unknown or not self.formats:
            raise ValueError(
                f"formats is {','.join(self.formats)!r}, must be some of {', '.join(FORMATS)}"
            )
        self.tflite("int8")

    def tflite(self, kind: str) -> TFLiteConfig:
        """The config of one TFLite file."""
        return TFLiteConfig(kind, self.normalized_input, self.int8_ends)


@dataclasses.dataclass(frozen=True)
class Exported:
    """One file (or folder) that was written and checked.

    Attributes:
      format: which of FORMATS.
      path: where it is.
      num_bytes: its size.
      difference: largest difference of its logits from the Keras model's, over the largest logit.
    """

    format: str
    path: str
    num_bytes: int
    difference: float


def export_model(
    model,
    directory: str,
    config: ExportConfig = ExportConfig(),
    *,
    name: str,
    images: np.ndarray,
    representative: np.ndarray | None = None,
    description: dict[str, Any] | None = None,
    on_exported: Callable[[Exported], None] = lambda exported: None,
) -> list[Exported]:
    """Writes DIRECTORY/saved_model, NAME.tflite, NAME_float16.tflite and so on.

    Args:
      model: of `build_model`, with the weights to ship.
      directory: made where it is missing.
      config: what to write.
      name: of the network; what the files are called after.
      images: float32 [N, S, S, 3] in 0..255, to check with.
      representative: the same, to calibrate int8 on.
      description: for the metadata of the TFLite files.
      on_exported: is called after each file.

    Returns:
      What was written.

    Raises:
      ExportError: for a file that is not what the model is; those before it stay.
      tflite_bench.convert.ConversionError: where TFLite cannot do it.
      ValueError: for int8 without representative images.
      OSError: where files cannot be written.
    """
    os.makedirs(directory, exist_ok=True)
    images = images[:_CHECKED_IMAGES]
    expected = model(images, training=False).numpy()
    done = []
    for format_name in config.formats:
        path = os.path.join(directory, file_name(name, format_name))
        with _kept_if_good(path) as unchecked:
            if format_name == SAVED_MODEL:
                saved_model.save(model, unchecked)
                logits = saved_model.SavedModelClassifier(unchecked).logits(images)
            else:
                content = export_tflite(
                    model,
                    config.tflite(format_name),
                    representative=None if representative is None else representative[:, None],
                    description=description,
                )
                with open(unchecked, "wb") as file:
                    file.write(content)
                with open(unchecked, "rb") as file:
                    logits = TFLiteClassifier(file.read(), repr(path)).logits(images)
            difference = _difference(logits, expected)
            # Written so that NaN is refused as well.
            if not difference <= _LIMITS[format_name]:
                raise ExportError(
                    f"{path!r} was not kept: its logits differ from the model's by "
                    f"{difference:.2g} of the largest, at most {_LIMITS[format_name]:g} is allowed"
                )
        done.append(Exported(format_name, path, _size(path), difference))
        on_exported(done[-1])
    return done


def file_name(name: str, format_name: str) -> str:
    """What the file of a format is called: 'saved_model', 'mnasnet-a1_int8.tflite'."""
    if format_name == SAVED_MODEL:
        return SAVED_MODEL
    return f"{name}.tflite" if format_name == "float32" else f"{name}_{format_name}.tflite"


def _difference(logits: np.ndarray, expected: np.ndarray) -> float:
    if not (np.isfinite(logits).all() and np.isfinite(expected).all()):
        return float("nan")
    largest = np.abs(expected).max() or 1.0
    return float(np.abs(logits - expected).max() / largest)


@contextlib.contextmanager
def _kept_if_good(path: str):
    """A name to write to, which becomes `path` where the block does not raise."""
    folder, base = os.path.split(path)
    unchecked = os.path.join(folder, f".{base}.unchecked")
    former = os.path.join(folder, f".{base}.former")
    _remove(unchecked)
    try:
        yield unchecked
        if os.path.isdir(path):  # a folder cannot be replaced in one go
            _remove(former)
            os.rename(path, former)
        os.replace(unchecked, path)
    finally:
        _remove(unchecked)
    _remove(former)


def _remove(path: str) -> None:
    if os.path.isdir(path):
        shutil.rmtree(path)
    elif os.path.exists(path):
        os.remove(path)


def _size(path: str) -> int:
    if os.path.isfile(path):
        return os.path.getsize(path)
    return sum(
        os.path.getsize(os.path.join(folder, name))
        for folder, _, names in os.walk(path)
        for name in names
    )
