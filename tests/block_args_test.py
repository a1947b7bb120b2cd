"""The grammar of block strings, both ways."""

import random

import pytest

from mnasnet.architectures import ARCHITECTURES
from mnasnet.block_args import CONV_OPS, SKIPS, BlockArgs, decode, encode


def test_a_string_reads_as_the_arguments_that_it_names():
    assert decode(["r3_k5_s22_e3_i24_o40_se0.25"]) == (
        BlockArgs(
            num_repeat=3,
            kernel_size=5,
            strides=(2, 2),
            expand_ratio=3,
            input_filters=24,
            output_filters=40,
            se_ratio=0.25,
            skip="identity",
            conv_op="mbconv",
        ),
    )


@pytest.mark.parametrize(
    ("words", "skip", "conv_op"),
    [
        ("", "identity", "mbconv"),
        ("_noskip", "none", "mbconv"),
        ("_pool", "pool", "mbconv"),
        ("_conv", "identity", "conv"),
        ("_dconv", "identity", "dconv"),
        ("_noskip_conv", "none", "conv"),
        ("_pool_dconv", "pool", "dconv"),
    ],
)
def test_words_name_the_skip_and_the_operation(words, skip, conv_op):
    string = f"r1_k3_s11_e1_i32_o16{words}"
    (block,) = decode([string])
    assert (block.skip, block.conv_op) == (skip, conv_op)
    assert encode([block]) == (string,)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_published_networks_read_back_as_they_were_written(name):
    blocks = ARCHITECTURES[name].blocks
    assert decode(encode(blocks)) == blocks


def test_random_arguments_read_back_as_they_were_written():
    rng = random.Random(0)
    for _ in range(2000):
        conv_op = rng.choice(CONV_OPS)
        stride = rng.randint(1, 9)
        block = BlockArgs(
            num_repeat=rng.randint(1, 12),
            kernel_size=rng.randint(1, 11),
            strides=(stride, stride),
            expand_ratio=rng.randint(1, 12) if conv_op == "mbconv" else 1,
            input_filters=rng.randint(1, 2000),
            output_filters=rng.randint(1, 2000),
            se_ratio=rng.choice([0, 0.25, 1, 1e-05, 10 ** rng.uniform(-9, 0)]),
            skip=rng.choice(SKIPS),
            conv_op=conv_op,
        )
        strings = encode([block])
        assert decode(strings) == (block,)
        assert encode(decode(strings)) == strings


def test_a_small_ratio_is_written_without_an_exponent():
    block = BlockArgs(1, 3, (1, 1), 1, 8, 8, se_ratio=1e-05)
    assert encode([block]) == ("r1_k3_s11_e1_i8_o8_se0.00001",)


def test_one_as_a_whole_number_and_as_a_float_is_one_block():
    whole, fraction = (BlockArgs(1, 3, (1, 1), 1, 8, 8, se_ratio=ratio) for ratio in (1, 1.0))
    assert encode([whole]) == encode([fraction]) == ("r1_k3_s11_e1_i8_o8_se1.0",)


