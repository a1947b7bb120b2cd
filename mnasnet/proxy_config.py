"""What the proxy task of a search is: how long a candidate trains, on what, how fast."""

import dataclasses
import math

from mnasnet import recipe

_BATCH_NORM_MOMENTUM = 0.99
_IMAGENET_CLASSES = 1000
_STEPS_AVERAGED = 10  # as a share of training: statistics reach back over a tenth of the steps


@dataclasses.dataclass(frozen=True)
class ProxyConfig:
    """A short training, whose accuracy ranks candidates.

    Attributes:
      epochs: passes over the training images; 5 as in the paper.
      batch_size: images in a step.
      image_size: height and width of the images in pixels; the data set must have been loaded so.
      base_learning_rate: highest learning rate for 256 images a step; grows with the batch.
      warmup_fraction: share of the steps in which the learning rate rises from zero.
      label_smoothing: share of the label that is spread over all classes.
      weight_decay: factor of the squared weights in the loss.
      dropout_rate: before the classifier; None takes the architecture's.
      seed: of initial weights, of the order of the images and of dropout.

    Raises:
      ValueError: for a value outside its range; the message has it.
    """

    epochs: int = 5
    batch_size: int = 128
    image_size: int = 32
    base_learning_rate: float = 0.016
    warmup_fraction: float = 0.1
    label_smoothing: float = recipe.LABEL_SMOOTHING
    weight_decay: float = recipe.WEIGHT_DECAY
    dropout_rate: float | None = None
    seed: int = 0

    def __post_init__(self):
        for name in ("epochs", "batch_size", "image_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, must be at least 1")
        if not self.base_learning_rate > 0:
            raise ValueError(f"base_learning_rate is {self.base_learning_rate}, must be over 0")
        if not self.weight_decay >= 0:
            raise ValueError(f"weight_decay is {self.weight_decay}, must be at least 0")
        if self.seed < 0:
            raise ValueError(f"seed is {self.seed}, must be at least 0")
        for name in ("warmup_fraction", "label_smoothing", "dropout_rate"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < 1:
                raise ValueError(f"{name} is {value}, must be at least 0 and below 1")


def learning_rate(step: int, num_steps: int, config: ProxyConfig) -> float:
    """The learning rate of a step of a short training: a linear rise, then a cosine to zero.

    Differs from the official schedule: that is made for 350 epochs, and would end a training of 5
    while it still warms up. A network ranks by what it can reach in its time, so the rate falls to
    zero at the end, whatever the end is.

    Args:
      step: from 0.
      num_steps: of the whole training.
      config: peak and share of the warm-up.
    """
    peak = config.base_learning_rate * config.batch_size / recipe.LEARNING_RATE_BATCH
    warmup_steps = config.warmup_fraction * num_steps
    # The middle of the step, so that neither the first nor the last step goes to waste.
    position = step + 0.5
    if position < warmup_steps:
        return peak * position / warmup_steps
    progress = (position - warmup_steps) / (num_steps - warmup_steps)
    return peak * (1 + math.cos(math.pi * progress)) / 2


def batch_norm_momentum(num_steps: int) -> float:
    """Of the moving statistics that a batch norm evaluates with.

    Differs from the official 0.99 in short trainings, where that would still hold much of the
    initial values at the end: the statistics reach back over the last tenth of the steps.
    """
    return min(_BATCH_NORM_MOMENTUM, max(0.0, 1 - _STEPS_AVERAGED / num_steps))


def classifier_scale(num_classes: int) -> float:
    """Factor for the classifier's initial weights.

    Differs from the official code, where they are uniform in +-1 / sqrt(num_classes): with 10
    classes that makes logits of some +-5 before anything is learned, which a short training spends
    an epoch on undoing. Here they are what they would be with ImageNet's 1,000 classes.
    """
    return math.sqrt(num_classes / _IMAGENET_CLASSES)
