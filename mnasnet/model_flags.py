"""Flags that name a network, and what they mean; for every binary that takes one network."""

import dataclasses
from typing import Any

from absl import flags

from mnasnet.architectures import ARCHITECTURES, Architecture, from_blocks, get_architecture

_MODEL_NAME = flags.DEFINE_string(
    "model_name", None, f"a published network: {', '.join(ARCHITECTURES)}"
)
_BLOCKS = flags.DEFINE_spaceseplist(
    "blocks",
    None,
    "a network of your own: block strings with commas or spaces between",
    # trials.csv has spaces, a shell likes commas.
    comma_compat=True,
)
_STEM_FILTERS = flags.DEFINE_integer(
    "stem_filters",
    None,
    f"with --blocks: filters of the convolution in front; by default {Architecture.stem_filters}",
)
_HEAD_FILTERS = flags.DEFINE_integer(
    "head_filters",
    None,
    f"with --blocks: filters of the convolution behind; by default {Architecture.head_filters}",
)
_DEPTH_MULTIPLIER = flags.DEFINE_float(
    "depth_multiplier",
    None,
    "scales the filters of stem and blocks and rounds them to multiples of depth_divisor; by "
    "default neither",
)
_DEPTH_DIVISOR = flags.DEFINE_integer(
    "depth_divisor",
    None,
    f"what scaled filters are rounded to multiples of; by default {Architecture.depth_divisor}",
)
_MIN_DEPTH = flags.DEFINE_integer(
    "min_depth", None, "the smallest number of scaled filters; by default one depth_divisor"
)
_IMAGE_SIZE = flags.DEFINE_integer(
    "image_size", None, "height and width of the images; by default what the network is made for"
)
_NUM_CLASSES = flags.DEFINE_integer(
    "num_classes", None, "outputs of the classifier; by default 1000, or as many as the data has"
)


def architecture_from_flags() -> Architecture:
    """The network that --model_name or --blocks names.

    Raises:
      ValueError: for both or neither of the two, an unknown name, a malformed block, or filters
        that make no network.
    """
    own_fields = {
        flag.name: flag.value for flag in (_STEM_FILTERS, _HEAD_FILTERS) if flag.value is not None
    }
    if _BLOCKS.value is None and _MODEL_NAME.value is None:
        raise ValueError(
            "no network given: name one with --model_name (one of "
            f"{', '.join(ARCHITECTURES)}) or write one with --blocks"
        )
    if _BLOCKS.value is not None and _MODEL_NAME.value is not None:
        raise ValueError(
            f"--model_name={_MODEL_NAME.value} and --blocks name two networks, give one of them"
        )
    rounding = rounding_arguments()
    if _BLOCKS.value is not None:
        return from_blocks(_BLOCKS.value, **own_fields, **rounding)
    if own_fields:
        name = next(iter(own_fields))
        raise ValueError(
            f"--{name}={own_fields[name]} goes with --blocks, {_MODEL_NAME.value} has its own"
        )
    return dataclasses.replace(get_architecture(_MODEL_NAME.value), **rounding)


def network_named() -> bool:
    """Whether --model_name or --blocks names a network."""
    return _BLOCKS.value is not None or _MODEL_NAME.value is not None


def rounding_arguments() -> dict[str, int]:
    """The fields of an Architecture that say how scaled filters are rounded, as far as given."""
    return {
        flag.name: flag.value for flag in (_DEPTH_DIVISOR, _MIN_DEPTH) if flag.value is not None
    }


def size_arguments() -> dict[str, Any]:
    """The arguments that both `build_model` and `count` take, as far as flags give them."""
    given = {
        "image_size": _IMAGE_SIZE.value,
        "num_classes": _NUM_CLASSES.value,
        "depth_multiplier": _DEPTH_MULTIPLIER.value,
    }
    return {name: value for name, value in given.items() if value is not None}
