"""The proxy task: a short training whose accuracy stands in for that of the full one."""

import contextlib
import dataclasses
import gc
import time
import zlib

import numpy as np
import tensorflow as tf
import tf_keras
from tensorflow.python.framework import ops as tf_ops

from mnasnet import block_args, losses, model, proxy_config
from mnasnet.architectures import Architecture
from mnasnet.data.image_dataset import PADDING_LABEL, DataError, ImageDataset
from mnasnet.proxy_config import ProxyConfig
from mnasnet.training.rmsprop import RMSProp

_STEPS_PER_CHECK = 50


class TrainingDiverged(ArithmeticError):
    """The loss of a network became infinite or no number at all."""


@dataclasses.dataclass(frozen=True)
class ProxyResult:
    """How a candidate did.

    Attributes:
      top1: share of the validation images whose class came out first, in [0, 1].
      train_seconds: wall time from building the network to the last validation image.
      cpu_seconds: the same in processor time, over all threads of the process.
      steps: training steps.
      images_per_second: of training after its first step, which has the tracing in it.
    """

    top1: float
    train_seconds: float
    cpu_seconds: float
    steps: int
    images_per_second: float


class ProxyTask:
    """Trains candidates one after the other on one data set, each in the same way.

    The same network gives the same bits in any process and after any other networks: its initial
    weights follow from the seed and its block strings, and all networks see the same images in the
    same order. That holds for one number of threads and one kind of processor.

    Random numbers are seeded for the whole process, so candidates must not train in several threads
    of one process at once.

    Args:
      dataset: images at config.image_size.
      config: how to train.

    Raises:
      ValueError: where the data set has images of another size, or not enough for one batch.
    """

    def __init__(self, dataset: ImageDataset, config: ProxyConfig):
        if dataset.image_size != config.image_size:
            raise ValueError(
                f"data set {dataset.name!r} was loaded at {dataset.image_size} px, must be loaded "
                f"at image_size {config.image_size}"
            )
        if config.batch_size > dataset.num_train:
            raise ValueError(
                f"batch_size is {config.batch_size}, data set {dataset.name!r} has only "
                f"{dataset.num_train} training images"
            )
        self._dataset, self._config = dataset, config
        self._num_steps = config.epochs * (dataset.num_train // config.batch_size)

    def evaluate(self, architecture: Architecture) -> ProxyResult:
        """Builds a network, trains it, and measures it on all validation images.

        Raises:
          TrainingDiverged: for a loss that is not finite; names the step.
          DataError: for images that cannot be read.
        """
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            with graph_optimizers_off(), custom_gradients_forgotten():
                network = self._build(architecture)
                images_per_second = self._train(network)
                top1 = self._top1(network)
        finally:
            # Keras keeps what it knows of all networks; graphs are full of circles.
            tf_keras.backend.clear_session()
            network = None
            gc.collect()
        return ProxyResult(
            top1=top1,
            train_seconds=time.perf_counter() - wall,
            cpu_seconds=time.process_time() - cpu,
            steps=self._num_steps,
            images_per_second=images_per_second,
        )

    def train(self, architecture: Architecture) -> tf_keras.Model:
        """The network with the weights that `evaluate` gave it; raises as `evaluate` does."""
        with graph_optimizers_off():
            network = self._build(architecture)
            self._train(network)
        return network

    def _build(self, architecture: Architecture) -> tf_keras.Model:
        name = " ".join([str(self._config.seed), *block_args.encode(architecture.blocks)])
        tf_keras.utils.set_random_seed(zlib.crc32(name.encode()))
        network = model.build_model(
            architecture,
            num_classes=self._dataset.num_classes,
            image_size=self._config.image_size,
            dropout_rate=self._config.dropout_rate,
        )
        for layer in network.submodules:
            if isinstance(layer, tf_keras.layers.BatchNormalization):
                layer.momentum = proxy_config.batch_norm_momentum(self._num_steps)
        kernel = network.get_layer("head/logits").kernel
        kernel.assign(kernel * proxy_config.classifier_scale(self._dataset.num_classes))
        return network

    def _train(self, network: tf_keras.Model) -> float:
        """Trains; images a second after the first step."""
        config = self._config
        train_step = make_train_step(network, config)
        pending = []  # losses that nobody has looked at: looking makes an accelerator wait
        step, started = 0, 0.0
        for epoch in range(config.epochs):
            for images, labels in self._dataset.train_batches(
                config.batch_size, epoch, config.seed
            ):
                rate = proxy_config.learning_rate(step, self._num_steps, config)
                pending.append(train_step(images.astype(np.float32), labels, np.float32(rate)))
                step += 1
                if step == 1:
                    started = time.perf_counter()
                if len(pending) == _STEPS_PER_CHECK or step == self._num_steps:
                    _check_finite(pending, step - len(pending))
                    pending.clear()
        if step != self._num_steps:
            raise DataError(
                f"data set {self._dataset.name!r} gave {step} batches, its num_train "
                f"{self._dataset.num_train} makes {self._num_steps}"
            )
        seconds = time.perf_counter() - started
        return (step - 1) * config.batch_size / seconds

    def _top1(self, network: tf_keras.Model) -> float:
        batch_size = self._config.batch_size
        count_correct = make_count_correct(network, batch_size)
        correct = seen = 0
        for images, labels in self._dataset.validation_batches(batch_size):
            hits, finite = count_correct(images.astype(np.float32), labels)
            if not finite:
                raise TrainingDiverged(
                    f"logits are not finite after {self._num_steps} training steps"
                )
            correct += int(hits)
            seen += int(np.count_nonzero(labels != PADDING_LABEL))
        if seen != self._dataset.num_validation:
            raise DataError(
                f"data set {self._dataset.name!r} gave {seen} validation images, its "
                f"num_validation is {self._dataset.num_validation}"
            )
        return correct / self._dataset.num_validation


def make_train_step(network: tf_keras.Model, config: ProxyConfig):
    """A traced function (images, labels, learning rate) -> cross entropy; updates the weights."""
    variables = network.trainable_variables
    optimizer = RMSProp(variables)

    def train_step(images, labels, learning_rate):
        with tf.GradientTape() as tape:
            logits = network(images, training=True)
            loss = losses.cross_entropy(logits, labels, config.label_smoothing)
        gradients = tape.gradient(loss, variables)
        gradients = losses.add_weight_decay(gradients, network, config.weight_decay)
        optimizer.apply(gradients, learning_rate)
        return loss

    rate = tf.TensorSpec([], tf.float32)
    return _trace(train_step, network, config.batch_size, rate)


def make_count_correct(network: tf_keras.Model, batch_size: int):
    """A traced function (images, labels) -> (correct ones, whether all logits are finite)."""

    def count_correct(images, labels):
        logits = network(images, training=False)
        hits = tf.equal(tf.argmax(logits, axis=-1, output_type=tf.int32), labels)
        finite = tf.reduce_all(tf.math.is_finite(logits))
        return tf.math.count_nonzero(hits), finite

    return _trace(count_correct, network, batch_size)


def _trace(function, network: tf_keras.Model, batch_size: int, *more: tf.TensorSpec):
    images = tf.TensorSpec([batch_size, *network.input_shape[1:]], tf.float32)
    labels = tf.TensorSpec([batch_size], tf.int32)
    traced = tf.function(function, input_signature=[images, labels, *more], autograph=False)
    # Called in its concrete form, since TensorFlow warns of a function that is traced time and
    # again, as one for each network is.
    return traced.get_concrete_function()


def _check_finite(losses_of_steps: list[tf.Tensor], first_step: int):
    values = np.array([float(loss) for loss in losses_of_steps])
    broken = np.flatnonzero(~np.isfinite(values))
    if len(broken):
        raise TrainingDiverged(
            f"training diverged: the loss of step {first_step + broken[0]} is {values[broken[0]]}"
        )


@contextlib.contextmanager
def graph_optimizers_off():
    """Graphs run as traced: to improve one takes longer than a short training gains by it."""
    key = "disable_meta_optimizer"
    before = tf.config.optimizer.get_experimental_options().get(key, False)
    tf.config.optimizer.set_experimental_options({key: True})
    try:
        yield
    finally:
        tf.config.optimizer.set_experimental_options({key: before})


@contextlib.contextmanager
def custom_gradients_forgotten():
    """Lets go of the custom gradients that are traced inside.

    TensorFlow registers each under a new name for good, and with it the graph that it stands in:
    some 65 MB for a network.
    """
    registered = tf_ops.gradient_registry._registry
    before = set(registered)
    try:
        yield
    finally:
        for name in set(registered) - before:
            del registered[name]
