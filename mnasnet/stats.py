"""Parameters, multiply-adds and shapes of a network, from its block arguments alone.

Nothing is built: a network is priced in a twentieth of a millisecond, so a search can price
thousands.
The counts equal those of the built network to the unit.
"""

import dataclasses
import functools
import math
import numbers
from collections.abc import Iterable

from mnasnet.architectures import Architecture
from mnasnet.layer_args import LayerArgs, expand_blocks

Shape = tuple[int, int, int]


@dataclasses.dataclass(frozen=True, slots=True)
class LayerStats:
    """One operation; its batch normalisation, bias and activation are part of it.

    Attributes:
      name: 'stem', 'block_3/depthwise', 'head/dense'; layers are numbered through the network, as
        the model's endpoints are.
      op: 'conv', 'depthwise', 'se' (squeeze-and-excitation: both of its 1x1 convolutions), 'pool'
        (the average pooling of a skip path), 'global_pool', 'dense'.
      kernel: height and width of the kernel, 0 where there is none.
      stride: in both directions.
      input_shape: (height, width, channels).
      output_shape: the same, behind it.
      params: trainable parameters: kernels, biases, batch normalisation's scale and offset.
      non_trainable_params: batch normalisation's moving mean and variance.
      multiply_adds: of its convolutions and matrix products, for one image.
    """

    name: str
    op: str
    kernel: int
    stride: int
    input_shape: Shape
    output_shape: Shape
    params: int = 0
    non_trainable_params: int = 0
    multiply_adds: int = 0


@dataclasses.dataclass(frozen=True)
class ModelStats:
    """A network's totals and the operations that they are the sums of.

    Attributes:
      params: trainable parameters.
      multiply_adds: of convolutions (squeeze-and-excitation included), depthwise convolutions and
        the classifier, for one image. Everything else (normalisation, activations, pooling,
        additions) counts nothing, as in the MnasNet paper's figures.
      layers: the operations, in the order in which they run.
      non_trainable_params: batch normalisation's moving statistics.
    """

    params: int
    multiply_adds: int
    layers: tuple[LayerStats, ...]
    non_trainable_params: int

    @classmethod
    def of(cls, layers: Iterable[LayerStats]) -> "ModelStats":
        """The statistics of these operations, be they a network or a part of one."""
        layers = tuple(layers)
        return cls(
            params=sum(layer.params for layer in layers),
            multiply_adds=sum(layer.multiply_adds for layer in layers),
            layers=layers,
            non_trainable_params=sum(layer.non_trainable_params for layer in layers),
        )


def count(
    architecture: Architecture,
    *,
    image_size: int | None = None,
    num_classes: int = 1000,
    depth_multiplier: float | None = None,
) -> ModelStats:
    """Prices a network.

    Args:
      architecture: the network.
      image_size: height and width of its images; by default what the network was designed for.
      num_classes: outputs of the classifier.
      depth_multiplier: over 0, scales the filters of stem and blocks; None leaves them unrounded.

    Raises:
      ValueError: for an image size or number of classes below 1, or a multiplier not over 0.
    """
    image_size = architecture.image_size if image_size is None else image_size
    for name, value in (("image_size", image_size), ("num_classes", num_classes)):
        if not isinstance(value, numbers.Integral) or value < 1:
            raise ValueError(f"{name} is {value!r}, must be a whole number >= 1")
    rows = _Rows((image_size, image_size, 3))
    rows.conv("stem", 3, 2, architecture.scaled(architecture.stem_filters, depth_multiplier))
    for number, layer in enumerate(expand_blocks(architecture, depth_multiplier)):
        rows.extend(_layer_rows(number, layer, rows.shape))
    rows.conv("head/conv", 1, 1, architecture.head_filters)
    rows.global_pool("head/global_pool")
    rows.dense("head/dense", num_classes)
    return ModelStats.of(rows.layers)


# The networks of a search are made of the same layers over and over.
@functools.lru_cache(maxsize=1 << 14)
def _layer_rows(number: int, layer: LayerArgs, input_shape: Shape) -> "_Rows":
    rows, name = _Rows(input_shape), f"block_{number}"
    if layer.conv_op == "conv":
        rows.conv(f"{name}/conv", layer.kernel_size, layer.stride, layer.output_filters)
    else:
        if layer.expanded_filters:
            rows.conv(f"{name}/expand", 1, 1, layer.expanded_filters)
        rows.depthwise(f"{name}/depthwise", layer.kernel_size, layer.stride)
    if layer.squeeze_filters:
        rows.squeeze_excite(f"{name}/se", layer.squeeze_filters)
    if layer.conv_op != "conv":
        rows.conv(f"{name}/project", 1, 1, layer.output_filters)
    if layer.skip == "pool":
        rows.pool_skip(f"{name}/pool", layer.stride, input_shape)
    return rows


class _Rows:
    """The rows so far, and the shape that the next operation reads."""

    def __init__(self, shape: Shape):
        self.shape = shape
        self.layers: list[LayerStats] = []

    def extend(self, rows: "_Rows") -> None:
        """Appends rows that begin at this shape."""
        self.layers += rows.layers
        self.shape = rows.shape

    def conv(self, name: str, kernel: int, stride: int, filters: int) -> None:
        weights = kernel * kernel * self.shape[2] * filters
        self._convolution(name, "conv", kernel, stride, filters, weights)

    def depthwise(self, name: str, kernel: int, stride: int) -> None:
        channels = self.shape[2]
        weights = kernel * kernel * channels
        self._convolution(name, "depthwise", kernel, stride, channels, weights)

    def _convolution(self, name, op, kernel: int, stride: int, filters: int, weights: int) -> None:
        """A convolution of so many weights with the batch norm behind it."""
        height, width = self._strided(self.shape, stride)
        self._append(
            name,
            op,
            kernel,
            stride,
            (height, width, filters),
            params=weights + 2 * filters,
            non_trainable_params=2 * filters,
            multiply_adds=height * width * weights,
        )

    def squeeze_excite(self, name: str, width: int) -> None:
        weights = 2 * self.shape[2] * width
        biases = width + self.shape[2]
        self._append(name, "se", 1, 1, self.shape, params=weights + biases, multiply_adds=weights)

    def pool_skip(self, name: str, stride: int, input_shape: Shape) -> None:
        """The skip path beside the layer: it leaves `shape` alone."""
        output_shape = (*self._strided(input_shape, stride), input_shape[2])
        self.layers.append(LayerStats(name, "pool", 3, stride, input_shape, output_shape))

    def global_pool(self, name: str) -> None:
        self._append(name, "global_pool", 0, 1, (1, 1, self.shape[2]))

    def dense(self, name: str, units: int) -> None:
        weights = self.shape[2] * units
        self._append(
            name, "dense", 0, 1, (1, 1, units), params=weights + units, multiply_adds=weights
        )

    def _strided(self, shape: Shape, stride: int) -> tuple[int, int]:
        """Height and width behind a stride under 'same' padding."""
        return math.ceil(shape[0] / stride), math.ceil(shape[1] / stride)

    def _append(self, name, op, kernel, stride, output_shape, **counts) -> None:
        self.layers.append(LayerStats(name, op, kernel, stride, self.shape, output_shape, **counts))
        self.shape = output_shape
