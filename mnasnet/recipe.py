"""How the official code trains a network: the numbers and the learning rate.

`mnasnet.losses` and `mnasnet.training.rmsprop` are the rest of it. The proxy task of a search takes
all but the schedule, which is made for 350 epochs (`mnasnet.proxy_config` has its own).
"""

import numpy as np

IMAGENET_TRAIN_IMAGES = 1_281_167
BASE_LEARNING_RATE = 0.016
LEARNING_RATE_BATCH = 256  # the base learning rate is for this many images a step
LABEL_SMOOTHING = 0.1
WEIGHT_DECAY = 1e-5

WARMUP_EPOCHS = 5.0
DECAY_EPOCHS = 2.4
DECAY_RATE = 0.97


def learning_rate(
    step: int,
    *,
    batch_size: int,
    num_train_images: int = IMAGENET_TRAIN_IMAGES,
    base: float = BASE_LEARNING_RATE,
    warmup_epochs: float = WARMUP_EPOCHS,
    decay_epochs: float = DECAY_EPOCHS,
) -> float:
    """The learning rate of a step of full training.

    It rises from zero in the first five epochs and falls by 3 % every 2.4 epochs. The fall counts
    from step 0, so the rate drops when the warm-up ends. All in float32, as in the official graph,
    since the edges of the staircase depend on it.

    Args:
      step: from 0.
      batch_size: images in a step, over all replicas.
      num_train_images: images in an epoch.
      base: learning rate for 256 images a step; grows in proportion to the batch.
      warmup_epochs: in which it rises.
      decay_epochs: after each of which it falls.
    """
    steps_per_epoch = num_train_images / batch_size
    peak = np.float32(base * batch_size / LEARNING_RATE_BATCH)
    warmup_steps = int(warmup_epochs * steps_per_epoch)
    if step < warmup_steps:
        return float(peak * np.float32(step) / np.float32(warmup_steps))
    decays = np.floor(np.float32(step) / np.float32(decay_epochs * steps_per_epoch))
    return float(peak * np.power(np.float32(DECAY_RATE), decays))
