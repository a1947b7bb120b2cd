"""The search space of Accel-NASBench, a published set of networks that were trained on ImageNet.

Seven blocks in the shape of EfficientNet-B0, of which the benchmark's authors trained 5,138 points
(github.com/afzalxo/Accel-NASBench). Each point is a network like any other: it builds, trains and
converts. Its parameters equal those in the data for all 5,138; so do its multiply-adds, once the
data's 4 operations for each output element of a batch normalisation and its average poolings are
taken off, which do not count here.
"""

import functools

from mnasnet.architectures import Architecture
from mnasnet.block_args import BlockArgs, decode, encode
from search.spaces.decisions import Decision, Network, SearchSpace

NAME = "accel_nasbench"
# Decisions of a block, and the names that the data has for them.
FIELDS = {"expand_ratio": "e", "kernel_size": "k", "num_repeat": "l", "se_ratio": "se"}

_STEM_FILTERS, _HEAD_FILTERS = 32, 1280
_FILTERS = (16, 24, 40, 80, 112, 192, 320)
_STRIDES = (1, 2, 2, 2, 1, 2, 1)
_NUM_BLOCKS = len(_FILTERS)
_CHOICES = {
    "expand_ratio": (1, 4, 6),
    "kernel_size": (3, 5),
    "num_repeat": (1, 2, 3),
    "se_ratio": (0.0, 0.25),
}
_LONGEST_BLOCK, _LONGEST_REPEATS = 5, (1, 2, 3, 4)


def accel_nasbench_space(reference: Architecture | None = None) -> SearchSpace:
    """Accel-NASBench's space: 28 decisions, four in each of seven blocks.

    Every block decides for itself: expand ratio {1, 4, 6}, kernel {3, 5}, layers {1, 2, 3} (the
    sixth block up to 4), squeeze ratio {0, 0.25}. Filters, strides, stem and head are fixed.

    Raises:
      ValueError: for a reference, since there is nothing that could be laid around it.
    """
    if reference is not None:
        raise ValueError(
            f"the space {NAME!r} is that of its data and takes no reference, got {reference.name!r}"
        )
    decisions = []
    for position in range(_NUM_BLOCKS):
        for field, choices in _CHOICES.items():
            if (field, position) == ("num_repeat", _LONGEST_BLOCK):
                choices = _LONGEST_REPEATS
            decisions.append(Decision(f"block_{position}/{field}", choices))
    smallest = tuple(decision.choices[0] for decision in decisions)
    skeleton = Architecture(
        NAME, decode(_to_strings(smallest)), stem_filters=_STEM_FILTERS, head_filters=_HEAD_FILTERS
    )
    return SearchSpace(decisions, _to_strings, _to_values, name=NAME, skeleton=skeleton)


def _to_strings(values: tuple) -> Network:
    per_block = len(_CHOICES)
    return tuple(
        _block_string(position, *values[position * per_block : (position + 1) * per_block])
        for position in range(_NUM_BLOCKS)
    )


def _to_values(strings: Network) -> tuple:
    if len(strings) != _NUM_BLOCKS:
        raise ValueError(f"{len(strings)} blocks given, the space has {_NUM_BLOCKS}")
    values = ()
    for position, string in enumerate(strings):
        values += _block_values(position, string)
    return values


# There are 264 different blocks in all: networks are written and read by the thousand.
@functools.lru_cache(maxsize=1024)
def _block_string(position: int, expand_ratio, kernel_size, num_repeat, se_ratio) -> str:
    block = BlockArgs(
        num_repeat=num_repeat,
        kernel_size=kernel_size,
        strides=(_STRIDES[position],) * 2,
        expand_ratio=expand_ratio,
        input_filters=_input_filters(position),
        output_filters=_FILTERS[position],
        se_ratio=se_ratio,
    )
    return encode([block])[0]


@functools.lru_cache(maxsize=1024)
def _block_values(position: int, string: str) -> tuple:
    (block,) = decode([string])
    required = {
        "strides": (_STRIDES[position],) * 2,
        "input_filters": _input_filters(position),
        "output_filters": _FILTERS[position],
        "skip": "identity",
        "conv_op": "mbconv",
    }
    for field, value in required.items():
        if getattr(block, field) != value:
            raise ValueError(
                f"block {position}, {string!r}, has {field} {getattr(block, field)!r}, the space "
                f"{NAME!r} has {value!r} there"
            )
    return tuple(getattr(block, field) for field in _CHOICES)


def _input_filters(position: int) -> int:
    return _FILTERS[position - 1] if position else _STEM_FILTERS
