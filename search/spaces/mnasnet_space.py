"""The MnasNet paper's factorized hierarchical search space."""

import math

from mnasnet.architectures import ARCHITECTURES, Architecture
from mnasnet.block_args import BlockArgs, decode, encode
from search.spaces.decisions import Decision, Network, SearchSpace

# The paper's decisions for a block (section 4.1). Its 432 choices a block are 4*2*2*3*3*3, which
# takes four convolution operations: the paper's figure 7 shows both expand ratios, 3 and 6.
_CONV_OPS = ("conv", "dconv", "mbconv_e3", "mbconv_e6")
_KERNEL_SIZES = (3, 5)
_SE_RATIOS = (0.0, 0.25)
_SKIPS = ("pool", "identity", "none")
_FILTER_RATIOS = (0.75, 1.0, 1.25)


def mnasnet_space(reference: Architecture | None = None) -> SearchSpace:
    """The MnasNet paper's factorized hierarchical search space around a reference network.

    Each block of the reference decides for itself: convolution operation {conv, dconv, MBConv with
    expand ratio 3 or 6}, kernel {3, 5}, squeeze ratio {0, 0.25}, skip {pool, identity, none},
    filters {0.75, 1, 1.25} x the reference's, layers {-1, 0, +1} + the reference's. All layers of a
    block are alike. Strides, stem and head are the reference's. MobileNetV2 is the default.

    Differs from the paper where the reference has a single layer: {0, +1, +2} layers, since zero
    layers would be no block. Filters are not rounded to multiples of 8, so that all choices differ.

    Raises:
      ValueError: for a block of so few filters that two of the three choices coincide.
    """
    reference = ARCHITECTURES["mobilenet-v2"] if reference is None else reference
    decisions = []
    for position, block in enumerate(reference.blocks):
        fewer = block.num_repeat - 1 if block.num_repeat > 1 else 1
        filters = tuple(round(ratio * block.output_filters) for ratio in _FILTER_RATIOS)
        prefix = f"block_{position}"
        decisions += [
            Decision(f"{prefix}/conv_op", _CONV_OPS),
            Decision(f"{prefix}/kernel_size", _KERNEL_SIZES),
            Decision(f"{prefix}/se_ratio", _SE_RATIOS),
            Decision(f"{prefix}/skip", _SKIPS),
            Decision(f"{prefix}/filters", filters),
            Decision(f"{prefix}/num_repeat", tuple(range(fewer, fewer + 3))),
        ]
    per_block = len(decisions) // len(reference.blocks)

    def to_strings(values: tuple) -> Network:
        blocks, input_filters = [], reference.stem_filters
        for position, block in enumerate(reference.blocks):
            chosen = values[position * per_block : (position + 1) * per_block]
            conv_op, kernel_size, se_ratio, skip, filters, num_repeat = chosen
            op, _, expand_ratio = conv_op.partition("_e")
            blocks.append(
                BlockArgs(
                    num_repeat=num_repeat,
                    kernel_size=kernel_size,
                    strides=block.strides,
                    expand_ratio=int(expand_ratio or 1),
                    input_filters=input_filters,
                    output_filters=filters,
                    se_ratio=se_ratio,
                    skip=skip,
                    conv_op=op,
                )
            )
            input_filters = filters
        return encode(blocks)

    def to_values(strings: Network) -> tuple:
        blocks = decode(strings)
        if len(blocks) != len(reference.blocks):
            raise ValueError(f"{len(blocks)} blocks given, the space has {len(reference.blocks)}")
        values, input_filters = [], reference.stem_filters
        for position, (block, model) in enumerate(zip(blocks, reference.blocks, strict=True)):
            if (block.strides, block.input_filters) != (model.strides, input_filters):
                raise ValueError(
                    f"block {position}, {strings[position]!r}, must have strides "
                    f"{model.strides} and {input_filters} input filters in this space"
                )
            op = block.conv_op
            conv_op = f"{op}_e{block.expand_ratio}" if op == "mbconv" else op
            values += [conv_op, block.kernel_size, block.se_ratio, block.skip]
            values += [block.output_filters, block.num_repeat]
            input_filters = block.output_filters
        return tuple(values)

    block_size = math.prod(len(decision.choices) for decision in decisions[:per_block])
    return SearchSpace(
        decisions,
        to_strings,
        to_values,
        name="mnasnet",
        skeleton=reference,
        per_layer_size=block_size ** sum(block.num_repeat for block in reference.blocks),
    )
