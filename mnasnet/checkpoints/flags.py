"""Flags that name a checkpoint, and the model that they mean; for what works on trained weights."""

import dataclasses
import os

from absl import flags

from mnasnet.architectures import Architecture
from mnasnet.model_flags import (
    architecture_from_flags,
    network_named,
    rounding_arguments,
    size_arguments,
)

CHECKPOINT = flags.DEFINE_string(
    "checkpoint",
    None,
    "weights: a checkpoint of the official code, a training's folder, or a file .keras or "
    ".weights.h5",
)
USE_EMA = flags.DEFINE_bool(
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

    What the flags leave open of the network is told by the training's folder, or else by the
    checkpoint: its number of classes, and which published network has its parameters.

    Raises:
      ValueError: for a checkpoint that is missing, broken or of another model, and as
        `architecture_from_flags`.
    """
    named = architecture_from_flags() if network_named() else None
    if not CHECKPOINT.value:
        raise ValueError("no weights given: name a checkpoint with --checkpoint")

    from mnasnet.checkpoint import load_checkpoint

    network = _network(named)
    model = network.build()
    loaded = load_checkpoint(model, CHECKPOINT.value, use_ema=USE_EMA.value)
    return TrainedModel(model, network.architecture, network.depth_multiplier, loaded)


def _network(named: Architecture | None):
    """The TrainedNetwork; `named` is the architecture of the flags, or None."""
    from mnasnet import storage
    from mnasnet.checkpoints.files import find_checkpoint, open_checkpoint
    from mnasnet.checkpoints.identity import identify, num_classes_of
    from mnasnet.training.trained_network import FILE_NAME, TrainedNetwork, load_network

    sizes = size_arguments()
    folder = os.path.dirname(find_checkpoint(CHECKPOINT.value))
    for model_dir in (folder, os.path.dirname(folder)):  # archive/ lies in the training's folder
        if named is None and storage.exists(os.path.join(model_dir, FILE_NAME)):
            network = load_network(model_dir)
            architecture = dataclasses.replace(network.architecture, **rounding_arguments())
            return dataclasses.replace(network, architecture=architecture, **sizes)
    if CHECKPOINT.value.endswith(".weights.h5"):  # which has no names to tell anything by
        named = named or architecture_from_flags()
    else:
        checkpoint = open_checkpoint(CHECKPOINT.value)
        sizes.setdefault("num_classes", num_classes_of(checkpoint))
        if named is None:
            identity = identify(checkpoint, rounding_arguments())
            named = identity.architecture
            sizes.setdefault("depth_multiplier", identity.depth_multiplier)
    return TrainedNetwork(named, **{"num_classes": 1000, "image_size": named.image_size, **sizes})
