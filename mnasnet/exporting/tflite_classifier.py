"""A .tflite file as a function: pixels in, logits out, whatever its ends look like."""

import numpy as np

from mnasnet.exporting.tflite_metadata import read_description
from tflite_bench.chatter import silenced

# Of ImageNet's red, green and blue, for pixels in 0..255.
MEAN_RGB = tuple(255 * mean for mean in (0.485, 0.456, 0.406))
STDDEV_RGB = tuple(255 * stddev for stddev in (0.229, 0.224, 0.225))

# The official code's files take images that somebody else has normalised, by this name.
NORMALIZED_INPUT_NAME = "truediv"


def normalize(images: np.ndarray) -> np.ndarray:
    """Pixels [..., 3] in 0..255 as the official files take them."""
    return ((images - np.float32(MEAN_RGB)) / np.float32(STDDEV_RGB)).astype(np.float32)


class TFLiteClassifier:
    """A classifier in a .tflite file, ours or of the official code.

    Args:
      tflite: content of the file.
      name: what errors call it.

    Attributes:
      description: its JSON metadata, {} where it has none.
      image_size: S.
      num_classes: C.

    Raises:
      ValueError: for a file that LiteRT does not load, or that has not one image in and one row of
        numbers out.
    """

    def __init__(self, tflite: bytes, name: str = "the .tflite"):
        from ai_edge_litert.interpreter import Interpreter

        try:
            with silenced():
                self._interpreter = Interpreter(model_content=tflite, num_threads=1)
                self._interpreter.allocate_tensors()
            self.description = read_description(tflite) or {}
        except (RuntimeError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise ValueError(f"{name} cannot be loaded: {reason}") from error
        takes, gives = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        shapes = [end["shape"].tolist() for end in (*takes, *gives)]
        (taken, *_), (given, *_) = takes, gives
        square = taken["shape"].tolist() == [1, *taken["shape"][1:2].tolist() * 2, 3]
        if len(shapes) != 2 or not square or len(given["shape"]) != 2:
            raise ValueError(
                f"{name} has ends of shapes {shapes}, must take one image [1, S, S, 3] and give "
                "one row [1, C]"
            )
        self.image_size, self.num_classes = shapes[0][1], shapes[1][1]
        self._taken, self._given = taken, given
        self._normalized = taken["name"].partition(":")[0] == NORMALIZED_INPUT_NAME

    def logits(self, images: np.ndarray) -> np.ndarray:
        """Pixels float32 [N, S, S, 3] in 0..255 -> logits float32 [N, C]."""
        if self._normalized:
            images = normalize(images)
        return np.stack([self._infer(image) for image in images])

    def _infer(self, image: np.ndarray) -> np.ndarray:
        self._interpreter.set_tensor(self._taken["index"], _quantize(image, self._taken)[None])
        self._interpreter.invoke()
        return _dequantize(self._interpreter.get_tensor(self._given["index"])[0], self._given)


def _quantize(values: np.ndarray, end: dict) -> np.ndarray:
    if not np.issubdtype(end["dtype"], np.integer):
        return values.astype(end["dtype"])
    scale, zero_point = end["quantization"]
    limits = np.iinfo(end["dtype"])
    # Without a scale the file takes the pixels as they are.
    steps = np.round(values / (scale or 1.0)) + zero_point
    return np.clip(steps, limits.min, limits.max).astype(end["dtype"])


def _dequantize(values: np.ndarray, end: dict) -> np.ndarray:
    scale, zero_point = end["quantization"]
    if not np.issubdtype(end["dtype"], np.integer) or not scale:
        return values.astype(np.float32)
    return (values.astype(np.float32) - zero_point) * np.float32(scale)
