import math

import numpy as np
import pytest

from search.reward import named_reward
from search.reward_aim import (
    Aim,
    aim_of,
    break_even_accuracy,
    cost_of_doubling,
    elasticity,
    slope_at,
)


@pytest.mark.parametrize(
    ("name", "aim"),
    [
        ("soft", Aim.SLOPE),
        ("hard", Aim.TARGET),
        ("two_slope", Aim.TARGET),
        ("absolute", Aim.TARGET),
    ],
)
def test_only_the_soft_reward_does_not_aim_at_its_target(name, aim):
    assert aim_of(named_reward(name, 60.0)) is aim


def test_without_exponents_latency_costs_nothing():
    assert aim_of(named_reward("soft", 60.0, alpha=0.0, beta=0.0)) is Aim.ACCURACY


def test_twice_the_latency_is_made_up_for_by_the_paper_s_five_percent():
    # 0.7 at the target: the reward falls from 0.7 to 0.7 x 2^-0.07, and 0.7 x 2^0.07 is as good.
    lost, points = cost_of_doubling(0.7, 60.0, named_reward("soft", 60.0))
    assert lost == pytest.approx(0.7 * (1 - 2**-0.07))
    assert points == pytest.approx(0.7 * (2**0.07 - 1))
    assert points / 0.7 == pytest.approx(0.0497, abs=1e-4)


def test_the_hard_reward_asks_nothing_below_the_target_and_twice_the_accuracy_above():
    hard = named_reward("hard", 60.0)
    assert break_even_accuracy(0.4, 30.0, 60.0, hard) == pytest.approx(0.4)
    assert break_even_accuracy(0.4, 60.0, 120.0, hard) == pytest.approx(0.8)


def test_a_slope_at_the_target_has_one_exponent_on_each_side():
    slope = slope_at(0.6, 60.0, named_reward("two_slope", 60.0))
    assert slope.gain == pytest.approx(0.6 * (1.1**0.3 - 1))
    assert slope.loss == pytest.approx(0.6 * (1 - 1.1**-0.07))


def test_elasticity_is_the_exponent_of_a_power_law():
    latency_ms = np.array([20.0, 40.0, 80.0])
    assert elasticity(0.5 * (latency_ms / 40) ** 0.1, latency_ms, 20.0, 80.0) == pytest.approx(0.1)
    assert math.isclose(elasticity(np.array([0.5, 0.5]), np.array([10.0, 20.0]), 10.0, 20.0), 0.0)
