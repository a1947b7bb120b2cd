"""Images per CPU-second of a whole training step of MnasNet-A1, beside plain Keras's.

    python -m benchmarks.train_step

Ours is the step of `mnasnet.train`: loss with L2, RMSProp, moving averages of weights and
statistics. The baseline is compile and fit of the same network out of Keras's own layers, with L2,
Keras's RMSprop and its moving averages of weights (`use_ema`). Data are in memory, everything runs
on one thread, and the two take turns in one process.
"""

import os
import statistics
import time

from absl import flags

from tflite_bench import command_line

# Image size, batch size, classes, steps in a turn.
_CASES = ((224, 32, 1000, 1), (32, 128, 10, 4))


def define_flags() -> None:
    flags.DEFINE_integer("rounds", 9, "turns of each", lower_bound=1)


def main() -> None:
    os.environ["OMP_NUM_THREADS"] = "1"
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    print(f"{'MnasNet-A1, images per CPU-second':36}{'ours':>8}{'Keras':>8}{'ratio':>8}   target")
    for image_size, batch_size, num_classes, steps in _CASES:
        contenders = {
            "ours": our_steps(image_size, batch_size, num_classes, steps),
            "keras": keras_steps(image_size, batch_size, num_classes, steps),
        }
        for run in contenders.values():
            run()
        seconds = {name: [] for name in contenders}
        for _ in range(flags.FLAGS.rounds):
            for name, run in contenders.items():
                began = time.process_time()
                run()
                seconds[name].append(time.process_time() - began)
        images = batch_size * steps
        ratio = statistics.median(
            theirs / own for own, theirs in zip(seconds["ours"], seconds["keras"], strict=True)
        )
        own, theirs = (images / statistics.median(seconds[name]) for name in ("ours", "keras"))
        row = f"{image_size} px, batch {batch_size}"
        print(f"{row:36}{own:8.1f}{theirs:8.1f}{ratio:8.2f}   over 1", flush=True)


def our_steps(image_size: int, batch_size: int, num_classes: int, steps: int):
    """A function that takes some steps of our training."""
    import tensorflow as tf

    from mnasnet.training.config import TrainingConfig
    from mnasnet.training.images import NullData
    from mnasnet.training.run import architecture_of
    from mnasnet.training.task import TrainingTask
    from mnasnet.training.trained_network import TrainedNetwork

    config = TrainingConfig(
        model_name="mnasnet-a1",
        train_batch_size=batch_size,
        dataset="null",
        num_classes=num_classes,
    )
    network = TrainedNetwork(architecture_of(config), num_classes, image_size)
    task = TrainingTask(config, network, NullData(config, image_size), num_eval_steps=1)
    model, optimizer = task.build_model(), task.create_optimizer()
    optimizer.shadow_copy(model)
    batch = _batch(image_size, batch_size, num_classes)

    @tf.function
    def loop():
        for _ in tf.range(steps):
            task.train_step(batch, model, optimizer)

    return loop


def keras_steps(image_size: int, batch_size: int, num_classes: int, steps: int):
    """The same by compile and fit."""
    import tensorflow as tf
    import tf_keras

    from benchmarks.plain_keras import plain_keras_model
    from mnasnet import losses, recipe
    from mnasnet.architectures import get_architecture
    from mnasnet.model import build_model

    network = build_model(
        get_architecture("mnasnet-a1"), image_size=image_size, num_classes=num_classes
    )
    model = plain_keras_model(network)
    regularizer = tf_keras.regularizers.l2(recipe.WEIGHT_DECAY / 2)
    for variable in losses.decayed_variables(model):
        model.add_loss(lambda variable=variable: regularizer(variable))
    model.compile(
        tf_keras.optimizers.RMSprop(
            1e-3, rho=0.9, momentum=0.9, epsilon=1e-3, use_ema=True, ema_momentum=0.9999
        ),
        tf_keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1),
    )
    images, labels = _batch(image_size, batch_size, num_classes)
    batch = tf.data.Dataset.from_tensors((images, tf.one_hot(labels, num_classes)))
    # One data set throughout: a new one would be traced anew.
    endless = iter(batch.repeat())

    def run():
        model.fit(endless, steps_per_epoch=steps, verbose=0)

    return run


def _batch(image_size: int, batch_size: int, num_classes: int):
    import tensorflow as tf

    shape = [batch_size, image_size, image_size, 3]
    images = tf.random.stateless_uniform(shape, [0, 1], 0, 255)
    return images, tf.range(batch_size) % num_classes


if __name__ == "__main__":
    define_flags()
    command_line.run(main)
