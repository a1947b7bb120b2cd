"""How blocks become layers: the rules of the official code, corner by corner."""

import pytest

from mnasnet.architectures import ARCHITECTURES, from_blocks
from mnasnet.layer_args import expand_blocks


def _layers(*strings, stem_filters=32, depth_multiplier=None):
    architecture = from_blocks(strings, stem_filters=stem_filters)
    return expand_blocks(architecture, depth_multiplier)


@pytest.mark.parametrize(
    ("depth_multiplier", "widths"),
    [
        # Official SE widths. Undivided: the 24 and 40 filters that enter blocks of 40 -> 6, 10, 10;
        # 80 and 112 before 112 -> 20, 28; 112, 160, 160 before 160 -> 28, 40, 40.
        (None, [6, 10, 10, 20, 28, 28, 40, 40]),
        (0.35, [2, 4, 4, 8, 10, 10, 14, 14]),
        (1.4, [8, 14, 14, 28, 40, 40, 56, 56]),
    ],
)
def test_squeeze_widths_of_a1_follow_the_filters_that_enter_each_layer(depth_multiplier, widths):
    layers = expand_blocks(ARCHITECTURES["mnasnet-a1"], depth_multiplier)
    assert [layer.squeeze_filters for layer in layers if layer.squeeze_filters] == widths


@pytest.mark.parametrize(
    ("depth_multiplier", "filters"),
    [
        (0.35, [8] * 3 + [16] * 3 + [32] * 4 + [40] * 2 + [56] * 3 + [112]),
        (0.5, [8] + [16] * 2 + [24] * 3 + [40] * 4 + [56] * 2 + [80] * 3 + [160]),
        (0.75, [16] + [24] * 2 + [32] * 3 + [64] * 4 + [88] * 2 + [120] * 3 + [240]),
        (None, [16] + [24] * 2 + [40] * 3 + [80] * 4 + [112] * 2 + [160] * 3 + [320]),
        (1.4, [24] + [32] * 2 + [56] * 3 + [112] * 4 + [160] * 2 + [224] * 3 + [448]),
    ],
)
def test_output_filters_of_a1_are_the_official_ones(depth_multiplier, filters):
    layers = expand_blocks(ARCHITECTURES["mnasnet-a1"], depth_multiplier)
    assert [layer.output_filters for layer in layers] == filters


def test_a_narrow_squeeze_keeps_one_filter():
    assert _layers("r1_k3_s11_e1_i2_o2_se0.25", stem_filters=2)[0].squeeze_filters == 1


def test_only_the_first_layer_of_a_block_strides_and_changes_filters():
    first, second, third = _layers("r3_k5_s22_e3_i24_o40", stem_filters=24)
    assert (first.stride, first.input_filters, first.expanded_filters) == (2, 24, 72)
    assert (second.stride, second.input_filters, second.expanded_filters) == (1, 40, 120)
    assert third == second


def test_a_ratio_of_one_means_no_expansion():
    assert _layers("r1_k3_s11_e1_i32_o16")[0].expanded_filters == 0


def test_the_declared_input_filters_rule_expansion_and_squeeze():
    layer = _layers("r1_k3_s11_e3_i16_o24_se0.25", stem_filters=8)[0]
    assert (layer.input_filters, layer.expanded_filters, layer.squeeze_filters) == (8, 48, 4)


def test_identity_skips_need_stride_one_and_equal_filters():
    skips = [layer.skip for layer in _layers("r2_k3_s22_e6_i32_o32", "r2_k3_s11_e6_i32_o40")]
    assert skips == ["none", "identity", "none", "identity"]


def test_noskip_holds_for_every_layer_of_a_block():
    skips = [layer.skip for layer in _layers("r3_k3_s11_e6_i32_o32_noskip")]
    assert skips == ["none", "none", "none"]


def test_the_first_block_of_small_has_no_skip_since_it_declares_other_filters():
    first = expand_blocks(ARCHITECTURES["mnasnet-small"])[0]
    assert (first.input_filters, first.output_filters, first.skip) == (8, 8, "none")


def test_declared_filters_alone_do_not_make_a_skip_possible():
    assert _layers("r1_k3_s11_e6_i16_o16", stem_filters=8)[0].skip == "none"


@pytest.mark.parametrize("conv_op", ["", "_conv", "_dconv"])
def test_pooling_skips_pass_strides_and_missing_channels_but_no_surplus(conv_op):
    def skips(string):
        return [layer.skip for layer in _layers(string + conv_op)]

    assert skips("r2_k3_s22_e1_i32_o40_pool") == ["pool", "pool"]
    assert skips("r2_k3_s11_e1_i32_o24_pool") == ["none", "pool"]


def test_filters_that_rounding_makes_equal_get_a_skip():
    # 0.35 * 16 = 5.6 and 0.35 * 24 = 8.4 both round to 8.
    block = "r1_k3_s11_e1_i16_o24"
    assert _layers(block, stem_filters=16)[0].skip == "none"
    assert _layers(block, stem_filters=16, depth_multiplier=0.35)[0].skip == "identity"


@pytest.mark.parametrize("depth_multiplier", [0, -1.0, float("inf"), float("nan")])
def test_impossible_depth_multipliers_are_refused(depth_multiplier):
    with pytest.raises(ValueError, match=f"depth_multiplier is {depth_multiplier}"):
        _layers("r1_k3_s11_e1_i32_o16", depth_multiplier=depth_multiplier)
