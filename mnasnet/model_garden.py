"""MnasNet for TensorFlow's Model Garden: a backbone, and a classification experiment.

Importing this module registers both: the backbone `mnasnet` with levels '2' to '5', for every model
that takes Model Garden's backbones, and the experiment `mnasnet_imagenet`, which Model Garden's own
train binary then runs with its YAML overrides. `mnasnet.train` is another matter: it has the
official input pipeline as well.
"""

import dataclasses
import math

import tf_keras
from official.core import config_definitions, exp_factory, task_factory
from official.modeling import hyperparams, optimization
from official.vision.configs import backbones, common, image_classification
from official.vision.modeling.backbones import factory
from official.vision.tasks import image_classification as classification_task

from mnasnet import losses, recipe
from mnasnet.architectures import from_blocks, get_architecture
from mnasnet.model import build_model, endpoints
from mnasnet.training.optimizer import MovingAverages, RMSPropFromOne

HEAD = "head"
_LEVELS = (2, 3, 4, 5)
_BATCH_SIZE = 1024
_EPOCHS = 350


@dataclasses.dataclass
class MnasNet(hyperparams.Config):
    """The backbone's config.

    Attributes:
      model_name: a published network; not looked at where there are blocks.
      blocks: block strings of another network, with spaces between.
      stem_filters: of the convolution in front of `blocks`.
      depth_multiplier: scales the filters; 0 leaves them as they are.
      include_head: gives the convolution behind the blocks too, under the key 'head', which
        classification then takes.
    """

    model_name: str = "mnasnet-a1"
    blocks: str = ""
    stem_filters: int = 32
    depth_multiplier: float = 0.0
    include_head: bool = False


@dataclasses.dataclass
class Backbone(backbones.Backbone):
    """Model Garden's backbones, and this one."""

    type: str | None = "mnasnet"
    mnasnet: MnasNet = dataclasses.field(default_factory=MnasNet)


@dataclasses.dataclass
class ClassificationModel(image_classification.ImageClassificationModel):
    backbone: Backbone = dataclasses.field(default_factory=Backbone)


@dataclasses.dataclass
class ClassificationTask(image_classification.ImageClassificationTask):
    model: ClassificationModel = dataclasses.field(default_factory=ClassificationModel)


@factory.register_backbone_builder("mnasnet")
def build_backbone(
    input_specs, backbone_config, norm_activation_config, l2_regularizer=None
) -> tf_keras.Model:
    """The network from its stem to its last block: normalised images -> {level: features}.

    Args:
      input_specs: of images [B, S, S, 3], which Model Garden's parsers have normalised.
      backbone_config: a Backbone, or any config with `mnasnet` in it.
      norm_activation_config: of the batch norms; activations are the network's own.
      l2_regularizer: on all weights but those of batch norms, as in the official code.

    Raises:
      ValueError: for images whose size is unknown or not square, and as `build_model`.
    """
    config = backbone_config.get()
    height, width = input_specs.shape[1:3]
    if height is None or height != width:
        raise ValueError(
            f"the backbone mnasnet takes square images of a known size, not {height} x {width}"
        )
    if config.blocks:
        architecture = from_blocks(config.blocks.split(), stem_filters=config.stem_filters)
    else:
        architecture = get_architecture(config.model_name)
    network = build_model(
        architecture, image_size=height, depth_multiplier=config.depth_multiplier or None
    )
    for layer in network.submodules:
        if isinstance(layer, tf_keras.layers.BatchNormalization):
            layer.momentum = norm_activation_config.norm_momentum
            layer.epsilon = norm_activation_config.norm_epsilon
            if norm_activation_config.use_sync_bn:
                layer.synchronized, layer.fused = True, False
    outputs = {}
    for name, features in endpoints(network).items():
        level = round(math.log2(height / features.shape[1])) if name.startswith("reduction") else 0
        if level in _LEVELS and not name.endswith("/expansion_output"):
            outputs[str(level)] = features
    if config.include_head:
        outputs[HEAD] = network.get_layer("head/relu").output
    backbone = tf_keras.Model(network.get_layer("normalize").output, outputs, name=network.name)
    if l2_regularizer is not None:
        for variable in losses.decayed_variables(backbone):
            backbone.add_loss(lambda variable=variable: l2_regularizer(variable))
    backbone.output_specs = {name: output.shape for name, output in outputs.items()}
    return backbone


