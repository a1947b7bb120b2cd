"""The published networks, as block strings.

Each is a value of the same small type, so a published network, one that a search found and one that
a user types in are treated alike everywhere.
"""

import dataclasses
from collections.abc import Iterable

from mnasnet.block_args import BlockArgs, decode
from mnasnet.filters import round_filters


@dataclasses.dataclass(frozen=True)
class Architecture:
    """A whole network: stem, blocks, head.

    Attributes:
      name: what reports call it.
      blocks: in order; each block's input filters are its predecessor's output filters.
      stem_filters: of the 3x3 stride-2 convolution in front; scaled by a depth multiplier.
      head_filters: of the 1x1 convolution behind; not scaled by a depth multiplier.
      dropout_rate: before the classifier, while training.
      image_size: height and width of the images that it was designed for.
      depth_divisor: what scaled filters are rounded to multiples of.
      min_depth: the smallest number of scaled filters; 0 for one depth_divisor.

    Raises:
      ValueError: for no blocks, blocks that do not fit together, or a number out of range; names
        the block or the number.
    """

    name: str
    blocks: tuple[BlockArgs, ...]
    stem_filters: int = 32
    head_filters: int = 1280
    dropout_rate: float = 0.2
    image_size: int = 224
    depth_divisor: int = 8
    min_depth: int = 0

    def __post_init__(self):
        if not self.blocks:
            raise ValueError(f"architecture {self.name!r} has no blocks, at least one is needed")
        for field, least in _LEAST.items():
            value = getattr(self, field)
            if not isinstance(value, int) or value < least:
                raise ValueError(f"{field} is {value!r}, must be a whole number >= {least}")
        if not 0 <= self.dropout_rate < 1:
            raise ValueError(
                f"dropout_rate is {self.dropout_rate!r}, must be at least 0 and under 1"
            )
        # The first block's input is declared freely: mnasnet-small says 16 behind a stem of 8.
        for position in range(1, len(self.blocks)):
            given, before = self.blocks[position].input_filters, self.blocks[position - 1]
            if given != before.output_filters:
                raise ValueError(
                    f"architecture {self.name!r}: block {position} takes i{given} but block "
                    f"{position - 1} gives o{before.output_filters}; they must be equal"
                )

    def scaled(self, filters: int, depth_multiplier: float | None) -> int:
        """Filters of the stem or a block under a depth multiplier (`round_filters`)."""
        return round_filters(filters, depth_multiplier, self.depth_divisor, self.min_depth)


_LEAST = {"stem_filters": 1, "head_filters": 1, "image_size": 1, "depth_divisor": 1, "min_depth": 0}


def from_blocks(strings: Iterable[str], **fields) -> Architecture:
    """An architecture from block strings.

    Args:
      strings: one block string per block (`mnasnet.block_args`).
      **fields: any other field of Architecture; the name is 'custom' where none is given.

    Raises:
      ValueError: as `decode` and Architecture do.
    """
    return Architecture(blocks=decode(strings), **{"name": "custom", **fields})


def get_architecture(name: str) -> Architecture:
    """The published architecture of that name; ValueError lists the names there are."""
    if name not in ARCHITECTURES:
        raise ValueError(f"unknown model {name!r}, known are {', '.join(ARCHITECTURES)}")
    return ARCHITECTURES[name]


_ZOO = (
    # MnasNet paper, figure 7: the main result of the search.
    from_blocks(
        (
            "r1_k3_s11_e1_i32_o16_noskip",
            "r2_k3_s22_e6_i16_o24",
            "r3_k5_s22_e3_i24_o40_se0.25",
            "r4_k3_s22_e6_i40_o80",
            "r2_k3_s11_e6_i80_o112_se0.25",
            "r3_k5_s22_e6_i112_o160_se0.25",
            "r1_k3_s11_e6_i160_o320",
        ),
        name="mnasnet-a1",
    ),
    # MnasNet paper, table 2 (no squeeze-and-excitation); blocks from the official code.
    from_blocks(
        (
            "r1_k3_s11_e1_i32_o16_noskip",
            "r3_k3_s22_e3_i16_o24",
            "r3_k5_s22_e3_i24_o40",
            "r3_k5_s22_e6_i40_o80",
            "r2_k3_s11_e6_i80_o96",
            "r4_k5_s22_e6_i96_o192",
            "r1_k3_s11_e6_i192_o320_noskip",
        ),
        name="mnasnet-b1",
    ),
    # MnasNet paper, table 4 ("MnasNet-search2", a search for 22 ms); blocks from the official code.
    from_blocks(
        (
            "r1_k3_s11_e1_i16_o8",
            "r1_k3_s22_e3_i8_o16",
            "r2_k3_s22_e6_i16_o16",
            "r4_k5_s22_e6_i16_o32_se0.25",
            "r3_k3_s11_e6_i32_o32_se0.25",
            "r3_k5_s22_e6_i32_o88_se0.25",
            "r1_k3_s11_e6_i88_o144",
        ),
        name="mnasnet-small",
        stem_filters=8,
        dropout_rate=0.0,
    ),
    # The official code's backbone for MnasFPN (arXiv 1912.01106), searched together with it.
    from_blocks(
        (
            "r1_k3_s11_e9_i32_o24",
            "r3_k3_s22_e9_i24_o36",
            "r5_k3_s22_e9_i36_o48",
            "r4_k5_s22_e9_i48_o96",
            "r5_k7_s11_e3_i96_o96",
            "r3_k3_s22_e9_i96_o80",
            "r1_k7_s11_e6_i80_o320_noskip",
        ),
        name="mnasnet-d1",
    ),
    # The same for 320 px inputs; blocks from the official code.
    from_blocks(
        (
            "r3_k5_s11_e6_i32_o24",
            "r4_k7_s22_e9_i24_o36",
            "r5_k5_s22_e9_i36_o48",
            "r5_k7_s22_e6_i48_o96",
            "r5_k3_s11_e9_i96_o144",
            "r5_k5_s22_e6_i144_o160",
            "r1_k7_s11_e9_i160_o320",
        ),
        name="mnasnet-d1-320",
        image_size=320,
    ),
    # MobileNetV2 (arXiv 1801.04381, table 2), the network from which the paper's search space takes
    # its filters and repeats. Differs from the original: ReLU where that has ReLU6.
    from_blocks(
        (
            "r1_k3_s11_e1_i32_o16",
            "r2_k3_s22_e6_i16_o24",
            "r3_k3_s22_e6_i24_o32",
            "r4_k3_s22_e6_i32_o64",
            "r3_k3_s11_e6_i64_o96",
            "r3_k3_s22_e6_i96_o160",
            "r1_k3_s11_e6_i160_o320",
        ),
        name="mobilenet-v2",
    ),
)

ARCHITECTURES: dict[str, Architecture] = {architecture.name: architecture for architecture in _ZOO}
