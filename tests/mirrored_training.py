"""First steps on two virtual processors and on one, as JSON on stdout.

A process of its own, because devices are fixed once TensorFlow has looked at them:
python mirrored_training.py FOLDER
"""

import functools
import json
import sys

import tensorflow as tf
import tf_keras

from mnasnet.training import strategies
from mnasnet.training.config import TrainingConfig
from mnasnet.training.images import HeldOutData
from mnasnet.training.run import Training, architecture_of
from mnasnet.training.task import TrainingTask
from mnasnet.training.trained_network import TrainedNetwork

_CONFIG = {
    "blocks": ("r1_k3_s22_e3_i8_o8_se0.25_noskip", "r2_k3_s22_e3_i8_o16"),
    "stem_filters": 8,
    "head_filters": 32,
    "dropout_rate": 0.0,
    "image_size": 32,
    "dataset": "digits",
    "train_batch_size": 16,
    "eval_batch_size": 50,
    "train_steps": 20,
    "steps_per_eval": 10,
    "log_step_count_steps": 10,
    "iterations_per_loop": 100,
}


def first_losses(config: TrainingConfig, steps: int) -> list[float]:
    """Losses of the first steps on one batch, with batch norms that use their statistics."""
    data = HeldOutData(config, 32)
    network = TrainedNetwork(architecture_of(config), 10, 32, dropout_rate=0.0)
    task = TrainingTask(config, network, data, num_eval_steps=1)
    strategy = strategies.make_strategy(config)
    images, labels = next(iter(data.eval_images().batch(16)))
    with strategy.scope():
        model = task.build_model()
        optimizer = task.create_optimizer()
        optimizer.shadow_copy(model)
        for layer in model.layers:
            if isinstance(layer, tf_keras.layers.BatchNormalization):
                layer.trainable = False

        def share(context):
            size = 16 // context.num_replicas_in_sync
            first = context.replica_id_in_sync_group * size
            return images[first : first + size], labels[first : first + size]

        inputs = tuple(
            strategy.experimental_distribute_values_from_function(
                lambda context, part=part: share(context)[part]
            )
            for part in (0, 1)
        )

        @tf.function
        def step():
            losses = strategy.run(
                lambda images, labels: task.train_step((images, labels), model, optimizer)["loss"],
                inputs,
            )
            return strategy.reduce("MEAN", losses, axis=None)

        # The learning rate of step 0 is zero.
        optimizer.iterations.assign(100)
        return [float(step()) for _ in range(steps)]


def main(folder: str) -> None:
    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    # Two strategies on the same devices would take each other's messages.
    strategies.make_strategy = functools.lru_cache(strategies.make_strategy)
    one = TrainingConfig(**_CONFIG)
    two = TrainingConfig(**_CONFIG, strategy="mirrored")
    found = {"one": first_losses(one, 2), "two": first_losses(two, 2)}
    sys.stdout = sys.stderr  # the engine tells what it does
    training = Training(two, folder)
    print(training.summary)
    found["step"] = training.run().step
    json.dump(found, sys.__stdout__)


if __name__ == "__main__":
    main(sys.argv[1])