@task_factory.register_task_cls(ClassificationTask)
class MnasNetClassification(classification_task.ImageClassificationTask):
    """Model Garden's classification, with the official RMSProp and moving averages."""

    @classmethod
    def create_optimizer(cls, optimizer_config, runtime_config=None, dp_config=None):
        if optimizer_config.optimizer.type != "rmsprop":
            return super().create_optimizer(optimizer_config, runtime_config, dp_config)
        numbers = optimizer_config.optimizer.rmsprop
        optimizer = RMSPropFromOne(
            optimization.OptimizerFactory(optimizer_config).build_learning_rate(),
            rho=numbers.rho,
            momentum=numbers.momentum,
            epsilon=numbers.epsilon,
        )
        if optimizer_config.ema is None:
            return optimizer
        return MovingAverages(optimizer, optimizer_config.ema.average_decay)


@exp_factory.register_config_factory("mnasnet_imagenet")
def mnasnet_imagenet() -> config_definitions.ExperimentConfig:
    """The official recipe as far as Model Garden's classification goes.

    Differs from `mnasnet.train`: crops, resizing and labels (1,001 classes) are Model Garden's, the
    warm-up ends at its own target instead of dropping from the peak, and the biases of the
    classifier are not decayed.
    """
    steps_per_epoch = recipe.IMAGENET_TRAIN_IMAGES // _BATCH_SIZE
    peak = recipe.BASE_LEARNING_RATE * _BATCH_SIZE / recipe.LEARNING_RATE_BATCH
    data = {"global_batch_size": _BATCH_SIZE}
    return config_definitions.ExperimentConfig(
        task=ClassificationTask(
            model=ClassificationModel(
                num_classes=1001,
                input_size=[224, 224, 3],
                backbone=Backbone(mnasnet=MnasNet(include_head=True)),
                dropout_rate=0.2,
                norm_activation=common.NormActivation(
                    norm_momentum=0.99, norm_epsilon=1e-3, use_sync_bn=False
                ),
            ),
            losses=image_classification.Losses(
                l2_weight_decay=recipe.WEIGHT_DECAY, label_smoothing=recipe.LABEL_SMOOTHING
            ),
            train_data=image_classification.DataConfig(
                input_path="imagenet-2012-tfrecord/train*", is_training=True, **data
            ),
            validation_data=image_classification.DataConfig(
                input_path="imagenet-2012-tfrecord/valid*", is_training=False, **data
            ),
        ),
        trainer=config_definitions.TrainerConfig(
            steps_per_loop=steps_per_epoch,
            summary_interval=steps_per_epoch,
            checkpoint_interval=steps_per_epoch,
            train_steps=_EPOCHS * steps_per_epoch,
            validation_interval=5 * steps_per_epoch,
            optimizer_config=optimization.OptimizationConfig(
                {
                    "optimizer": {
                        "type": "rmsprop",
                        "rmsprop": {"rho": 0.9, "momentum": 0.9, "epsilon": 1e-3},
                    },
                    "ema": {"average_decay": 0.9999, "trainable_weights_only": False},
                    "learning_rate": {
                        "type": "exponential",
                        "exponential": {
                            "initial_learning_rate": peak,
                            "decay_steps": int(recipe.DECAY_EPOCHS * steps_per_epoch),
                            "decay_rate": recipe.DECAY_RATE,
                            "staircase": True,
                        },
                    },
                    "warmup": {
                        "type": "linear",
                        "linear": {
                            "warmup_steps": int(recipe.WARMUP_EPOCHS * steps_per_epoch),
                            "warmup_learning_rate": 0,
                        },
                    },
                }
            ),
        ),
        restrictions=[
            "task.train_data.is_training != None",
            "task.validation_data.is_training != None",
        ],
    )
