"""Tests of search.previewing.reward_aim: prices and slopes by hand."""

import numpy as np
import pytest

from search.previewing.reward_aim import (
    Aim,
    accuracy_for,
    aim_of,
    break_even_accuracy,
    cost_of_doubling,
    elasticity,
    slope_at,
)
from search.reward import RewardConfig, named_reward, reward

SOFT = named_reward("soft", 75.0)
HARD = named_reward("hard", 75.0)
TWO_SLOPE = named_reward("two_slope", 75.0)
ABSOLUTE = named_reward("absolute", 75.0)


@pytest.mark.parametrize(
    ("config", "aim"),
    [
        (SOFT, Aim.SLOPE),
        (HARD, Aim.TARGET),
        (TWO_SLOPE, Aim.TARGET),
        (ABSOLUTE, Aim.TARGET),
        (RewardConfig(75.0, alpha=0.0, beta=0.0), Aim.ACCURACY),
        (RewardConfig(75.0, alpha=0.0, beta=0.0, form="absolute"), Aim.ACCURACY),
        (RewardConfig(75.0, alpha=-1.0, beta=-0.07), Aim.AWAY),
        # Of the absolute form alpha is no part.
        (RewardConfig(75.0, alpha=-0.1, beta=-0.1, form="absolute"), Aim.TARGET),
    ],
)
def test_what_a_reward_aims_at_follows_from_its_exponents(config, aim):
    assert aim_of(config) is aim


def test_with_one_exponent_no_target_changes_the_order_of_networks():
    rng = np.random.default_rng(0)
    accuracy, latency_ms = rng.uniform(0.4, 0.8, 500), rng.uniform(20, 200, 500)
    orders = [
        np.argsort(reward(accuracy, latency_ms, named_reward("soft", target))).tolist()
        for target in (1.0, 75.0, 5000.0)
    ]
    assert orders[0] == orders[1] == orders[2]


def test_doubling_the_latency_costs_5_percent_accuracy_as_the_paper_derives_its_exponent():
    lost, needed = cost_of_doubling(0.75, 30.0, SOFT)
    # 1 - 2^-0.07 = 0.04736 of the reward 0.75 (30/75)^-0.07; 0.75 (2^0.07 - 1) = 0.03729.
    assert lost == pytest.approx(0.04736 * 0.75 * (30 / 75) ** -0.07, rel=1e-3)
    assert needed == pytest.approx(0.03729, abs=1e-5)


def test_hard_reward_charges_nothing_up_to_the_target_and_half_for_twice_of_it():
    assert cost_of_doubling(0.75, 37.5, HARD) == (0.0, pytest.approx(0.0))
    # (150 / 75)^-1 = 1/2; the network would have to be twice as accurate, 150 %.
    assert cost_of_doubling(0.75, 75.0, HARD) == (pytest.approx(0.375), pytest.approx(0.75))


def test_absolute_reward_charges_ten_points_for_twice_the_target_and_pays_for_being_slower_below():
    assert cost_of_doubling(0.6, 75.0, ABSOLUTE) == (pytest.approx(0.1), pytest.approx(0.1))
    # From 37.5 to 75 ms the penalty 0.1 * 0.5 goes away.
    assert cost_of_doubling(0.6, 37.5, ABSOLUTE) == (pytest.approx(-0.05), pytest.approx(-0.05))


def test_absolute_reward_is_inverted_beyond_where_it_is_cut_off():
    # 1,575 ms: 0.1 * |21 - 1| = 2 under the accuracy, far under -1 where the reward is cut off.
    assert break_even_accuracy(0.5, 75.0, 1575.0, ABSOLUTE) == pytest.approx(2.5)


@pytest.mark.parametrize("config", [SOFT, HARD, TWO_SLOPE, ABSOLUTE])
def test_accuracy_for_is_the_inverse_of_the_reward(config):
    accuracy, latency_ms = np.array([0.3, 0.6, 0.9]), np.array([20.0, 75.0, 160.0])
    found = accuracy_for(reward(accuracy, latency_ms, config), latency_ms, config)
    np.testing.assert_allclose(found, accuracy)


def test_slopes_to_both_sides_are_those_of_the_two_exponents():
    slope = slope_at(0.75, 75.0, TWO_SLOPE)
    # 0.75 (1.1^0.3 - 1) = 0.02176; 0.75 (1 - 1.1^-0.07) = 0.00499.
    assert slope.gain == pytest.approx(0.02176, abs=1e-5)
    assert slope.loss == pytest.approx(0.00499, abs=1e-5)


def test_elasticity_of_a_power_law_is_its_exponent():
    latency_ms = np.array([20.0, 50.0, 100.0])
    accuracy = 0.3 * latency_ms**0.2
    assert elasticity(accuracy, latency_ms, 30.0, 80.0) == pytest.approx(0.2)
    assert elasticity(accuracy, latency_ms, 80.0, 30.0) == pytest.approx(0.2)


def test_best_network_of_a_smooth_front_is_where_its_elasticity_is_the_exponent():
    # A = 0.8 (1 - 10 / L): d ln A / d ln L = 10 / (L - 10), which is 0.07 at L = 152.86.
    latency_ms = np.linspace(50, 300, 250_001)
    rewards = reward(0.8 * (1 - 10 / latency_ms), latency_ms, SOFT)
    assert latency_ms[np.argmax(rewards)] == pytest.approx(10 / 0.07 + 10, abs=0.01)


@pytest.mark.parametrize(
    ("target_ms", "lands_at"),
    [
        # The same front: 1 % of latency buys 10 / (L - 10) %, 0.3 % at 43.3 ms, 0.07 % at 152.9 ms.
        (30.0, 10 / 0.3 + 10),
        (60.0, 60.0),
        (100.0, 100.0),
        (200.0, 10 / 0.07 + 10),
    ],
)
def test_two_slopes_land_at_the_target_where_the_front_is_between_them_steep(target_ms, lands_at):
    latency_ms = np.linspace(20, 300, 280_001)
    config = named_reward("two_slope", target_ms)
    rewards = reward(0.8 * (1 - 10 / latency_ms), latency_ms, config)
    assert latency_ms[np.argmax(rewards)] == pytest.approx(lands_at, abs=0.01)
