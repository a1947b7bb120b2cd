"""From JPEG bytes to the images that a network sees, as the official code does it.

Values stay in 0..255: the model's first layer normalises. Resizing is TensorFlow 1's bilinear
(corners not aligned, pixel centres not halved, no antialiasing), since the published accuracies
were reached with it and `tf.image.resize` of TensorFlow 2 gives other pixels.
"""

import numpy as np
import tensorflow as tf

# The centre crop leaves a margin that would be 16 pixels on each side of a resized image.
_CROP_PADDING = 32
_SMALLEST_OBJECT_SHARE = 0.1
_ASPECT_RATIOS = (3 / 4, 4 / 3)
_AREAS = (0.08, 1.0)
_ATTEMPTS = 10


def preprocess_for_eval(jpeg_bytes, image_size: int) -> tf.Tensor:
    """The centre crop, resized: what a network is evaluated on.

    Args:
      jpeg_bytes: string scalar, an encoded JPEG of any size, colour or grey.
      image_size: S.

    Returns:
      float32 [S, S, 3] in 0..255.
    """
    window = _centre_window(tf.io.extract_jpeg_shape(jpeg_bytes), image_size)
    return _decode_and_resize(jpeg_bytes, window, image_size)


def preprocess_for_train(jpeg_bytes, image_size: int, seed) -> tf.Tensor:
    """A random crop, resized and perhaps flipped: what a network is trained on.

    The crop covers 8 % to 100 % of the image, at an aspect ratio of 3/4 to 4/3 (Szegedy et al.,
    "Going deeper with convolutions"); a crop that is the whole image gives way to the centre crop.

    Differs from the official code: `seed` alone decides the crop and the flip, so that a search
    which was interrupted gives the numbers of one which was not.

    Args:
      jpeg_bytes: as `preprocess_for_eval`.
      image_size: S.
      seed: int [2].

    Returns:
      float32 [S, S, 3] in 0..255.
    """
    window = _random_window(tf.io.extract_jpeg_shape(jpeg_bytes), image_size, seed)
    image = _decode_and_resize(jpeg_bytes, window, image_size)
    return tf.image.stateless_random_flip_left_right(image, seed)


def preprocess_image_for_eval(image: tf.Tensor, image_size: int) -> tf.Tensor:
    """As `preprocess_for_eval`, of a decoded image [H, W, 3]; one of S x S stays whole."""
    window = _centre_window(tf.shape(image), image_size)
    fits = tf.reduce_all(tf.equal(tf.shape(image)[:2], image_size))
    return tf.cond(
        fits,
        lambda: tf.ensure_shape(tf.cast(image, tf.float32), (image_size, image_size, 3)),
        lambda: _crop_and_resize(image, window, image_size),
    )


def preprocess_image_for_train(image: tf.Tensor, image_size: int, seed) -> tf.Tensor:
    """As `preprocess_for_train`, of a decoded image [H, W, 3]."""
    window = _random_window(tf.shape(image), image_size, seed)
    resized = _crop_and_resize(image, window, image_size)
    return tf.image.stateless_random_flip_left_right(resized, seed)


def resize_squares(images: np.ndarray, image_size: int) -> np.ndarray:
    """Small images at another size, as uint8.

    Args:
      images: [N, H, W, C] in 0..255.
      image_size: S.

    Returns:
      uint8 [N, S, S, C].
    """
    if images.shape[1:3] != (image_size, image_size):
        images = tf.image.resize(images, (image_size, image_size), antialias=True).numpy()
    return np.clip(np.rint(images), 0, 255).astype(np.uint8)


def _centre_window(shape, image_size: int) -> tf.Tensor:
    """int32 [4]: offset y, offset x, height and width of the centre crop."""
    height, width = shape[0], shape[1]
    shorter = tf.cast(tf.minimum(height, width), tf.float32)
    share = tf.constant(image_size / (image_size + _CROP_PADDING), tf.float32)
    side = tf.cast(share * shorter, tf.int32)
    return tf.stack([(height - side + 1) // 2, (width - side + 1) // 2, side, side])


def _random_window(shape, image_size: int, seed) -> tf.Tensor:
    """int32 [4], as `_centre_window`, of a random crop."""
    begin, size, _ = tf.image.stateless_sample_distorted_bounding_box(
        shape,
        tf.constant([[[0.0, 0.0, 1.0, 1.0]]]),
        seed,
        min_object_covered=_SMALLEST_OBJECT_SHARE,
        aspect_ratio_range=_ASPECT_RATIOS,
        area_range=_AREAS,
        max_attempts=_ATTEMPTS,
        use_image_if_no_bounding_boxes=True,
    )
    whole = tf.reduce_all(tf.equal(size[:2], shape[:2]))
    # Both are a few additions, a branch would cost more.
    return tf.where(
        whole, _centre_window(shape, image_size), tf.concat([begin[:2], size[:2]], axis=0)
    )


def _decode_and_resize(jpeg_bytes, window, image_size: int) -> tf.Tensor:
    return _resize(tf.image.decode_and_crop_jpeg(jpeg_bytes, window, channels=3), image_size)


def _crop_and_resize(image, window, image_size: int) -> tf.Tensor:
    begin, size = tf.pad(window[:2], [[0, 1]]), tf.concat([window[2:], [3]], axis=0)
    return _resize(tf.slice(image, begin, size), image_size)


def _resize(image, image_size: int) -> tf.Tensor:
    image = tf.raw_ops.ResizeBilinear(
        images=image[None], size=(image_size, image_size), half_pixel_centers=False
    )[0]
    return tf.ensure_shape(image, (image_size, image_size, 3))
