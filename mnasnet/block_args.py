"""Block strings, the language in which every network of this project is written.

A string describes one block: `num_repeat` layers of which the first has the stride. The grammar is
the one of the official MnasNet code, with the words `pool`, `conv` and `dconv` added for the
operations of the paper's search space that the official code leaves out:

    block  = 'r' INT '_k' INT '_s' DIGIT DIGIT '_e' INT '_i' INT '_o' INT
             ['_se' FLOAT] ['_noskip' | '_pool'] ['_conv' | '_dconv']

    r  number of layers             e  expand ratio of the bottleneck (1: no expansion)
    k  kernel size                  i  filters that enter the block
    s  stride (height, width)       o  filters that leave it
    se squeeze ratio, relative to the filters that enter a layer

`decode` and `encode` are each other's inverse: what one accepts is what the other writes.
Example: 'r3_k5_s22_e3_i24_o40_se0.25'.
"""

import dataclasses
import re
from collections.abc import Iterable
from decimal import Decimal

CONV_OPS = ("mbconv", "conv", "dconv")
SKIPS = ("identity", "pool", "none")

_GRAMMAR = "rN_kN_sNN_eN_iN_oN[_seF][_noskip|_pool][_conv|_dconv]"
_NUMBERED = (
    ("r", "num_repeat"),
    ("k", "kernel_size"),
    ("s", "strides"),
    ("e", "expand_ratio"),
    ("i", "input_filters"),
    ("o", "output_filters"),
)
_STRIDES = tuple((stride, stride) for stride in range(1, 10))
_SKIP_WORDS = {"noskip": "none", "pool": "pool"}
_CONV_OP_WORDS = {"conv": "conv", "dconv": "dconv"}


@dataclasses.dataclass(frozen=True)
class BlockArgs:
    """One block of a network.

    Attributes:
      num_repeat: layers in the block, >= 1; all but the first have stride 1 and keep the filters.
      kernel_size: of the depthwise convolution (or of the full one where conv_op is 'conv').
      strides: (height, width) of the first layer; equal, since depthwise kernels ask for it.
      expand_ratio: filters inside the bottleneck over filters that enter it; 1 for conv and dconv.
      input_filters: filters that enter the first layer, before any depth multiplier.
      output_filters: filters that leave each layer, before any depth multiplier.
      se_ratio: squeeze-and-excitation width over the filters that enter a layer; 0 for none.
      skip: 'identity' (where shapes allow it), 'pool' (3x3 average pooling) or 'none'.
      conv_op: 'mbconv' (inverted bottleneck), 'conv' or 'dconv' (depthwise separable).

    Raises:
      ValueError: for a value outside these ranges; the message names the piece.
    """

    num_repeat: int
    kernel_size: int
    strides: tuple[int, int]
    expand_ratio: int
    input_filters: int
    output_filters: int
    se_ratio: float = 0.0
    skip: str = "identity"
    conv_op: str = "mbconv"

    def __post_init__(self):
        for letter, field in _NUMBERED:
            value = getattr(self, field)
            if field == "strides":
                good = value in _STRIDES
                allowed = "two equal digits from 11 to 99"
            else:
                good = isinstance(value, int) and value >= 1
                allowed = "a whole number >= 1"
            if not good:
                raise ValueError(f"{field} ('{letter}') is {value!r}, must be {allowed}")
        if not 0 <= self.se_ratio <= 1:
            raise ValueError(f"se_ratio ('se') is {self.se_ratio!r}, must be 0 for none, to 1")
        # 1 and 1.0 are one ratio and shall be written as one.
        object.__setattr__(self, "se_ratio", float(self.se_ratio))
        if self.skip not in SKIPS:
            raise ValueError(f"skip is {self.skip!r}, must be one of {', '.join(SKIPS)}")
        if self.conv_op not in CONV_OPS:
            raise ValueError(f"conv_op is {self.conv_op!r}, must be one of {', '.join(CONV_OPS)}")
        if self.conv_op != "mbconv" and self.expand_ratio != 1:
            raise ValueError(
                f"expand_ratio ('e') is {self.expand_ratio} in a {self.conv_op} block, must be 1: "
                "since only the bottleneck expands"
            )


