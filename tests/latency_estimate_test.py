"""The Pixel 1 estimate against latencies that were measured on phones and published."""

import dataclasses

import numpy as np
import pytest

from mnasnet.architectures import ARCHITECTURES, Architecture, from_blocks
from mnasnet.latency_estimate import (
    ESTIMATE_NOTE,
    MS_PER_MILLION_DEPTHWISE_MULTIPLY_ADDS,
    MS_PER_MILLION_ELEMENTS_MOVED,
    MS_PER_MILLION_MULTIPLY_ADDS,
    MS_PER_MILLION_WEIGHTS,
    cost_drivers,
    pixel1_latency_ms,
)
from mnasnet.stats import count

# The official code's README: Pixel 1 milliseconds of MnasNet-A1 by depth multiplier and image size.
IMAGE_SIZES = (224, 192, 160, 128, 96)
PUBLISHED_MS = {
    1.4: (135, 99, 72, 49, 32),
    1.0: (78, 57, 41, 29, 18),
    0.75: (61, 45, 33, 23, 17),
    0.5: (32, 24, 18, 12, 7.4),
    0.35: (22, 17, 13, 8.5, 5.4),
}
CASES = [
    (multiplier, image_size, published)
    for multiplier, row in PUBLISHED_MS.items()
    for image_size, published in zip(IMAGE_SIZES, row, strict=True)
]


def a1_stats(multiplier, image_size):
    return count(ARCHITECTURES["mnasnet-a1"], image_size=image_size, depth_multiplier=multiplier)


def relative_errors(minimum_image_size=0):
    return [
        abs(pixel1_latency_ms(a1_stats(multiplier, image_size)) / published - 1)
        for multiplier, image_size, published in CASES
        if image_size >= minimum_image_size
    ]


def test_a1_at_224_px_is_within_one_percent_of_its_published_78_ms():
    estimate = pixel1_latency_ms(count(ARCHITECTURES["mnasnet-a1"]))
    assert estimate == pytest.approx(78.8, abs=0.05)
    assert estimate == pytest.approx(78, rel=0.01)


def test_mean_error_over_the_25_published_latencies_is_the_one_that_outputs_state():
    errors = relative_errors()
    assert len(errors) == 25
    assert np.mean(errors) == pytest.approx(0.029, abs=0.0005)
    assert "mean error 2.9 %" in ESTIMATE_NOTE


def test_mean_error_at_128_px_and_above_is_1_8_percent():
    errors = relative_errors(minimum_image_size=128)
    assert len(errors) == 20
    assert np.mean(errors) == pytest.approx(0.018, abs=0.0005)


def test_latencies_left_out_of_the_fit_are_predicted_within_3_5_percent_in_the_mean():
    published = np.array([case[2] for case in CASES])
    features, depthwise_ms = [], []
    for multiplier, image_size, _ in CASES:
        stats = a1_stats(multiplier, image_size)
        other, depthwise, moved = cost_drivers(stats)
        features.append((other / 1e6, moved / 1e6, stats.params / 1e6))
        depthwise_ms.append(MS_PER_MILLION_DEPTHWISE_MULTIPLY_ADDS * depthwise / 1e6)
    features, depthwise_ms = np.array(features), np.array(depthwise_ms)

    def fit(kept):
        """Prices of P, A, W that minimise the squared relative error, at D's fixed price."""
        target = 1 - depthwise_ms[kept] / published[kept]
        return np.linalg.lstsq(features[kept] / published[kept, None], target, rcond=None)[0]

    everything = np.ones(len(CASES), bool)
    prices = (MS_PER_MILLION_MULTIPLY_ADDS, MS_PER_MILLION_ELEMENTS_MOVED, MS_PER_MILLION_WEIGHTS)
    np.testing.assert_allclose(fit(everything), prices, rtol=0.01)
    errors = []
    for left_out in range(len(CASES)):
        kept = everything.copy()
        kept[left_out] = False
        predicted = features[left_out] @ fit(kept) + depthwise_ms[left_out]
        errors.append(abs(predicted / published[left_out] - 1))
    assert np.mean(errors) == pytest.approx(0.035, abs=0.0005)
    at_128_and_above = [error for error, case in zip(errors, CASES, strict=True) if case[1] >= 128]
    assert np.mean(at_128_and_above) == pytest.approx(0.021, abs=0.0005)


@pytest.mark.parametrize(
    ("name", "depth_multiplier", "published"),
    [
        ("mnasnet-small", None, 23.2),
        ("mobilenet-v2", None, 75),
        ("mobilenet-v2", 0.35, 21.4),
    ],
)
def test_networks_outside_the_fit_are_estimated_within_6_percent(name, depth_multiplier, published):
    stats = count(ARCHITECTURES[name], depth_multiplier=depth_multiplier)
    assert pixel1_latency_ms(stats) == pytest.approx(published, rel=0.06)


@pytest.mark.parametrize(("expand_ratio", "published_ratio"), [(3, 78 / 63), (6, 146 / 116)])
def test_kernels_of_5_cost_a_quarter_more_than_kernels_of_3_as_in_table_6(
    expand_ratio, published_ratio
):
    def one_type_of_layer(kernel_size):
        first, *others = ARCHITECTURES["mnasnet-a1"].blocks
        blocks = [dataclasses.replace(first, kernel_size=kernel_size)]
        for block in others:
            blocks.append(
                dataclasses.replace(
                    block, kernel_size=kernel_size, expand_ratio=expand_ratio, se_ratio=0
                )
            )
        return pixel1_latency_ms(count(Architecture("one type", tuple(blocks))))

    assert one_type_of_layer(5) / one_type_of_layer(3) == pytest.approx(published_ratio, rel=0.02)


def test_each_operation_is_charged_as_the_formula_says():
    # Image 8 x 8 x 3, stem of 4 filters -> 4 x 4 x 4, no multiplier.
    strings = ["r1_k3_s22_e1_i4_o4_se0.5_pool_dconv"]
    stats = count(from_blocks(strings, stem_filters=4, head_filters=5), image_size=8, num_classes=2)
    # Depthwise on 4 x 4 x 4 -> 2 x 2 x 4: 9 * 16 multiply-adds, moves 64 + 16 elements.
    # SE reads and writes 16 + 16; the pool skip reads 64, writes 16.
    # Others: stem 16 * 27 * 4, SE 2 * 4 * 2, project 4 * 4 * 4, head 4 * 4 * 5, classifier 5 * 2.
    assert cost_drivers(stats) == (1728 + 16 + 64 + 80 + 10, 144, 80 + 32 + 80)
    assert pixel1_latency_ms(stats) == pytest.approx(
        (0.16 * 1898 + 0.5 * 144 + 2.4 * 192 + 1.07 * stats.params) / 1e6, rel=1e-12
    )
