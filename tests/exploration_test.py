"""Tests of search.sweeping.exploration and search.previewing.latencies, on spaces of known ends."""

import numpy as np
import pytest

from search.previewing.latencies import fit_scale, space_latencies, spread_out
from search.search_space import Decision, SearchSpace
from search.sweeping.exploration import Pool, climb, improved, neighbours

SPACE = SearchSpace([Decision(f"d{i}", (0, 1, 2)) for i in range(8)])


def latency_of(tokens):
    """10 ms and a ms for each step of each decision: 10 to 26 ms."""
    return 10.0 + np.asarray(tokens).sum(axis=1)


def measure(tokens):
    """Early decisions buy accuracy, late ones only cost."""
    return 0.1 + 0.05 * np.asarray(tokens)[:, :4].sum(axis=1), latency_of(tokens)


def sample(n, seed=0):
    return SPACE.sample_uniform(np.random.default_rng(seed), n)


def test_front_holds_what_no_other_network_beats_fastest_first():
    accuracy = np.array([0.5, 0.6, 0.55, 0.7, 0.7])
    latency_ms = np.array([10.0, 20.0, 30.0, 40.0, 50.0])
    pool = Pool(np.zeros((5, 1), np.int32), accuracy, latency_ms)
    assert pool.front().tolist() == [0, 1, 3]


def test_neighbours_differ_in_one_decision_each():
    tokens = np.zeros(8, np.int32)
    found = neighbours(tokens, SPACE)
    assert len(found) == 8 * 2
    assert (found != tokens).sum(axis=1).tolist() == [1] * 16


def test_neighbours_of_a_space_of_one_network_are_none():
    space = SearchSpace([Decision("a", (1,))])
    assert neighbours(np.array([0]), space).shape == (0, 1)


def test_climb_reaches_the_end_that_a_sample_does_not_hold():
    tokens = sample(20)
    assert latency_of(tokens).min() > 10
    end = climb(tokens[0], SPACE, lambda rows: -latency_of(rows))
    assert end.tolist() == [0] * 8


def test_mutating_the_front_finds_the_true_one():
    pool = Pool.of(sample(30), measure)
    pool = improved(pool, SPACE, measure, np.random.default_rng(1), rounds=15, children=60)
    front = pool.front()
    # The late decisions at 0, the early ones one step of 1 ms for 5 points each: 9 networks.
    np.testing.assert_allclose(pool.latency_ms[front], np.arange(10.0, 19.0))
    np.testing.assert_allclose(pool.accuracy[front], 0.1 + 0.05 * np.arange(9))


def test_latencies_of_a_space_hold_its_ends_and_the_share_within_a_target():
    tokens = sample(1000)
    found = space_latencies(SPACE, tokens, latency_of, "made up")
    assert (found.fastest_ms, found.slowest_ms) == (10.0, 26.0)
    # Eight decisions of mean 1 and symmetric: half of the networks and half of those at 18 ms.
    assert found.share_within(18.0) == np.mean(latency_of(tokens) <= 18.0)
    assert found.share_within(9.0) == 0.0
    assert found.share_within(26.0) == 1.0


def test_scale_is_the_geometric_mean_of_the_ratios_and_its_error_is_of_networks_left_out():
    scale = fit_scale([1.0, 2.0], [2.0, 16.0])
    # Ratios 2 and 8: mean 4. Each predicted by the other: 8 for 2, + 300 %; 2 for 8, - 75 %.
    assert scale.factor == pytest.approx(4.0)
    assert scale.error == pytest.approx((3.0 + 0.75) / 2)
    assert fit_scale([2.0], [3.0]).factor == pytest.approx(1.5)
    assert fit_scale([2.0], [3.0]).error is None


def test_scaled_latencies_are_the_estimates_times_the_factor():
    scale = fit_scale([10.0], [1.0])
    found = space_latencies(SPACE, sample(50), latency_of, "made up", scale)
    assert found.fastest_ms == pytest.approx(1.0)
    np.testing.assert_allclose(found.sample_ms, latency_of(sample(50)) / 10)


def test_networks_to_time_are_spread_over_the_order_of_their_latencies():
    latencies = np.array([50.0, 10.0, 40.0, 20.0, 30.0, 60.0])
    # Sorted 10 .. 60; shares 1/6, 1/2, 5/6 of six are places 1, 3, 5.
    assert latencies[spread_out(latencies, 3)].tolist() == [20.0, 40.0, 60.0]
    assert sorted(spread_out(latencies, 6)) == list(range(6))
