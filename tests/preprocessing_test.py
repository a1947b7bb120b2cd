import pathlib

import numpy as np
import pytest
import tensorflow as tf

from mnasnet.preprocessing import preprocess_for_eval, preprocess_for_train, resize_squares

pytestmark = pytest.mark.tensorflow

_TESTDATA = pathlib.Path(__file__).parent / "testdata"


def _jpeg(name: str) -> bytes:
    return (_TESTDATA / f"{name}.jpg").read_bytes()


def _encode(image) -> bytes:
    return tf.io.encode_jpeg(image, quality=100).numpy()


@pytest.mark.parametrize("name", ["landscape", "gray"])
def test_evaluation_crops_are_those_of_the_official_code_at_160_px(name):
    # Every fifth pixel of what the official code gave under TensorFlow 1.15.
    official = np.load(_TESTDATA / "official_preprocessed_160.npz")[name]
    image = preprocess_for_eval(_jpeg(name), 160)
    assert image.shape == (160, 160, 3)
    assert image.dtype == tf.float32
    np.testing.assert_allclose(image[::5, ::5], official, atol=1e-3)


def test_the_centre_crop_leaves_a_margin_of_32_pixels_for_each_224():
    # Of 64 px, a crop of 32 / (32 + 32) is the 32 px in the middle, which need no resizing.
    image = np.zeros((64, 64, 3), np.uint8)
    image[16:48, 16:48] = 200
    cropped = preprocess_for_eval(_encode(image), 32).numpy()
    np.testing.assert_allclose(cropped, 200, atol=2)


def test_training_crops_follow_from_the_seed():
    first, again, other = (
        preprocess_for_train(_jpeg("landscape"), 64, seed).numpy()
        for seed in ((1, 2), (1, 2), (1, 3))
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).mean() > 5


def test_training_crops_cover_8_to_100_percent_of_the_image():
    # On a ramp from 0 to 255 the range of a crop's values tells how much of the width it covers.
    ramp = np.broadcast_to(np.linspace(0, 255, 256)[None, :, None], (256, 256, 3)).astype(np.uint8)
    jpeg = _encode(ramp)
    crops = [preprocess_for_train(jpeg, 64, (0, seed)).numpy() for seed in range(200)]
    widths = np.array([np.ptp(crop) / 255 for crop in crops])
    # The narrowest crop allowed has 8 % of the area at 3/4: sqrt(0.08 * 0.75) = 0.245.
    assert widths.min() > 0.22
    assert widths.max() > 0.9
    flipped = np.mean([crop[0, 0, 0] > crop[0, -1, 0] for crop in crops])
    assert 0.35 < flipped < 0.65


def test_a_broken_jpeg_is_tensorflow_s_error_here():
    with pytest.raises(tf.errors.InvalidArgumentError):
        preprocess_for_eval(b"no picture", 32)


def test_small_images_are_enlarged_and_shrunk_to_whole_numbers():
    images = np.full((2, 8, 8, 3), 100.4)
    for size in (4, 8, 20):
        resized = resize_squares(images, size)
        assert resized.shape == (2, size, size, 3)
        assert resized.dtype == np.uint8
        assert (resized == 100).all()
