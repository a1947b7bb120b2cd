"""What a network executes, as a list of operators whose latencies can be added up."""

import dataclasses
import functools
import math

from mnasnet.architectures import Architecture
from mnasnet.layer_args import LayerArgs, expand_blocks


@dataclasses.dataclass(frozen=True, order=True)
class Operator:
    """One operator; its bias and activation are part of it, batch normalisation is folded away.

    A bottleneck is an expansion ('conv', of kernel 1), a 'depthwise', maybe an 'se', and a
    projection ('conv' again): its expand ratio stands in their filters.

    Attributes:
      op: 'stem' (images are normalised in it), 'conv', 'depthwise', 'se'
        (squeeze-and-excitation as a whole), 'pool' (average pooling on a skip path, and its
        channels of zeros), 'add', 'global_pool' or 'dense'.
      kernel: height and width of the kernel, 0 where there is none.
      stride: both ways.
      image_size: height and width of what it reads.
      input_filters: channels of what it reads.
      output_filters: channels of what it writes.
      squeeze_filters: inner width of an 'se', 0 elsewhere.
    """

    op: str
    kernel: int
    stride: int
    image_size: int
    input_filters: int
    output_filters: int
    squeeze_filters: int = 0

    def __str__(self):
        kernel = f" {self.kernel}x{self.kernel}" if self.kernel else ""
        stride = f" /{self.stride}" if self.stride > 1 else ""
        squeeze = f" by way of {self.squeeze_filters}" if self.squeeze_filters else ""
        size = f"{self.image_size}x{self.image_size}"
        return (
            f"{self.op}{kernel}{stride} {size}x{self.input_filters} to {self.output_filters}"
            f"{squeeze}"
        )


def operators_of(
    architecture: Architecture, image_size: int, num_classes: int
) -> tuple[tuple[str, Operator], ...]:
    """The operators of a network, each with its place, such as 'block_3/expand', in order.

    Args:
      architecture: the network; its layers are counted through, as `mnasnet.model` counts them.
      image_size: of the images.
      num_classes: of the classifier.
    """
    stem = Operator("stem", 3, 2, image_size, 3, architecture.stem_filters)
    found = [("stem", stem)]
    size, filters = math.ceil(image_size / 2), architecture.stem_filters
    for number, layer in enumerate(expand_blocks(architecture)):
        found += [(f"block_{number}/{role}", it) for role, it in layer_operators(layer, size)]
        size, filters = math.ceil(size / layer.stride), layer.output_filters
    head = architecture.head_filters
    found += [
        ("head/conv", Operator("conv", 1, 1, size, filters, head)),
        ("head/pool", Operator("global_pool", 0, 1, size, head, head)),
        ("head/dense", Operator("dense", 0, 1, 1, head, num_classes)),
    ]
    return tuple(found)


@functools.lru_cache(maxsize=1 << 16)
def layer_operators(layer: LayerArgs, image_size: int) -> tuple[tuple[str, Operator], ...]:
    """The operators of one layer by their roles, from what it reads [image_size, image_size, C]."""
    behind = math.ceil(image_size / layer.stride)
    entering, leaving = layer.input_filters, layer.output_filters
    kernel, stride = layer.kernel_size, layer.stride
    found = []
    if layer.conv_op == "conv":
        inner = leaving
        found.append(("conv", Operator("conv", kernel, stride, image_size, entering, leaving)))
    else:
        inner = layer.expanded_filters or entering
        if layer.expanded_filters:
            found.append(("expand", Operator("conv", 1, 1, image_size, entering, inner)))
        depthwise = Operator("depthwise", kernel, stride, image_size, inner, inner)
        found.append(("depthwise", depthwise))
    if layer.squeeze_filters:
        found.append(("se", Operator("se", 0, 1, behind, inner, inner, layer.squeeze_filters)))
    if layer.conv_op != "conv":
        found.append(("project", Operator("conv", 1, 1, behind, inner, leaving)))
    if layer.skip == "pool":
        found.append(("pool", Operator("pool", 3, stride, image_size, entering, leaving)))
    if layer.skip != "none":
        found.append(("add", Operator("add", 0, 1, behind, leaving, leaving)))
    return tuple(found)
