"""Tests of search.spaces.cell_space."""

import itertools

import pytest

from search.search_space import get_space

SPACE = get_space("accel_nasbench_cell")
FACTORIZED = get_space("accel_nasbench")


def test_there_are_36_networks_each_of_seven_blocks_alike_and_each_of_the_factorized_space():
    # Expand ratio 3 x kernel 2 x layers 3 (what all blocks allow) x squeeze ratio 2.
    assert SPACE.size == 3 * 2 * 3 * 2 == 36
    networks = set()
    for tokens in itertools.product(*(range(len(d.choices)) for d in SPACE.decisions)):
        network = SPACE.decode(tokens)
        assert FACTORIZED.encode(network).tolist() == list(tokens) * 7
        assert SPACE.encode(network).tolist() == list(tokens)
        networks.add(network)
    assert len(networks) == 36


def test_a_network_whose_blocks_differ_is_no_point_of_it():
    tokens = [0] * 28
    tokens[5] = 1
    with pytest.raises(ValueError, match="the blocks are not alike"):
        SPACE.encode(FACTORIZED.decode(tokens))


def test_it_takes_no_reference():
    with pytest.raises(ValueError, match="takes no reference, got 'mnasnet-a1'"):
        get_space("accel_nasbench_cell", "mnasnet-a1")
