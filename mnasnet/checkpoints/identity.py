"""Which network a checkpoint is of, told by its shapes: a published one at a usual width."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from mnasnet.architectures import ARCHITECTURES, Architecture
from mnasnet.checkpoints.files import CheckpointError, CheckpointFile
from mnasnet.checkpoints.names import EMA_SUFFIX, read_names
from mnasnet.stats import count

# What the official README publishes, and round numbers beside it; None comes first, being usual.
_DEPTH_MULTIPLIERS = (None, 0.35, 0.5, 0.75, 1.0, 1.3, 1.4, 2.0)


@dataclasses.dataclass(frozen=True)
class Identity:
    """A network as `build_model` takes it."""

    architecture: Architecture
    depth_multiplier: float | None
    num_classes: int


def num_classes_of(checkpoint: CheckpointFile) -> int:
    """How many classes its classifier has.

    Raises:
      CheckpointError: where it has no classifier of ours or of the official code.
    """
    for name, shape in checkpoint.shapes.items():
        if name.removesuffix(EMA_SUFFIX).endswith(("mnas_head/dense/bias", "head/logits/bias")):
            return shape[0]
    raise CheckpointError(
        f"checkpoint {checkpoint.path!r} is of another model: it has no classifier (neither "
        "mnas_head/dense nor head/logits)"
    )


def identify(checkpoint: CheckpointFile, rounding: Mapping[str, int] | None = None) -> Identity:
    """The published network that has as many trainable parameters as the checkpoint.

    Args:
      checkpoint: any that has names of variables.
      rounding: `depth_divisor` and `min_depth`, where they are not the usual ones.

    Raises:
      CheckpointError: where there is none.
    """
    classes, params = num_classes_of(checkpoint), _trainable_params(checkpoint)
    for multiplier in _DEPTH_MULTIPLIERS:
        for published in ARCHITECTURES.values():
            architecture = dataclasses.replace(published, **(rounding or {}))
            stats = count(architecture, num_classes=classes, depth_multiplier=multiplier)
            if stats.params == params:
                return Identity(architecture, multiplier, classes)
    raise CheckpointError(
        f"checkpoint {checkpoint.path!r} has {params:,} trainable parameters and {classes} "
        "classes, which no published network has: name it with --model_name or --blocks"
    )


def _trainable_params(checkpoint: CheckpointFile) -> int:
    shapes = checkpoint.shapes
    names = list(shapes)
    if checkpoint.kind == "tf1":
        names = list(read_names(names).places.values())
    return sum(
        int(np.prod(shapes.get(name, shapes.get(name + EMA_SUFFIX))))
        for name in names
        if not name.endswith(("moving_mean", "moving_variance"))
    )
