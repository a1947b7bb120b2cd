"""What a candidate's proxy task costs, without running all of it."""

import dataclasses
import gc
import itertools
import time
from collections.abc import Callable, Iterable

import numpy as np
import tf_keras

from mnasnet.architectures import Architecture
from mnasnet.data.image_dataset import Batch, ImageDataset
from mnasnet.model import build_model
from mnasnet.proxy_config import ProxyConfig
from mnasnet.proxy_task import (
    custom_gradients_forgotten,
    graph_optimizers_off,
    make_count_correct,
    make_train_step,
)


@dataclasses.dataclass(frozen=True)
class ProxyCost:
    """What a candidate costs, from a part of its training.

    Attributes:
      seconds: wall time of the whole evaluation; steps that were not run count as those that were.
      steps: training steps that were run.
      num_steps: training steps of the whole.
    """

    seconds: float
    steps: int
    num_steps: int


def proxy_cost(
    dataset: ImageDataset, config: ProxyConfig, architecture: Architecture, max_seconds: float
) -> ProxyCost:
    """What `ProxyTask.evaluate` would take.

    Args:
      dataset: images at config.image_size.
      config: how to train.
      architecture: of the candidate.
      max_seconds: to spend on training steps, of which two are run at least; on validation images
        a quarter of it.

    Raises:
      DataError: for images that cannot be read.
    """
    num_steps = config.epochs * (dataset.num_train // config.batch_size)
    start = time.perf_counter()
    try:
        with graph_optimizers_off(), custom_gradients_forgotten():
            network = build_model(
                architecture,
                num_classes=dataset.num_classes,
                image_size=config.image_size,
                dropout_rate=config.dropout_rate,
            )
            train_step = make_train_step(network, config)
            built = time.perf_counter() - start
            training, steps = _time(
                lambda *batch: float(train_step(*batch, np.float32(0))),
                itertools.chain.from_iterable(
                    dataset.train_batches(config.batch_size, epoch, config.seed)
                    for epoch in range(config.epochs)
                ),
                num_steps,
                max_seconds,
            )
            validation, _ = _time(
                make_count_correct(network, config.batch_size),
                dataset.validation_batches(config.batch_size),
                -(-dataset.num_validation // config.batch_size),
                max_seconds / 4,
            )
    finally:
        tf_keras.backend.clear_session()
        network = None
        gc.collect()
    return ProxyCost(built + training + validation, steps, num_steps)


def _time(
    run: Callable, batches: Iterable[Batch], count: int, max_seconds: float
) -> tuple[float, int]:
    """(seconds that `count` batches take, how many were run)."""
    start, first, elapsed, done = time.perf_counter(), 0.0, 0.0, 0
    for images, labels in batches:
        run(images.astype(np.float32), labels)
        elapsed, done = time.perf_counter() - start, done + 1
        if done == 1:
            first = elapsed  # slower than those after it, so it counts once
        elif elapsed > max_seconds:
            break
    return first + (count - 1) * (elapsed - first) / max(done - 1, 1), done