@pytest.mark.parametrize(
    ("string", "complaint"),
    [
        ("", "the piece '' is unknown"),
        ("mbconv", "the piece 'mbconv' is unknown"),
        ("r1_k3_s11_e1_i32_o16_x4", "the piece 'x4' is unknown"),
        ("r1_k3_s11_e1_i32_o16_swish", "the piece 'swish' is unknown"),
        ("r1_k3_s11_e1_i32_o16_", "the piece '' is unknown"),
        ("R1_k3_s11_e1_i32_o16", "the piece 'R1' is unknown"),
        ("r1_k3_s11_e1_i32_o16 ", "the piece 'o16 ' is unknown"),
        ("r-1_k3_s11_e1_i32_o16", "the piece 'r-1' is unknown"),
        ("r١_k3_s11_e1_i32_o16", "the piece 'r١' is unknown"),
        ("r1_r2_k3_s11_e1_i32_o16", "the piece 'r2' repeats or contradicts an earlier one"),
        ("r1_k3_s11_e1_i32_o16_se0.25_se0.5", "the piece 'se0.5' repeats or contradicts"),
        ("r1_k3_s11_e1_i32_o16_noskip_pool", "the piece 'pool' repeats or contradicts"),
        ("r1_k3_s11_e1_i32_o16_conv_dconv", "the piece 'dconv' repeats or contradicts"),
        ("k3_s11_e1_i32_o16", "the piece 'r' (num_repeat) is missing"),
        ("r1_k3_s11_e1_i32", "the piece 'o' (output_filters) is missing"),
        ("r1_k3_e1_i32_o16", "the piece 's' (strides) is missing"),
        ("r0_k3_s11_e1_i32_o16", "num_repeat ('r') is 0, must be a whole number >= 1"),
        ("r1_k0_s11_e1_i32_o16", "kernel_size ('k') is 0, must be a whole number >= 1"),
        ("r1_k3_s11_e0_i32_o16", "expand_ratio ('e') is 0, must be a whole number >= 1"),
        ("r1_k3_s11_e1_i0_o16", "input_filters ('i') is 0, must be a whole number >= 1"),
        ("r1_k3_s1_e1_i32_o16", "the piece 's1' is impossible, 's' takes two digits"),
        ("r1_k3_s111_e1_i32_o16", "the piece 's111' is impossible, 's' takes two digits"),
        ("r1_k3_s12_e1_i32_o16", "strides ('s') is (1, 2), must be two equal digits"),
        ("r1_k3_s00_e1_i32_o16", "strides ('s') is (0, 0), must be two equal digits"),
        ("r1.5_k3_s11_e1_i32_o16", "the piece 'r1.5' is impossible, 'r' takes a whole number"),
        ("r1_k3_s11_e1_i32_o16_se0", "the piece 'se0' is impossible, se is a ratio over 0"),
        ("r1_k3_s11_e1_i32_o16_se1.5", "the piece 'se1.5' is impossible, se is a ratio over 0"),
        ("r1_k3_s11_e1_i32_o16_se.25", "the piece 'se.25' is impossible, se is a ratio over 0"),
        ("r1_k3_s11_e1_i32_o16_se1e-5", "the piece 'se1e-5' is unknown"),
        ("r1_k3_s11_e6_i32_o16_conv", "expand_ratio ('e') is 6 in a conv block, must be 1"),
        ("r1_k3_s11_e3_i32_o16_dconv", "expand_ratio ('e') is 3 in a dconv block, must be 1"),
        ("k3_r1_s11_e1_i32_o16", "out of order or numbers oddly written, write 'r1_k3_s11"),
        ("r01_k3_s11_e1_i32_o16", "out of order or numbers oddly written, write 'r1_k3_s11"),
        ("r1_k3_s11_e1_i32_o16_se0.250", "oddly written, write 'r1_k3_s11_e1_i32_o16_se0.25'"),
        ("r1_k3_s11_e1_i32_o16_conv_pool", "out of order"),
    ],
)
def test_a_malformed_string_is_refused_naming_the_piece(string, complaint):
    with pytest.raises(ValueError) as refusal:
        decode(["r1_k3_s11_e1_i32_o32", string])
    assert complaint in str(refusal.value)
    assert repr(string) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_one_string_in_place_of_a_list_is_refused():
    with pytest.raises(ValueError, match="expected a list of block strings, got the single string"):
        decode("r1_k3_s11_e1_i32_o16")


def test_what_is_no_string_is_refused():
    with pytest.raises(ValueError, match="a block is written as a string, got 3"):
        decode([3])


@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("num_repeat", 1.5, "num_repeat ('r') is 1.5, must be a whole number >= 1"),
        ("strides", (2, 1), "strides ('s') is (2, 1), must be two equal digits"),
        ("strides", (10, 10), "strides ('s') is (10, 10), must be two equal digits"),
        ("se_ratio", -0.25, "se_ratio ('se') is -0.25, must be 0 for none, to 1"),
        ("se_ratio", float("nan"), "se_ratio ('se') is nan, must be 0 for none, to 1"),
        ("skip", "dense", "skip is 'dense', must be one of identity, pool, none"),
        ("conv_op", "mix", "conv_op is 'mix', must be one of mbconv, conv, dconv"),
    ],
)
def test_impossible_arguments_are_refused_with_what_is_allowed(field, value, complaint):
    possible = dict(
        num_repeat=1,
        kernel_size=3,
        strides=(1, 1),
        expand_ratio=1,
        input_filters=8,
        output_filters=8,
    )
    with pytest.raises(ValueError) as refusal:
        BlockArgs(**{**possible, field: value})
    assert complaint in str(refusal.value)
