"""Counts against those of the official code, and against sums done by hand."""

import pytest

from mnasnet.architectures import ARCHITECTURES, Architecture, from_blocks
from mnasnet.filters import round_filters
from mnasnet.stats import ModelStats, count

# Measured on the graphs that the official code builds under TensorFlow 1.15: trainable parameters,
# batch normalisation's moving statistics, and multiply-adds of Conv2D (squeeze-and-excitation
# among them), depthwise and MatMul operations.
OFFICIAL_COUNTS = [
    ("mnasnet-a1", None, 1000, 3887038, 33488, (285203232, 25095840, 1280000)),
    ("mnasnet-a1", 1.0, 1000, 3887038, 33488, (285203232, 25095840, 1280000)),
    ("mnasnet-a1", 0.35, 1000, 1747018, 14016, (50321248, 10080672, 1280000)),
    ("mnasnet-a1", 0.5, 1000, 2082006, 18400, (87909760, 13973232, 1280000)),
    ("mnasnet-a1", 0.75, 1000, 2912278, 26832, (200802912, 21365568, 1280000)),
    ("mnasnet-a1", 1.4, 1000, 6105992, 46016, (549579200, 35458752, 1280000)),
    ("mnasnet-b1", None, 1000, 4383312, 37920, (284798976, 28336896, 1280000)),
    ("mnasnet-small", None, 1000, 2030264, 16928, (58053376, 9005808, 1280000)),
    ("mnasnet-d1", None, 1000, 3638404, 48024, (864231424, 102194400, 1280000)),
    ("mnasnet-d1-320", None, 1000, 6932240, 82192, (2833408000, 853228800, 1280000)),
    ("mnasnet-a1", None, 10, 2618848, 33488, (285203232, 25095840, 12800)),
    ("mnasnet-small", None, 10, 762074, 16928, (58053376, 9005808, 12800)),
]


@pytest.mark.parametrize(
    ("name", "multiplier", "num_classes", "params", "non_trainable", "by_op"), OFFICIAL_COUNTS
)
def test_counts_equal_the_official_code_to_the_unit(
    name, multiplier, num_classes, params, non_trainable, by_op
):
    stats = count(ARCHITECTURES[name], depth_multiplier=multiplier, num_classes=num_classes)
    assert stats.params == params
    assert stats.non_trainable_params == non_trainable
    assert stats.multiply_adds == sum(by_op)
    for ops, expected in zip((("conv", "se"), ("depthwise",), ("dense",)), by_op, strict=True):
        assert sum(row.multiply_adds for row in stats.layers if row.op in ops) == expected


def test_an_image_size_of_320_is_what_d1_320_was_designed_for():
    designed_for = count(ARCHITECTURES["mnasnet-d1-320"])
    assert designed_for == count(ARCHITECTURES["mnasnet-d1-320"], image_size=320)
    assert designed_for.layers[0].input_shape == (320, 320, 3)


