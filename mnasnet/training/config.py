"""What a full training is: every number of it, with the official code's values as defaults.

The names are those of the official configuration, so its YAML files are read as they are
(`mnasnet.training.overrides`). Everything here is a flag of `mnasnet.train` too.
"""

import dataclasses
from typing import Any

from mnasnet import recipe

STRATEGIES = ("default", "mirrored", "multi_worker_mirrored", "tpu")
PRECISIONS = ("float32", "bfloat16")
AUGMENTATIONS = ("none", "autoaugment", "randaugment")


def _field(default: Any, help_text: str) -> Any:
    return dataclasses.field(default=default, metadata={"help": help_text})


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """A full training; None leaves a number to the network or to the data.

    Differs from the official defaults: `dropout_rate` is the network's own, which all published
    configurations ask for; no TPU unless asked for; all validation images count.

    Raises:
      ValueError: for a value outside its range; the message has it.
    """

    model_name: str | None = _field(None, "a published network")
    blocks: tuple[str, ...] | None = _field(None, "block strings of a network of your own")
    stem_filters: int | None = _field(None, "filters of the convolution in front, with blocks")
    head_filters: int | None = _field(None, "filters of the convolution behind, with blocks")
    depth_multiplier: float | None = _field(None, "scales the filters of stem and blocks")
    depth_divisor: int | None = _field(
        None, "what scaled filters are rounded to multiples of; by default 8"
    )
    min_depth: int | None = _field(
        None, "the smallest number of scaled filters; by default one depth_divisor"
    )
    image_size: int | None = _field(None, "height and width of the images")
    num_classes: int | None = _field(None, "outputs of the classifier")
    dropout_rate: float | None = _field(
        None, "before the classifier; 0 is none; by default the network's own"
    )
    batch_norm_momentum: float | None = _field(None, "of the moving statistics; by default 0.99")
    batch_norm_epsilon: float | None = _field(None, "added to the variance; by default 1e-3")

    dataset: str = _field(
        "imagenet",
        "imagenet (TFRecords train-* and validation-* in data_dir), null (black images, to measure "
        "speed), digits, the name of a data set that TFDS has prepared in data_dir, or a module of "
        "yours (mnasnet/data/datasets.py)",
    )
    data_dir: str | None = _field(None, "folder of the data set; 'null' is the null data set")
    num_train_images: int | None = _field(
        None, "images in an epoch; by default as many as there are"
    )
    num_eval_images: int | None = _field(
        None, "images to evaluate on; by default as many as there are"
    )
    eval_drop_remainder: bool = _field(
        False,
        "leave out the validation images that fill no batch, as the official code does: 49,152 of "
        "50,000 at 1,024",
    )
    use_cache: bool = _field(False, "keep the encoded training images in memory")
    num_parallel_calls: int = _field(64, "files that are read at once")
    augmentation: str = _field("none", f"beside crops and flips: {', '.join(AUGMENTATIONS)}")

    train_batch_size: int = _field(1024, "images in a training step, over all replicas")
    eval_batch_size: int = _field(1024, "images in an evaluation step, over all replicas")
    train_steps: int = _field(437_898, "training steps in all: 350 epochs at batch 1024")
    train_epochs: float | None = _field(None, "in place of train_steps: epochs in all")
    base_learning_rate: float = _field(recipe.BASE_LEARNING_RATE, "peak for 256 images a step")
    warmup_epochs: float = _field(recipe.WARMUP_EPOCHS, "in which the learning rate rises from 0")
    decay_epochs: float = _field(
        recipe.DECAY_EPOCHS, "after each of which the learning rate falls by 3 %"
    )
    momentum: float = _field(0.9, "of RMSProp")
    moving_average_decay: float = _field(
        0.9999, "of the moving averages of weights and batch-norm statistics; 0: no averages"
    )
    weight_decay: float = _field(recipe.WEIGHT_DECAY, "factor of the squared weights in the loss")
    label_smoothing: float = _field(
        recipe.LABEL_SMOOTHING, "share of the label that is spread over all classes"
    )
    init_checkpoint: str | None = _field(
        None,
        "start from these weights, of the official code or of ours; the classifier starts anew "
        "where it has another number of classes",
    )
    precision: str = _field("float32", f"of the computation: {', '.join(PRECISIONS)}")
    seed: int = _field(0, "of initial weights, order of images, crops and dropout")

    strategy: str = _field(
        "default",
        "default (one GPU, else the CPU), mirrored (all GPUs of this host), multi_worker_mirrored "
        "(several hosts, by TF_CONFIG or worker_hosts), tpu",
    )
    num_gpus: int | None = _field(None, "how many GPUs mirrored uses; by default all")
    worker_hosts: str | None = _field(None, "host:port of all workers, with commas between")
    task_index: int | None = _field(None, "which of worker_hosts this one is")
    tpu: str | None = _field(None, "name or address of the TPU, 'local' on a TPU VM")
    tpu_zone: str | None = _field(None, "zone of the TPU")
    gcp_project: str | None = _field(None, "project of the TPU")
    steps_per_eval: int = _field(6255, "training steps between evaluations")
    iterations_per_loop: int = _field(
        1251, "steps between checkpoints: at least 100, and whole log_step_count_steps"
    )
    log_step_count_steps: int = _field(64, "steps between reports; a TPU runs them in one go")
    max_to_keep: int = _field(5, "checkpoints to keep")
    eval_timeout: int | None = _field(
        None, "mode eval: seconds to wait for a checkpoint; by default for ever"
    )
    use_async_checkpointing: bool = _field(False, "train on while a checkpoint is being written")

    def __post_init__(self):
        for name in _AT_LEAST_ONE:
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} is {value}, must be at least 1")
        for name in _OVER_ZERO:
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise ValueError(f"{name} is {value}, must be a number over 0")
        for name in _AT_LEAST_ZERO:
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} is {getattr(self, name)}, must be at least 0")
        for name in _BELOW_ONE:
            value = getattr(self, name)
            if value is not None and not 0 <= value < 1:
                raise ValueError(f"{name} is {value}, must be at least 0 and below 1")
        for name, allowed in (
            ("strategy", STRATEGIES),
            ("precision", PRECISIONS),
            ("augmentation", AUGMENTATIONS),
        ):
            if getattr(self, name) not in allowed:
                raise ValueError(
                    f"{name} is {getattr(self, name)!r}, must be one of {', '.join(allowed)}"
                )

    @property
    def loop_steps(self) -> int:
        """Training steps in one go; a report follows, and a checkpoint if one is due."""
        return self.iterations_per_loop if self.strategy == "tpu" else self.log_step_count_steps

    @property
    def checkpoint_steps(self) -> int:
        """Training steps after which a checkpoint is due."""
        return max(100, self.iterations_per_loop)

    @property
    def saved_steps(self) -> int:
        """Training steps from one checkpoint to the next: a checkpoint waits for a loop's end."""
        return -(-self.checkpoint_steps // self.loop_steps) * self.loop_steps


_AT_LEAST_ONE = (
    "image_size",
    "num_classes",
    "num_train_images",
    "num_eval_images",
    "num_parallel_calls",
    "train_batch_size",
    "eval_batch_size",
    "train_steps",
    "num_gpus",
    "steps_per_eval",
    "iterations_per_loop",
    "log_step_count_steps",
    "max_to_keep",
    "eval_timeout",
)
_OVER_ZERO = ("train_epochs", "base_learning_rate", "decay_epochs", "batch_norm_epsilon")
_AT_LEAST_ZERO = ("weight_decay", "warmup_epochs", "seed")
_BELOW_ONE = (
    "dropout_rate",
    "batch_norm_momentum",
    "momentum",
    "moving_average_decay",
    "label_smoothing",
)
