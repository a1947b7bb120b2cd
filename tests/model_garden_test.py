"""Model Garden knows the backbone and the experiment, and trains with them."""

import pytest
import tensorflow as tf
import tf_keras
from official.core import exp_factory, task_factory, train_lib
from official.vision.configs import common
from official.vision.modeling.backbones import factory

from mnasnet import model_garden

pytestmark = pytest.mark.tensorflow

_NORM = common.NormActivation(norm_momentum=0.9, norm_epsilon=1e-3, use_sync_bn=False)


def _backbone(image_size=64, regularizer=None, **fields):
    return factory.build_backbone(
        input_specs=tf_keras.layers.InputSpec(shape=[None, image_size, image_size, 3]),
        backbone_config=model_garden.Backbone(mnasnet=model_garden.MnasNet(**fields)),
        norm_activation_config=_NORM,
        l2_regularizer=regularizer,
    )


def test_the_backbone_gives_the_levels_2_to_5_at_strides_4_to_32():
    backbone = _backbone(model_name="mnasnet-a1")
    features = backbone(tf.zeros([1, 64, 64, 3]))
    # Widths of the published A1 before each halving, and of its last block.
    assert {level: tuple(value.shape) for level, value in features.items()} == {
        "2": (1, 16, 16, 24),
        "3": (1, 8, 8, 40),
        "4": (1, 4, 4, 112),
        "5": (1, 2, 2, 320),
    }
    assert {level: tuple(shape) for level, shape in backbone.output_specs.items()} == {
        level: (None, *value.shape[1:]) for level, value in features.items()
    }


def test_weight_decay_is_the_official_sum_over_all_but_batch_norms():
    backbone = _backbone(
        blocks="r1_k3_s22_e3_i8_o8_se0.25", stem_filters=8,
        regularizer=tf_keras.regularizers.l2(0.5e-5),
    )  # fmt: skip
    decayed = [
        weight.numpy() for weight in backbone.trainable_weights
        if "batch_normalization" not in weight.name
    ]  # fmt: skip
    # Stem, expand, depthwise, four of squeeze-and-excitation, project.
    assert len(decayed) == 8
    expected = 0.5e-5 * sum((weight.astype("float64") ** 2).sum() for weight in decayed)
    assert float(tf.add_n(backbone.losses)) == pytest.approx(expected, rel=1e-5)


def test_images_that_are_not_square_are_refused_with_their_size():
    with pytest.raises(ValueError, match="not 64 x 32"):
        factory.build_backbone(
            input_specs=tf_keras.layers.InputSpec(shape=[None, 64, 32, 3]),
            backbone_config=model_garden.Backbone(),
            norm_activation_config=_NORM,
        )


def test_the_experiment_runs_ten_steps(tmp_path):
    params = exp_factory.get_exp_config("mnasnet_imagenet")
    params.override(
        {
            "task": {
                "model": {
                    "num_classes": 11,
                    "input_size": [32, 32, 3],
                    "backbone": {"mnasnet": {"model_name": "mnasnet-small"}},
                },
                "train_data": {"global_batch_size": 8},
                "validation_data": {"global_batch_size": 8},
            },
            "trainer": {
                "train_steps": 10, "steps_per_loop": 5, "summary_interval": 5,
                "checkpoint_interval": 5, "validation_steps": 1, "validation_interval": 10,
            },
            "runtime": {"distribution_strategy": "off"},
        }
    )  # fmt: skip

    class Synthetic(task_factory.get_task_cls(type(params.task))):
        def build_inputs(self, params, input_context=None):
            images = tf.random.stateless_normal([8, 32, 32, 3], [0, 1])
            return tf.data.Dataset.from_tensors((images, tf.range(8))).repeat()

    task = Synthetic(params.task)
    model, _ = train_lib.run_experiment(
        tf.distribute.OneDeviceStrategy("CPU:0"), task, "train_and_eval", params, str(tmp_path)
    )
    assert tf.train.latest_checkpoint(tmp_path).endswith("ckpt-10")
    assert model.output_shape == (None, 11)
