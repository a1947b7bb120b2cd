"""Tests of search.front: fronts and areas worked out by hand."""

import numpy as np
import pytest

from search.front import ReferencePoint, hypervolume, pareto_positions

REFERENCE = ReferencePoint(accuracy=0.4, latency_ms=100.0)


def test_the_front_is_fastest_first_without_what_another_beats():
    #            beaten  front  beaten front front
    accuracy = [0.60, 0.70, 0.70, 0.75, 0.40]
    latency_ms = [50.0, 50.0, 60.0, 80.0, 10.0]
    assert pareto_positions(accuracy, latency_ms).tolist() == [4, 1, 3]


def test_points_equal_in_both_measures_are_all_on_the_front_and_off_it_together():
    accuracy = [0.7, 0.6, 0.7, 0.6, 0.5]
    latency_ms = [50.0, 60.0, 50.0, 60.0, 10.0]
    assert pareto_positions(accuracy, latency_ms).tolist() == [4, 0, 2]


def test_the_front_of_nothing_is_empty():
    assert pareto_positions([], []).tolist() == []
    assert hypervolume([], [], REFERENCE) == 0.0


def test_one_point_dominates_the_rectangle_up_to_the_reference():
    # (100 - 60) ms x (0.7 - 0.4)
    assert hypervolume([0.7], [60.0], REFERENCE) == pytest.approx(12.0)


def test_three_points_dominate_the_area_under_their_staircase():
    # From 20 to 50 ms 0.1, from there to 80 ms 0.3, from there to 100 ms 0.35: 3 + 9 + 7.
    # The point (0.65, 90 ms) is beaten and adds nothing.
    assert hypervolume(
        [0.75, 0.5, 0.65, 0.7], [80.0, 20.0, 90.0, 50.0], REFERENCE
    ) == pytest.approx(19.0)


def test_what_is_no_better_than_the_reference_adds_nothing():
    outside = [(0.4, 10.0), (0.3, 10.0), (0.9, 100.0), (0.9, 300.0)]
    accuracy, latency_ms = zip((0.7, 60.0), *outside, strict=True)
    assert hypervolume(accuracy, latency_ms, REFERENCE) == pytest.approx(12.0)


def test_a_point_more_never_makes_the_hypervolume_smaller_and_repeats_change_nothing():
    rng = np.random.default_rng(0)
    accuracy, latency_ms = rng.uniform(0.3, 0.8, 200), rng.uniform(10, 150, 200)
    volumes = [hypervolume(accuracy[:n], latency_ms[:n], REFERENCE) for n in range(201)]
    assert np.all(np.diff(volumes) >= 0)
    assert volumes[200] > volumes[1]
    twice = hypervolume(np.tile(accuracy, 2), np.tile(latency_ms, 2), REFERENCE)
    assert twice == pytest.approx(volumes[200])


@pytest.mark.parametrize(
    ("accuracy", "latency_ms", "told"),
    [(43.0, 200.0, "reference accuracy is 43.0"), (0.43, 0.0, "reference latency is 0.0 ms")],
)
def test_impossible_reference_points_are_named(accuracy, latency_ms, told):
    with pytest.raises(ValueError, match=told):
        ReferencePoint(accuracy, latency_ms)
