"""Batches for training and evaluation, as each replica gets them."""

from collections.abc import Callable

import tensorflow as tf

from mnasnet.data.image_dataset import PADDING_LABEL
from mnasnet.training.images import Shard, TrainingData


def train_batches(
    data: TrainingData,
    *,
    batch_size: int,
    seed: int,
    context: tf.distribute.InputContext | None = None,
    augment: Callable[[tf.Tensor], tf.Tensor] | None = None,
    dtype: tf.DType = tf.float32,
) -> tf.data.Dataset:
    """Without end: images [B, S, S, 3] in 0..255 and labels int32 [B].

    Args:
      data: where they come from.
      batch_size: over all replicas; B is each replica's share.
      seed: of order and crops.
      context: which hosts and replicas there are.
      augment: image float32 [S, S, 3] -> the same, changed.
      dtype: of the images.
    """
    context = context or tf.distribute.InputContext()
    shard = Shard(context.num_input_pipelines, context.input_pipeline_id)
    images = data.train_images(shard, seed)
    if augment is not None:
        images = images.map(lambda image, label: (augment(image), label), tf.data.AUTOTUNE)
    return _batch(images, batch_size, context, dtype)


def num_eval_steps(num_images: int, batch_size: int, *, drop_remainder: bool) -> int:
    """Steps of one evaluation; ValueError where not one batch is filled and no other counts."""
    if not drop_remainder:
        return -(-num_images // batch_size)
    if num_images < batch_size:
        raise ValueError(
            f"eval_batch_size is {batch_size}, must be at most the {num_images} validation images "
            "where eval_drop_remainder leaves out what fills no batch"
        )
    return num_images // batch_size


def eval_batches(
    data: TrainingData,
    *,
    batch_size: int,
    num_steps: int,
    context: tf.distribute.InputContext | None = None,
    dtype: tf.DType = tf.float32,
) -> tf.data.Dataset:
    """`num_steps` batches as `train_batches`, filled up with black images of PADDING_LABEL."""
    context = context or tf.distribute.InputContext()
    images = data.eval_images().shard(context.num_input_pipelines, context.input_pipeline_id)
    image_spec, _ = images.element_spec
    padding = tf.zeros(image_spec.shape, image_spec.dtype), tf.constant(PADDING_LABEL)
    images = images.concatenate(tf.data.Dataset.from_tensors(padding).repeat())
    images = images.take(num_steps * batch_size // context.num_input_pipelines)
    return _batch(images, batch_size, context, dtype)


def make_augment(name: str) -> Callable[[tf.Tensor], tf.Tensor] | None:
    """AutoAugment or RandAugment of Model Garden with its defaults; None for 'none'."""
    if name == "none":
        return None
    from official.vision.ops import augment

    augmenter = augment.AutoAugment() if name == "autoaugment" else augment.RandAugment()

    def apply(image):
        changed = augmenter.distort(tf.cast(tf.round(image), tf.uint8))
        return tf.ensure_shape(tf.cast(changed, tf.float32), image.shape)

    return apply


def _batch(images, batch_size: int, context, dtype: tf.DType) -> tf.data.Dataset:
    per_replica = context.get_per_replica_batch_size(batch_size)
    batches = images.batch(
        per_replica, drop_remainder=True, num_parallel_calls=tf.data.AUTOTUNE, deterministic=False
    )
    if dtype != tf.float32:
        batches = batches.map(lambda images, labels: (tf.cast(images, dtype), labels))
    return batches.prefetch(tf.data.AUTOTUNE)
