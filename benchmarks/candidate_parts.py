"""The measurements of `benchmarks.candidate_cost`, each meant for a process of its own.

    python -m benchmarks.candidate_parts first_step keras 128

prints one line of JSON. Everything runs on one thread and is told in CPU-seconds.
"""

import contextlib
import json
import os
import statistics
import sys
import time

IMAGE_SIZE, NUM_CLASSES, DEPLOYED_SIZE = 32, 10, 224


class Stopwatch:
    """CPU-seconds by name."""

    def __init__(self):
        self.seconds = {}

    @contextlib.contextmanager
    def time(self, name: str):
        start = time.process_time()
        yield
        self.seconds[name] = time.process_time() - start


def first_step(contender: str, batch_size: int) -> dict:
    """What a candidate costs before its training gets going, as first and as second of a process.

    Returns:
      CPU-seconds: import, build, trace (with the first step), and build_again, trace_again of
      another network like the first.
    """
    watch = Stopwatch()
    with watch.time("import"):
        import tf_keras

        _one_thread()
        from mnasnet import proxy_task  # noqa: F401
    from benchmarks.plain_keras import plain_keras_model

    make_step = _keras_fit if contender == "keras" else _our_step
    images, labels = _batch(batch_size, IMAGE_SIZE)
    for again in ("", "_again"):
        tf_keras.backend.clear_session()
        if contender == "keras":
            # Out of one of ours, by when all is warm: the baseline's cost is told a little too low.
            original = _build(IMAGE_SIZE, NUM_CLASSES)
            with watch.time(f"build{again}"):
                model = plain_keras_model(original)
        else:
            with watch.time(f"build{again}"):
                model = _build(IMAGE_SIZE, NUM_CLASSES)
        with watch.time(f"trace{again}"):
            make_step(model, batch_size)(images, labels)
    return watch.seconds


def conversion(contender: str) -> dict:
    """What it costs to turn an untrained network into a .tflite, and to time that.

    Returns:
      CPU-seconds: build, convert, measure; and latency_ms, what the clock said.
    """
    watch = Stopwatch()
    import tensorflow as tf

    _one_thread()
    from tflite_bench.convert import to_tflite
    from tflite_bench.host import HostClock

    with watch.time("build"):
        model = _build(DEPLOYED_SIZE, 1000)
    with watch.time("convert"):
        if contender == "keras":
            tflite = tf.lite.TFLiteConverter.from_keras_model(model).convert()
        else:
            tflite = to_tflite(model)
    with watch.time("measure"):
        measurement = HostClock().measure(tflite)
    return {**watch.seconds, "latency_ms": measurement.latency_ms}


def training(image_size: int, batch_size: int, rounds: int) -> dict:
    """Images per CPU-second of a training step, both contenders in turn.

    Returns:
      ours, keras: the medians over the rounds; ratio: the median of the rounds' ratios.
    """
    import tf_keras

    _one_thread()
    from benchmarks.plain_keras import plain_keras_model

    tf_keras.utils.set_random_seed(0)
    images, labels = _batch(batch_size, image_size)
    model = _build(image_size, NUM_CLASSES)
    plain = plain_keras_model(model)
    contenders = {
        "ours": _our_step(model, batch_size),
        "keras": _keras_step(plain),
    }
    speeds = {name: [] for name in contenders}
    for round_number in range(rounds + 2):
        for name, step in contenders.items():
            start = time.process_time()
            step(images, labels)
            seconds = time.process_time() - start
            if round_number >= 2:  # before that they trace and warm up
                speeds[name].append(batch_size / seconds)
    ratios = [ours / keras for ours, keras in zip(speeds["ours"], speeds["keras"], strict=True)]
    medians = {name: statistics.median(values) for name, values in speeds.items()}
    return {**medians, "ratio": statistics.median(ratios)}


def versions() -> dict:
    """What stood under the measurements."""
    import tensorflow as tf
    import tf_keras

    from tflite_bench.host import cpu_model

    return {
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "python": sys.version.split()[0],
        "tensorflow": tf.__version__,
        "tf_keras": tf_keras.__version__,
    }


def _one_thread() -> None:
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)


def _batch(batch_size: int, image_size: int):
    """Noise: images float32 [B, S, S, 3] in 0..255, labels int32 [B]."""
    import numpy as np

    rng = np.random.default_rng(0)
    images = rng.uniform(0, 255, (batch_size, image_size, image_size, 3)).astype(np.float32)
    return images, rng.integers(0, NUM_CLASSES, batch_size, np.int32)


def _build(image_size: int, num_classes: int):
    from mnasnet.architectures import ARCHITECTURES
    from mnasnet.model import build_model

    return build_model(ARCHITECTURES["mnasnet-a1"], num_classes=num_classes, image_size=image_size)


def _our_step(model, batch_size: int):
    """The step of the proxy task: smoothed cross entropy, weight decay, the raw RMSProp."""
    import numpy as np

    from mnasnet import proxy_task
    from mnasnet.proxy_config import ProxyConfig

    step = proxy_task.make_train_step(model, ProxyConfig(batch_size=batch_size))

    def run(images, labels):
        with proxy_task.graph_optimizers_off():
            return step(images, labels, np.float32(0.001)).numpy()

    return run


def _keras_step(model):
    """The same with a Keras optimizer in a tf.function."""
    import tensorflow as tf

    from mnasnet import losses

    optimizer = _keras_rmsprop()
    optimizer.build(model.trainable_variables)

    @tf.function
    def step(images, labels):
        with tf.GradientTape() as tape:
            logits = model(images, training=True)
            loss = losses.cross_entropy(logits, labels) + losses.l2_penalty(model)
        variables = model.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return loss

    return lambda images, labels: step(images, labels).numpy()


def _keras_fit(model, batch_size: int):
    """The same by compile and fit, without the weight decay."""
    import tf_keras

    loss = tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(_keras_rmsprop(), loss)
    return lambda images, labels: model.fit(images, labels, batch_size, verbose=0)


def _keras_rmsprop():
    import tf_keras

    return tf_keras.optimizers.RMSprop(0.001, rho=0.9, momentum=0.9, epsilon=1e-3)


if __name__ == "__main__":
    part, *arguments = sys.argv[1:]
    measure = {
        "first_step": first_step,
        "conversion": conversion,
        "training": training,
        "versions": versions,
    }[part]
    print(json.dumps(measure(*[int(word) if word.isdigit() else word for word in arguments])))
