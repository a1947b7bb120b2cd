"""Spaces as data, and the paper's space among them."""

import numpy as np
import pytest

from mnasnet.architectures import ARCHITECTURES, from_blocks
from mnasnet.block_args import decode
from search.search_space import Decision, SearchSpace, get_space, mnasnet_space

REFERENCES = ("mobilenet-v2", "mnasnet-a1", "mnasnet-small")


def middle_tokens(space):
    """Tokens of a point away from all edges."""
    return [len(decision.choices) // 2 for decision in space.decisions]


@pytest.mark.parametrize("reference", REFERENCES)
def test_each_of_the_seven_blocks_has_the_papers_432_choices(reference):
    space = get_space("mnasnet", reference)
    sizes = [len(decision.choices) for decision in space.decisions]
    # Operation, kernel, squeeze ratio, skip, filters, layers (MnasNet, section 4.1).
    assert sizes == [4, 2, 2, 3, 3, 3] * 7
    assert space.size == 432**7


@pytest.mark.parametrize(
    ("reference", "layers"), [("mobilenet-v2", 17), ("mnasnet-a1", 16), ("mnasnet-small", 15)]
)
def test_the_size_with_each_layer_on_its_own_is_printed_for_comparison(reference, layers):
    assert get_space("mnasnet", reference).per_layer_size == 432**layers


def test_mobilenet_v2_is_the_reference_by_default():
    default = get_space("mnasnet")
    assert default.decisions == get_space("mnasnet", ARCHITECTURES["mobilenet-v2"]).decisions


def test_filters_are_three_quarters_to_five_quarters_of_the_reference_unrounded():
    space = get_space("mnasnet", "mnasnet-a1")
    filters = [d.choices for d in space.decisions if d.name.endswith("/filters")]
    assert filters == [
        (12, 16, 20),
        (18, 24, 30),
        (30, 40, 50),
        (60, 80, 100),
        (84, 112, 140),
        (120, 160, 200),
        (240, 320, 400),
    ]


def test_layers_are_one_fewer_to_one_more_and_never_none():
    space = get_space("mnasnet")
    layers = [d.choices for d in space.decisions if d.name.endswith("/num_repeat")]
    # MobileNetV2 repeats its blocks 1, 2, 3, 4, 3, 3, 1 times.
    assert layers == [
        (1, 2, 3),
        (1, 2, 3),
        (2, 3, 4),
        (3, 4, 5),
        (2, 3, 4),
        (2, 3, 4),
        (1, 2, 3),
    ]


def test_tokens_mean_the_block_strings_that_one_expects():
    space = mnasnet_space(
        from_blocks(["r2_k3_s22_e6_i32_o16", "r1_k3_s11_e6_i16_o40"], name="two blocks")
    )
    assert space.decode([3, 1, 1, 1, 1, 1, 0, 0, 0, 2, 2, 2]) == (
        "r2_k5_s22_e6_i32_o16_se0.25",
        "r3_k3_s11_e1_i16_o50_noskip_conv",
    )
    assert space.decode([1, 0, 0, 0, 0, 0, 2, 1, 0, 1, 0, 0]) == (
        "r1_k3_s22_e1_i32_o12_pool_dconv",
        "r1_k5_s11_e3_i12_o30",
    )


@pytest.mark.parametrize("reference", REFERENCES)
def test_encode_gives_back_the_tokens_of_1000_random_networks(reference):
    space = get_space("mnasnet", reference)
    tokens = space.sample_uniform(np.random.default_rng(0), 1000)
    for row in tokens:
        encoded = space.encode(space.decode(row))
        assert encoded.dtype == np.int32
        np.testing.assert_array_equal(encoded, row)


@pytest.mark.parametrize("reference", REFERENCES)
def test_each_single_choice_gives_another_network_and_reads_back(reference):
    space = get_space("mnasnet", reference)
    networks = set()
    for position, decision in enumerate(space.decisions):
        for token in range(len(decision.choices)):
            tokens = middle_tokens(space)
            tokens[position] = token
            network = space.decode(tokens)
            assert space.encode(network).tolist() == tokens
            networks.add(network)
    # The middle itself comes once for each decision.
    changes = sum(len(decision.choices) - 1 for decision in space.decisions)
    assert len(networks) == changes + 1


@pytest.mark.parametrize("reference", REFERENCES)
def test_every_network_of_the_space_fits_together_and_keeps_the_references_strides(reference):
    space = get_space("mnasnet", reference)
    model = ARCHITECTURES[reference]
    for row in space.sample_uniform(np.random.default_rng(1), 500):
        network = from_blocks(space.decode(row), stem_filters=model.stem_filters)
        assert [b.strides for b in network.blocks] == [b.strides for b in model.blocks]
        assert network.blocks[0].input_filters == model.stem_filters


def test_uniform_samples_take_every_choice_about_equally_often():
    space = get_space("mnasnet")
    tokens = space.sample_uniform(np.random.default_rng(0), 6000)
    assert tokens.shape == (6000, 42)
    assert tokens.dtype == np.int32
    for column, decision in zip(tokens.T, space.decisions, strict=True):
        shares = np.bincount(column, minlength=len(decision.choices)) / len(column)
        # Six standard deviations of a share of one half are 0.039.
        np.testing.assert_allclose(shares, 1 / len(decision.choices), atol=0.039)


def replace_block(network, position, old, new):
    changed = list(network)
    assert old in changed[position]
    changed[position] = changed[position].replace(old, new)
    return tuple(changed)


@pytest.mark.parametrize(
    ("position", "old", "new", "complaint"),
    [
        (1, "_k5", "_k7", "'block_1/kernel_size' is 7, the space 'mnasnet' allows 3, 5"),
        (1, "_se0.25", "_se0.5", "'block_1/se_ratio' is 0.5, the space 'mnasnet' allows 0.0, 0.25"),
        (1, "r2_", "r9_", "'block_1/num_repeat' is 9, the space 'mnasnet' allows 1, 2, 3"),
        (1, "_e3_", "_e4_", "'block_1/conv_op' is 'mbconv_e4', the space 'mnasnet' allows conv,"),
        (6, "_o320", "_o321", "'block_6/filters' is 321, the space 'mnasnet' allows 240, 320, 400"),
        (1, "_s22", "_s11", "block 1, 'r2_k5_s11_e3_i16_o24_se0.25', must have strides (2, 2)"),
        (0, "_i32", "_i16", "must have strides (1, 1) and 32 input filters in this space"),
        (0, "_k5", "_x5", "the piece 'x5' is unknown"),
    ],
)
def test_a_network_outside_the_space_is_refused_naming_the_decision(position, old, new, complaint):
    space = get_space("mnasnet")
    inside = space.decode([2, 1, 1, 1, 1, 1] * 7)
    with pytest.raises(ValueError) as refusal:
        space.encode(replace_block(inside, position, old, new))
    assert complaint in str(refusal.value)


def test_a_network_of_another_number_of_blocks_is_refused():
    space = get_space("mnasnet")
    with pytest.raises(ValueError, match="6 blocks given, the space has 7"):
        space.encode(space.decode(middle_tokens(space))[:6])


@pytest.mark.parametrize("token", [-1, 4])
def test_a_token_out_of_range_is_refused_naming_the_decision(token):
    space = get_space("mnasnet")
    tokens = middle_tokens(space)
    tokens[6] = token
    with pytest.raises(
        ValueError, match=f"token {token} for 'block_1/conv_op', allowed are 0 to 3"
    ):
        space.decode(tokens)


def test_a_wrong_number_of_tokens_is_refused():
    with pytest.raises(ValueError, match="3 tokens given, the space has 42"):
        get_space("mnasnet").decode([0, 0, 0])


def test_unknown_spaces_and_references_are_refused_with_those_there_are():
    with pytest.raises(ValueError, match="unknown search space 'darts', known are mnasnet"):
        get_space("darts")
    with pytest.raises(ValueError, match="unknown model 'resnet', known are mnasnet-a1"):
        get_space("mnasnet", "resnet")


def test_a_reference_too_narrow_for_three_widths_is_refused():
    # 0.75, 1 and 1.25 times one filter round to 1, 1 and 1.
    with pytest.raises(ValueError, match="'block_0/filters' repeats a choice"):
        mnasnet_space(from_blocks(["r1_k3_s11_e1_i32_o1"]))


def test_a_space_that_is_no_network_reads_and_writes_name_and_value():
    space = SearchSpace([Decision("width", (8, 16)), Decision("act", ("relu", "swish", "none"))])
    assert space.size == 6
    assert space.decode([1, 2]) == ("width=16", "act=none")
    assert space.encode(("width=16", "act=none")).tolist() == [1, 2]
    with pytest.raises(ValueError, match="unknown 'width=12', allowed are width=8, width=16"):
        space.encode(("width=12", "act=none"))
    with pytest.raises(ValueError, match="1 strings given, the space has 2"):
        space.encode(("width=8",))


def test_a_space_with_a_decode_of_its_own_needs_an_encode_to_read_back():
    space = SearchSpace([Decision("filters", (8, 16))], lambda values: [f"o{values[0]}"])
    assert space.decode([1]) == ("o16",)
    with pytest.raises(ValueError, match="the space 'custom' was made without an encode function"):
        space.encode(("o16",))


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: Decision("kernel", ()), "decision 'kernel' has no choices"),
        (lambda: Decision("kernel", (3, 3)), "decision 'kernel' repeats a choice"),
        (lambda: SearchSpace([]), "a search space needs at least one decision"),
        (
            lambda: SearchSpace([Decision("kernel", (3,)), Decision("kernel", (5,))]),
            "decisions of one name in a search space: ['kernel', 'kernel']",
        ),
    ],
)
def test_what_is_no_space_is_refused(make, complaint):
    with pytest.raises(ValueError) as refusal:
        make()
    assert complaint in str(refusal.value)


def test_networks_of_the_space_are_read_by_the_grammar_of_block_strings():
    space = get_space("mnasnet")
    blocks = decode(space.decode([0, 1, 1, 0, 0, 2] * 7))
    assert {(b.conv_op, b.kernel_size, b.se_ratio, b.skip) for b in blocks} == {
        ("conv", 5, 0.25, "pool")
    }
