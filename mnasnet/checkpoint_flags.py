"""Flags that name a checkpoint, and the model that they mean; for what works on trained weights."""

import dataclasses

from absl import flags

from mnasnet.architectures import Architecture
from mnasnet.model_flags import architecture_from_flags, network_named, size_arguments

CHECKPOINT = flags.DEFINE_string(
    "checkpoint",
    None,
    "weights: a checkpoint of the official code, a training's folder, or a file .keras or "
    ".weights.h5",
)
_USE_EMA = flags.DEFINE_bool(
    "use_ema", True, "the moving averages of the weights, where there are any; --nouse_ema: raw"
)


@dataclasses.dataclass(frozen=True)
class TrainedModel:
    """A model with its weights.

    Attributes:
      model: a tf_keras.Model of `build_model`.
      architecture: what it was built of.
      depth_multiplier: by which its filters were scaled, or None.
      loaded: what its weights are (`mnasnet.checkpoint.Loaded`).
    """

    model: object
    architecture: Architecture
    depth_multiplier: float | None
    loaded: object


def model_from_flags() -> TrainedModel:
    """The model with the weights of --checkpoint.

    Without --model_name or --blocks it is the published network whose parameters the checkpoint
    has; without --num_classes it has as many as the checkpoint.

    Raises:
      ValueError: for a checkpoint that is missing, broken or of another model, and as
        `architecture_from_flags`.
    """
    sizes = size_arguments()
    architecture = architecture_from_flags() if network_named() else None
    if not CHECKPOINT.value:
        raise ValueError("no weights given: name a checkpoint with --checkpoint")

    from mnasnet.checkpoint import load_checkpoint
    from mnasnet.checkpoint_files import open_checkpoint
    from mnasnet.checkpoint_identity import identify, num_classes_of
    from mnasnet.model import build_model

    if not CHECKPOINT.value.endswith(".weights.h5"):  # which has no names to tell anything by
        checkpoint = open_checkpoint(CHECKPOINT.value)
        sizes.setdefault("num_classes", num_classes_of(checkpoint))
        if architecture is None:
            identity = identify(checkpoint)
            architecture = identity.architecture
            sizes.setdefault("depth_multiplier", identity.depth_multiplier)
    elif architecture is None:
        architecture = architecture_from_flags()
    model = build_model(architecture, **sizes)
    loaded = load_checkpoint(model, CHECKPOINT.value, use_ema=_USE_EMA.value)
    return TrainedModel(model, architecture, sizes.get("depth_multiplier"), loaded)
