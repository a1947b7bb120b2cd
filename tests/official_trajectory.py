"""Three steps of the official training by our training task, as JSON on stdout.

A process of its own, because rounding, and so the number of threads, decides here which way a ReLU
goes: python official_trajectory.py FIXTURE_FOLDER
"""

import json
import pathlib
import sys

import numpy as np
import official_golden
import tensorflow as tf

from mnasnet.architectures import get_architecture
from mnasnet.training.config import TrainingConfig
from mnasnet.training.images import NullData
from mnasnet.training.task import TrainingTask
from mnasnet.training.trained_network import TrainedNetwork

_NOTHING = 1e-9  # of a momentum: what rounding leaves of a gradient that is zero


def main(fixture: pathlib.Path) -> None:
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    facts = json.loads((fixture / "golden.json").read_text())
    golden = np.load(fixture / "golden.npz")
    config = TrainingConfig(
        model_name="mnasnet-small", num_classes=10, image_size=64, dropout_rate=0.0,
        base_learning_rate=facts["params"]["base_learning_rate"], num_train_images=16,
        train_batch_size=8, dataset="null",
    )  # fmt: skip
    network = TrainedNetwork(get_architecture("mnasnet-small"), 10, 64, dropout_rate=0.0)
    task = TrainingTask(config, network, NullData(config, 64), num_eval_steps=1)
    model, optimizer = task.build_model(), task.create_optimizer()
    names = official_golden.Golden("mnasnet-small-c10").assign_weights(model, ema=False)
    optimizer.shadow_copy(model)
    optimizer.iterations.assign(facts["start_step"])
    batch = tf.cast(golden["images"], tf.float32), tf.constant(golden["labels"])

    @tf.function
    def step():
        return task.train_step(batch, model, optimizer)["loss"]

    losses, errors, nothing = [], {}, []
    for done in range(3):
        losses.append(float(step()))
        if done:
            continue
        for name, value in _named(model, optimizer, names):
            key = f"{facts['start_step'] + 1}|{name}"
            if key in golden.files:
                expected = golden[key]
                if np.abs(expected).max() < _NOTHING:
                    nothing.append([name, float(np.abs(value).max())])
                else:
                    difference = np.abs(value - expected).max()
                    errors[name] = float(difference / np.abs(expected).max())
    json.dump({"losses": losses, "errors": errors, "nothing": nothing}, sys.stdout)


def _named(model, optimizer, names):
    """(official name, value) of all weights, moving averages and slots."""
    slots = optimizer._optimizer
    for weight in model.weights:
        name = names[weight.name]
        yield name, weight.numpy()
        yield f"{name}/ExponentialMovingAverage", optimizer.get_slot(weight, "average").numpy()
        if weight.trainable:
            yield f"{name}/RMSProp", slots.get_slot(weight, "rms").numpy()
            yield f"{name}/RMSProp_1", slots.get_slot(weight, "momentum").numpy()


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
