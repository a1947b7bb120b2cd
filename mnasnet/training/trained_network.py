"""Which network a folder of training holds, and how to build it again."""

import dataclasses
import json
import os

from mnasnet import block_args, storage
from mnasnet.architectures import Architecture, from_blocks

FILE_NAME = "network.json"


@dataclasses.dataclass(frozen=True)
class TrainedNetwork:
    """A network with everything that building it takes.

    Attributes:
      architecture: its blocks, stem and head.
      num_classes: outputs.
      image_size: height and width of the images.
      depth_multiplier: None where filters are as they stand.
      dropout_rate: None for the architecture's.
      batch_norm_momentum: None for the official 0.99.
      batch_norm_epsilon: None for the official 1e-3.
    """

    architecture: Architecture
    num_classes: int
    image_size: int
    depth_multiplier: float | None = None
    dropout_rate: float | None = None
    batch_norm_momentum: float | None = None
    batch_norm_epsilon: float | None = None

    def build(self, precision: str = "float32"):
        """A new tf_keras.Model; 'bfloat16' computes in it, with weights and logits in float32.

        Raises:
          ValueError: for numbers that make no network.
        """
        import tf_keras

        from mnasnet.model import build_model

        before = tf_keras.mixed_precision.global_policy()
        if precision == "bfloat16":
            tf_keras.mixed_precision.set_global_policy("mixed_bfloat16")
        try:
            model = build_model(
                self.architecture,
                num_classes=self.num_classes,
                image_size=self.image_size,
                depth_multiplier=self.depth_multiplier,
                dropout_rate=self.dropout_rate,
            )
        finally:
            tf_keras.mixed_precision.set_global_policy(before)
        for layer in model.submodules:
            if isinstance(layer, tf_keras.layers.BatchNormalization):
                if self.batch_norm_momentum is not None:
                    layer.momentum = self.batch_norm_momentum
                if self.batch_norm_epsilon is not None:
                    layer.epsilon = self.batch_norm_epsilon
        return model

    def to_json(self) -> str:
        fields = dataclasses.asdict(self)
        fields["architecture"]["blocks"] = list(block_args.encode(self.architecture.blocks))
        return json.dumps(fields, indent=2) + "\n"


def load_network(model_dir: str) -> TrainedNetwork:
    """The network that was trained in a folder.

    Raises:
      ValueError: where the folder has no training of ours, or its description is broken.
    """
    path = os.path.join(model_dir, FILE_NAME)
    try:
        fields = json.loads(storage.read_text(path))
        architecture = fields.pop("architecture")
        blocks = architecture.pop("blocks")
        return TrainedNetwork(from_blocks(blocks, **architecture), **fields)
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror}): is this a training?") from None
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise ValueError(f"{path} describes no network: {error}") from None