@pytest.mark.parametrize(
    ("multiplier", "widths"),
    [
        (None, [6, 10, 10, 20, 28, 28, 40, 40]),
        (0.35, [2, 4, 4, 8, 10, 10, 14, 14]),
        (1.4, [8, 14, 14, 28, 40, 40, 56, 56]),
    ],
)
def test_squeeze_widths_follow_the_filters_that_enter_a_layer(multiplier, widths):
    stats = count(ARCHITECTURES["mnasnet-a1"], depth_multiplier=multiplier)
    rows = [row for row in stats.layers if row.op == "se"]
    # Two 1x1 convolutions between C channels and the width w: 2 * C * w multiply-adds.
    assert [row.multiply_adds // (2 * row.input_shape[2]) for row in rows] == widths


@pytest.mark.parametrize(
    ("multiplier", "filters"),
    [
        (0.35, [8, 8, 8, 16, 16, 16, 32, 32, 32, 32, 40, 40, 56, 56, 56, 112]),
        (0.75, [16, 24, 24, 32, 32, 32, 64, 64, 64, 64, 88, 88, 120, 120, 120, 240]),
        (1.4, [24, 32, 32, 56, 56, 56, 112, 112, 112, 112, 160, 160, 224, 224, 224, 448]),
    ],
)
def test_a_depth_multiplier_scales_stem_and_blocks_but_not_the_head(multiplier, filters):
    rows = {
        row.name: row
        for row in count(ARCHITECTURES["mnasnet-a1"], depth_multiplier=multiplier).layers
    }
    assert rows["stem"].output_shape[2] == {0.35: 16, 0.75: 24, 1.4: 48}[multiplier]
    assert [rows[f"block_{i}/project"].output_shape[2] for i in range(16)] == filters
    assert rows["head/conv"].output_shape == (7, 7, 1280)


@pytest.mark.parametrize(
    ("filters", "multiplier", "rounded"),
    [
        (20, None, 20),  # no multiplier, no rounding
        (20, 1.0, 24),  # halfway between 16 and 24: up
        (19, 1.0, 24),  # nearest is 16, more than a tenth below 19
        (32, 0.35, 16),  # 11.2: nearest is 8, more than a tenth below
        (3, 1.0, 8),  # never under 8
        (40, 1.4, 56),
        (105, 1.0, 104),  # a twentieth less is let pass
    ],
)
def test_filters_round_to_eights_halves_up_and_never_lose_a_tenth(filters, multiplier, rounded):
    assert round_filters(filters, multiplier) == rounded


@pytest.mark.parametrize(
    ("filters", "divisor", "min_depth", "rounded"),
    [
        (32, 4, 0, 12),  # 11.2 of 32 at 0.35
        (3, 4, 0, 4),  # 1.05: one divisor
        (3, 4, 12, 12),
        (3, 4, 6, 6),  # the least is not rounded
        (32, 1, 0, 11),
    ],
)
def test_scaled_filters_are_multiples_of_the_divisor_and_no_fewer_than_the_least(
    filters, divisor, min_depth, rounded
):
    assert round_filters(filters, 0.35, divisor, min_depth) == rounded
    architecture = from_blocks(
        [f"r1_k3_s11_e1_i32_o{filters}"], depth_divisor=divisor, min_depth=min_depth
    )
    row = count(architecture, depth_multiplier=0.35).layers[2]
    assert (row.name, row.output_shape[2]) == ("block_0/project", rounded)


def hand_counted():
    """One block of each operation on a 9 x 9 image: every odd size meets a stride of 2."""
    return from_blocks(
        [
            "r1_k3_s22_e1_i4_o6_se0.5_pool_conv",
            "r2_k5_s22_e1_i6_o6_dconv",
            "r1_k3_s11_e3_i6_o4_se0.1_pool",
        ],
        stem_filters=4,
        head_filters=5,
    )


def test_each_row_of_a_small_network_is_what_a_hand_count_gives():
    stats = count(hand_counted(), image_size=9, num_classes=2)
    rows = [
        (
            row.name,
            row.op,
            row.kernel,
            row.stride,
            row.input_shape,
            row.output_shape,
            row.params,
            row.non_trainable_params,
            row.multiply_adds,
        )
        for row in stats.layers
    ]
    # A batch normalisation of C channels has 2 C parameters and 2 C moving statistics. Strides
    # of 2 take 9 to ceil(9 / 2) = 5 to 3 to 2.
    assert rows == [
        # 3*3*3*4 = 108 weights, on 5 * 5 places
        ("stem", "conv", 3, 2, (9, 9, 3), (5, 5, 4), 108 + 8, 8, 2700),
        # 3*3*4*6 = 216 weights, on 3 * 3 places
        ("block_0/conv", "conv", 3, 2, (5, 5, 4), (3, 3, 6), 216 + 12, 12, 1944),
        # width 4 * 0.5 = 2: 6*2 + 2*6 = 24 weights, 2 + 6 biases
        ("block_0/se", "se", 1, 1, (3, 3, 6), (3, 3, 6), 24 + 8, 0, 24),
        # beside the convolution: two channels of zeros are added to its four
        ("block_0/pool", "pool", 3, 2, (5, 5, 4), (3, 3, 4), 0, 0, 0),
        # 5*5*6 = 150 weights, on 2 * 2 places
        ("block_1/depthwise", "depthwise", 5, 2, (3, 3, 6), (2, 2, 6), 150 + 12, 12, 600),
        ("block_1/project", "conv", 1, 1, (2, 2, 6), (2, 2, 6), 36 + 12, 12, 144),
        # the second layer of the block: stride 1
        ("block_2/depthwise", "depthwise", 5, 1, (2, 2, 6), (2, 2, 6), 150 + 12, 12, 600),
        ("block_2/project", "conv", 1, 1, (2, 2, 6), (2, 2, 6), 36 + 12, 12, 144),
        # 6 * 18 weights; no pooling skip from 6 channels to 4
        ("block_3/expand", "conv", 1, 1, (2, 2, 6), (2, 2, 18), 108 + 36, 36, 432),
        ("block_3/depthwise", "depthwise", 3, 1, (2, 2, 18), (2, 2, 18), 162 + 36, 36, 648),
        # width int(6 * 0.1) = 0, at least 1: 18 + 18 weights, 1 + 18 biases
        ("block_3/se", "se", 1, 1, (2, 2, 18), (2, 2, 18), 36 + 19, 0, 36),
        ("block_3/project", "conv", 1, 1, (2, 2, 18), (2, 2, 4), 72 + 8, 8, 288),
        ("head/conv", "conv", 1, 1, (2, 2, 4), (2, 2, 5), 20 + 10, 10, 80),
        ("head/global_pool", "global_pool", 0, 1, (2, 2, 5), (1, 1, 5), 0, 0, 0),
        ("head/dense", "dense", 0, 1, (1, 1, 5), (1, 1, 2), 10 + 2, 0, 10),
    ]
    assert stats.params == sum(row[6] for row in rows)
    assert stats.non_trainable_params == sum(row[7] for row in rows)
    assert stats.multiply_adds == sum(row[8] for row in rows)


def test_a_declared_input_counts_for_expansion_and_squeeze_the_real_one_for_shapes():
    # Stem of 8, declared 16: expands to 16 * 3 = 48 from the 8 that are there, squeezes to 16 / 4.
    rows = count(from_blocks(["r1_k3_s11_e3_i16_o16_se0.25"], stem_filters=8), image_size=32).layers
    assert (rows[1].input_shape, rows[1].output_shape) == ((16, 16, 8), (16, 16, 48))
    assert rows[3].multiply_adds == 2 * 48 * 4


def test_statistics_of_a_part_are_sums_over_that_part():
    layers = count(ARCHITECTURES["mnasnet-a1"]).layers
    part, rest = ModelStats.of(layers[:7]), ModelStats.of(layers[7:])
    assert part.layers == layers[:7]
    assert part.params + rest.params == 3887038
    assert part.multiply_adds + rest.multiply_adds == 311579072


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"image_size": 0}, "image_size is 0, must be a whole number >= 1"),
        ({"image_size": 32.5}, "image_size is 32.5, must be a whole number >= 1"),
        ({"num_classes": -1}, "num_classes is -1, must be a whole number >= 1"),
        ({"depth_multiplier": 0}, "depth_multiplier is 0, must be a number over 0"),
        ({"depth_multiplier": float("nan")}, "depth_multiplier is nan, must be a number over 0"),
    ],
)
def test_impossible_sizes_are_refused_with_what_is_allowed(arguments, message):
    architecture = Architecture("any", ARCHITECTURES["mnasnet-a1"].blocks)
    with pytest.raises(ValueError, match=f"^{message}"):
        count(architecture, **arguments)


def test_a_count_does_not_depend_on_what_was_counted_before():
    # Layers are priced once and reused: same blocks at another size or place are other layers.
    block = "r2_k3_s11_e6_i16_o16_se0.25"
    alone = count(from_blocks([block], stem_filters=16)).layers
    behind = count(from_blocks([block, block], stem_filters=16)).layers
    assert behind[: len(alone) - 3] == alone[:-3]
    names = [layer.name for layer in behind if layer.op == "depthwise"]
    assert names == [f"block_{number}/depthwise" for number in range(4)]
    # Half the side is a quarter of a depthwise convolution's work.
    half = count(from_blocks([block], stem_filters=16), image_size=112).layers
    assert [4 * layer.multiply_adds for layer in half if layer.op == "depthwise"] == [
        layer.multiply_adds for layer in alone if layer.op == "depthwise"
    ]
    assert count(from_blocks([block], stem_filters=16)).layers == alone
