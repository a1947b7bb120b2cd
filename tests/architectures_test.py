"""Whole networks as values, and the ones that were published."""

import pytest

from mnasnet.architectures import ARCHITECTURES, Architecture, from_blocks, get_architecture
from mnasnet.block_args import encode


def test_the_published_networks_go_by_these_names():
    assert list(ARCHITECTURES) == [
        "mnasnet-a1",
        "mnasnet-b1",
        "mnasnet-small",
        "mnasnet-d1",
        "mnasnet-d1-320",
        "mobilenet-v2",
    ]
    assert all(name == network.name for name, network in ARCHITECTURES.items())


# Number of layers, last block's filters.
@pytest.mark.parametrize(
    ("name", "layers", "last_filters"),
    [
        ("mnasnet-a1", 16, 320),
        ("mnasnet-b1", 17, 320),
        ("mnasnet-small", 15, 144),
        ("mnasnet-d1", 22, 320),
        ("mnasnet-d1-320", 28, 320),
        ("mobilenet-v2", 17, 320),
    ],
)
def test_published_networks_are_as_deep_and_wide_as_they_should_be(name, layers, last_filters):
    blocks = get_architecture(name).blocks
    assert len(blocks) == 7
    assert sum(block.num_repeat for block in blocks) == layers
    assert blocks[-1].output_filters == last_filters


def test_what_the_networks_do_not_share_is_stated():
    assert (ARCHITECTURES["mnasnet-a1"].stem_filters, ARCHITECTURES["mnasnet-a1"].image_size) == (
        32,
        224,
    )
    assert ARCHITECTURES["mnasnet-small"].stem_filters == 8
    assert ARCHITECTURES["mnasnet-small"].dropout_rate == 0.0
    assert ARCHITECTURES["mnasnet-a1"].dropout_rate == 0.2
    assert ARCHITECTURES["mnasnet-d1-320"].image_size == 320


def test_an_unknown_name_is_refused_with_those_there_are():
    with pytest.raises(
        ValueError, match="unknown model 'resnet', known are mnasnet-a1, mnasnet-b1"
    ):
        get_architecture("resnet")


def test_blocks_of_ones_own_make_a_network_with_the_same_defaults():
    strings = ("r1_k3_s11_e1_i32_o16", "r2_k3_s22_e6_i16_o24")
    network = from_blocks(strings)
    assert encode(network.blocks) == strings
    assert network.name == "custom"
    assert (network.stem_filters, network.head_filters, network.image_size) == (32, 1280, 224)
    assert from_blocks(strings, name="mine", head_filters=64).head_filters == 64


def test_a_network_without_blocks_is_refused():
    with pytest.raises(ValueError, match="architecture 'custom' has no blocks"):
        from_blocks([])


def test_blocks_that_do_not_fit_together_are_refused_naming_the_block():
    strings = ["r1_k3_s11_e1_i32_o16", "r1_k3_s11_e1_i16_o24", "r1_k3_s11_e1_i16_o24"]
    with pytest.raises(ValueError, match="block 2 takes i16 but block 1 gives o24"):
        from_blocks(strings)


def test_the_first_block_may_declare_another_input_than_the_stem_gives():
    assert from_blocks(["r1_k3_s11_e1_i16_o8"], stem_filters=8).blocks[0].input_filters == 16


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("stem_filters", 0, "must be a whole number >= 1"),
        ("head_filters", 1.5, "must be a whole number >= 1"),
        ("image_size", -224, "must be a whole number >= 1"),
        ("dropout_rate", 1, "must be at least 0 and under 1"),
    ],
)
def test_numbers_that_make_no_network_are_refused(field, value, allowed):
    blocks = ARCHITECTURES["mnasnet-a1"].blocks
    with pytest.raises(ValueError, match=f"^{field} is {value}, {allowed}$"):
        Architecture("any", blocks, **{field: value})


def test_equal_networks_are_equal_values_and_serve_as_keys():
    first, second = (from_blocks(["r1_k3_s11_e1_i32_o16"]) for _ in range(2))
    assert first == second
    assert len({first, second}) == 1
