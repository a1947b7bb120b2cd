"""From blocks to layers: every rule by which block arguments become shapes, without TensorFlow.

`mnasnet.model` builds what `expand_blocks` says, so a rule is written once and can be tested in
microseconds. Rules and their corner cases are those of the official MnasNet code; the operations
that it lacks (`conv`, `dconv`, `pool`) follow the paper's search space (MnasNet, section 4.1).
"""

import dataclasses

from mnasnet.architectures import Architecture


@dataclasses.dataclass(frozen=True)
class LayerArgs:
    """One layer of a network, with every number that building it takes.

    Attributes:
      conv_op: 'mbconv', 'conv' or 'dconv'.
      kernel_size: of the depthwise convolution, or of the full one where conv_op is 'conv'.
      stride: of the same convolution, both ways.
      input_filters: filters that do enter the layer.
      expanded_filters: filters of the 1x1 expansion; 0 where there is no expansion.
      squeeze_filters: inner width of squeeze-and-excitation; 0 where there is none.
      output_filters: filters that leave the layer.
      skip: the path beside the layer: 'identity', 'pool' or 'none'.
    """

    conv_op: str
    kernel_size: int
    stride: int
    input_filters: int
    expanded_filters: int
    squeeze_filters: int
    output_filters: int
    skip: str


def expand_blocks(
    architecture: Architecture, depth_multiplier: float | None = None
) -> tuple[LayerArgs, ...]:
    """The layers of an architecture between its stem and its head.

    Args:
      architecture: whose blocks to expand.
      depth_multiplier: scales the stem and all blocks, not the head; None leaves them unrounded.

    Returns:
      One LayerArgs per layer, in order.

    Raises:
      ValueError: for a depth multiplier that is not over 0.
    """
    layers = []
    entering = architecture.scaled(architecture.stem_filters, depth_multiplier)
    for block in architecture.blocks:
        output = architecture.scaled(block.output_filters, depth_multiplier)
        # What a block declares counts, not what enters: mnasnet-small declares i16 behind a stem of
        # 8, and for that alone its first block has no residual.
        declared = architecture.scaled(block.input_filters, depth_multiplier)
        for repeat in range(block.num_repeat):
            stride = block.strides[0] if repeat == 0 else 1
            layers.append(
                LayerArgs(
                    conv_op=block.conv_op,
                    kernel_size=block.kernel_size,
                    stride=stride,
                    input_filters=entering,
                    expanded_filters=declared * block.expand_ratio if block.expand_ratio > 1 else 0,
                    # Relative to what enters the layer, before its expansion.
                    squeeze_filters=max(1, int(declared * block.se_ratio)) if block.se_ratio else 0,
                    output_filters=output,
                    skip=_possible_skip(block.skip, stride, entering, declared, output),
                )
            )
            entering = declared = output
    return tuple(layers)


def _possible_skip(skip: str, stride: int, entering: int, declared: int, output: int) -> str:
    """The skip that the shapes allow: pooling can add channels of zeros, nothing can remove any."""
    if skip == "identity" and (stride > 1 or not entering == declared == output):
        return "none"
    if skip == "pool" and output < entering:
        return "none"
    return skip
