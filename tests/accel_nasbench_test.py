"""Accel-NASBench's space, and whether its networks are those of the data."""

import json
import math
import os
import pathlib
import tarfile

import numpy as np
import pytest

from mnasnet.architectures import from_blocks
from mnasnet.stats import count
from search.search_space import get_space
from search.surrogate.accel_nasbench_data import ARCHIVE

SPACE = get_space("accel_nasbench")
SHARED = pathlib.Path(os.environ.get("MNASNET_SHARED", "../shared"))
DATA = SHARED / "data/accel_nasbench"
SMALLEST = (
    "r1_k3_s11_e1_i32_o16",
    "r1_k3_s22_e1_i16_o24",
    "r1_k3_s22_e1_i24_o40",
    "r1_k3_s22_e1_i40_o80",
    "r1_k3_s11_e1_i80_o112",
    "r1_k3_s22_e1_i112_o192",
    "r1_k3_s11_e1_i192_o320",
)


def test_each_block_decides_four_things_and_the_sixth_may_have_four_layers():
    names = [decision.name for decision in SPACE.decisions[:4]]
    assert names == [
        "block_0/expand_ratio",
        "block_0/kernel_size",
        "block_0/num_repeat",
        "block_0/se_ratio",
    ]
    choices = [decision.choices for decision in SPACE.decisions]
    plain = [(1, 4, 6), (3, 5), (1, 2, 3), (0.0, 0.25)]
    longest = [(1, 4, 6), (3, 5), (1, 2, 3, 4), (0.0, 0.25)]
    assert choices == plain * 5 + longest + plain
    # 3 * 2 * 3 * 2 in six blocks, 3 * 2 * 4 * 2 in one.
    assert SPACE.size == 36**6 * 48 == 104_485_552_128


def test_first_and_last_choices_are_the_smallest_and_the_largest_network():
    assert SPACE.decode([0] * 28) == SMALLEST
    largest = SPACE.decode([len(decision.choices) - 1 for decision in SPACE.decisions])
    assert largest[0] == "r3_k5_s11_e6_i32_o16_se0.25"
    assert largest[5] == "r4_k5_s22_e6_i112_o192_se0.25"


def test_encode_gives_back_the_tokens_of_1000_random_networks():
    for row in SPACE.sample_uniform(np.random.default_rng(0), 1000):
        np.testing.assert_array_equal(SPACE.encode(SPACE.decode(row)), row)


def test_stem_and_head_are_those_of_the_data():
    architecture = SPACE.architecture(SMALLEST)
    assert (architecture.stem_filters, architecture.head_filters) == (32, 1280)
    assert architecture.blocks == from_blocks(SMALLEST).blocks


@pytest.mark.parametrize(
    ("position", "string", "complaint"),
    [
        (1, "r1_k3_s22_e3_i16_o24", "'block_1/expand_ratio' is 3, the space 'accel_nasbench'"),
        (1, "r1_k7_s22_e1_i16_o24", "'block_1/kernel_size' is 7"),
        (1, "r4_k3_s22_e1_i16_o24", "'block_1/num_repeat' is 4"),
        (1, "r1_k3_s22_e1_i16_o24_se0.5", "'block_1/se_ratio' is 0.5"),
        (1, "r1_k3_s11_e1_i16_o24", "has strides (1, 1), the space 'accel_nasbench' has (2, 2)"),
        (1, "r1_k3_s22_e1_i16_o32", "has output_filters 32"),
        (1, "r1_k3_s22_e1_i32_o24", "has input_filters 32"),
        (1, "r1_k3_s22_e1_i16_o24_noskip", "has skip 'none'"),
        (1, "r1_k3_s22_e1_i16_o24_conv", "has conv_op 'conv'"),
    ],
)
def test_a_network_outside_the_space_is_refused_naming_what_differs(position, string, complaint):
    network = list(SMALLEST)
    network[position] = string
    with pytest.raises(ValueError) as refusal:
        SPACE.encode(network)
    assert complaint in str(refusal.value)


def test_a_network_of_another_number_of_blocks_is_refused():
    with pytest.raises(ValueError, match="6 blocks given, the space has 7"):
        SPACE.encode(SMALLEST[:6])


def test_there_is_nothing_to_lay_around_a_reference():
    with pytest.raises(ValueError, match="takes no reference, got 'mnasnet-a1'"):
        get_space("accel_nasbench", "mnasnet-a1")


def data_records():
    if not (DATA / ARCHIVE).exists():
        pytest.skip(f"no Accel-NASBench at {DATA}; MNASNET_SHARED names the folder above data/")
    with tarfile.open(DATA / ARCHIVE) as archive:
        return [json.load(archive.extractfile(member)) for member in archive if member.isfile()]


def network_of(record):
    chosen = record["architecture"]
    values = []
    for position in range(7):
        e, k, layers, se = (chosen[f"block{position}_{field}"] for field in ("e", "k", "l", "se"))
        values += [e, k, layers, 0.25 if se else 0.0]
    tokens = [d.choices.index(value) for d, value in zip(SPACE.decisions, values, strict=True)]
    return SPACE.decode(tokens)


def test_parameters_and_multiply_adds_of_all_5138_networks_of_the_data_agree_to_the_unit():
    records = data_records()
    assert len(records) == 5138
    for record in records:
        stats = count(SPACE.architecture(network_of(record)))
        assert stats.params == round(record["model_info"]["params"] * 1e6)
        # The data's tool counts what we leave out: 4 operations for each element behind a batch
        # normalisation, and for each mean of H x W elements H * W additions and a division.
        others = 0
        for layer in stats.layers:
            height, width, channels = layer.input_shape
            if layer.op in ("conv", "depthwise"):
                others += 4 * math.prod(layer.output_shape)
            elif layer.op in ("se", "global_pool"):
                others += (height * width + 1) * channels
        assert stats.multiply_adds + others == round(record["model_info"]["macs"] * 1e6)