def decode(strings: Iterable[str]) -> tuple[BlockArgs, ...]:
    """Reads block strings.

    Args:
      strings: one string per block.

    Returns:
      One BlockArgs per string.

    Raises:
      ValueError: for an unknown, repeated, missing, misplaced or impossible piece, naming it.
    """
    if isinstance(strings, str):
        raise ValueError(f"expected a list of block strings, got the single string {strings!r}")
    return tuple(_decode_block(string) for string in strings)


def encode(blocks: Iterable[BlockArgs]) -> tuple[str, ...]:
    """Writes blocks as strings; the inverse of `decode`."""
    return tuple(_encode_block(block) for block in blocks)


def _decode_block(string: str) -> BlockArgs:
    if not isinstance(string, str):
        raise ValueError(f"a block is written as a string, got {string!r}")

    def fail(why: str):
        raise ValueError(f"block {string!r}: {why}; the grammar is {_GRAMMAR}")

    fields = {}
    for piece in string.split("_"):
        field, value = _read_piece(piece, fail)
        if field in fields:
            fail(f"the piece {piece!r} repeats or contradicts an earlier one ({field})")
        fields[field] = value
    for letter, field in _NUMBERED:
        if field not in fields:
            fail(f"the piece '{letter}' ({field}) is missing")
    try:
        block = BlockArgs(**fields)
    except ValueError as error:
        fail(str(error))
    canonical = _encode_block(block)
    if canonical != string:
        fail(f"pieces out of order or numbers oddly written, write {canonical!r}")
    return block


def _read_piece(piece: str, fail) -> tuple[str, object]:
    """(field, value) of one piece between underscores; calls `fail` with the reason."""
    if piece in _SKIP_WORDS:
        return "skip", _SKIP_WORDS[piece]
    if piece in _CONV_OP_WORDS:
        return "conv_op", _CONV_OP_WORDS[piece]
    match = re.fullmatch(r"([a-z]+)([0-9.]+)", piece, re.ASCII)
    letters, number = match.groups() if match else ("", "")
    if letters == "se":
        if not re.fullmatch(r"\d+(\.\d+)?", number, re.ASCII) or not 0 < float(number) <= 1:
            fail(f"the piece {piece!r} is impossible, se is a ratio over 0, at most 1")
        return "se_ratio", float(number)
    field = dict(_NUMBERED).get(letters)
    if field is None:
        known = ", ".join([letter for letter, _ in _NUMBERED] + ["se"])
        words = ", ".join([*_SKIP_WORDS, *_CONV_OP_WORDS])
        fail(f"the piece {piece!r} is unknown, allowed are {known} with a number and {words}")
    if not number.isdigit():
        fail(f"the piece {piece!r} is impossible, '{letters}' takes a whole number")
    if field == "strides":
        if len(number) != 2:
            fail(f"the piece {piece!r} is impossible, 's' takes two digits, as in s22")
        return field, (int(number[0]), int(number[1]))
    return field, int(number)


def _encode_block(block: BlockArgs) -> str:
    pieces = [
        f"r{block.num_repeat}",
        f"k{block.kernel_size}",
        f"s{block.strides[0]}{block.strides[1]}",
        f"e{block.expand_ratio}",
        f"i{block.input_filters}",
        f"o{block.output_filters}",
    ]
    if block.se_ratio > 0:
        # The shortest digits that read back as the same number, never as 1e-05.
        pieces.append(f"se{Decimal(repr(block.se_ratio)):f}")
    pieces += [word for word, skip in _SKIP_WORDS.items() if skip == block.skip]
    pieces += [word for word, op in _CONV_OP_WORDS.items() if op == block.conv_op]
    return "_".join(pieces)
