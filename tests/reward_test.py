import numpy as np
import pytest

from search.reward import NAMED, RewardConfig, named_reward, reward


def test_the_soft_reward_by_hand():
    soft = named_reward("soft", 75.0)
    # 2 ** -0.07 = 0.952638; 0.5 ** -0.07 = 1.049717
    assert reward(0.75, 75.0, soft) == pytest.approx(0.75)
    assert reward(0.75, 150.0, soft) == pytest.approx(0.75 * 0.952638, abs=1e-6)
    assert reward(0.75, 37.5, soft) == pytest.approx(0.75 * 1.049717, abs=1e-6)


def test_twice_the_latency_is_worth_five_percent_of_accuracy():
    # MnasNet, section 3: 1.05 * 2 ** beta = 1 gives beta = -0.0704, rounded to -0.07
    soft = RewardConfig(target_latency_ms=75.0)
    assert reward(0.72 * 1.05, 150.0, soft) == pytest.approx(reward(0.72, 75.0, soft), rel=5e-4)


def test_the_hard_reward_ignores_latency_up_to_the_target_and_divides_by_it_above():
    hard = named_reward("hard", 50.0)
    assert reward(0.7, 10.0, hard) == pytest.approx(0.7)
    assert reward(0.7, 50.0, hard) == pytest.approx(0.7)
    assert reward(0.7, 100.0, hard) == pytest.approx(0.35)


def test_two_slopes_are_steeper_above_the_target_than_below():
    two = named_reward("two_slope", 40.0)
    assert reward(0.6, 80.0, two) == pytest.approx(0.6 * 0.812252, abs=1e-6)  # 2 ** -0.3
    assert reward(0.6, 20.0, two) == pytest.approx(0.6 * 1.049717, abs=1e-6)


def test_the_absolute_reward_by_hand():
    absolute = named_reward("absolute", 80.0)
    assert reward(0.7, 80.0, absolute) == pytest.approx(0.7)
    assert reward(0.7, 100.0, absolute) == pytest.approx(0.7 - 0.1 * 0.25)
    assert reward(0.7, 40.0, absolute) == pytest.approx(0.7 - 0.1 * 0.5)


def test_with_equal_exponents_the_target_is_a_constant_factor():
    accuracies, latencies = np.array([0.5, 0.6, 0.7]), np.array([30.0, 90.0, 200.0])
    ratios = reward(accuracies, latencies, RewardConfig(30.0)) / reward(
        accuracies, latencies, RewardConfig(110.0)
    )
    np.testing.assert_allclose(ratios, (110 / 30) ** -0.07)


def test_arrays_give_arrays_and_floats_give_floats():
    config = RewardConfig(75.0)
    assert isinstance(reward(0.7, 80.0, config), float)
    both = reward(np.array([0.7, 0.7]), np.array([75.0, 150.0]), config)
    np.testing.assert_allclose(both, [0.7, 0.7 * 2**-0.07])


@pytest.mark.parametrize(
    ("accuracy", "latency_ms", "told"),
    [
        (75.2, 80.0, "accuracy is 75.2"),
        (-0.1, 80.0, "accuracy is -0.1"),
        (float("nan"), 80.0, "accuracy is nan"),
        (0.7, 0.0, "latency_ms is 0.0"),
        (0.7, -1.0, "latency_ms is -1.0"),
        (0.7, float("inf"), "latency_ms is inf"),
    ],
)
def test_what_is_no_measurement_gets_no_reward(accuracy, latency_ms, told):
    with pytest.raises(ValueError, match=told):
        reward(accuracy, latency_ms, RewardConfig(75.0))


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"target_latency_ms": 0.0}, "target_latency_ms is 0.0"),
        ({"target_latency_ms": 75.0, "alpha": 0.07}, "alpha is 0.07"),
        ({"target_latency_ms": 75.0, "beta": float("nan")}, "beta is nan"),
        ({"target_latency_ms": 75.0, "form": "sum"}, "'sum'"),
    ],
)
def test_impossible_settings_are_named(fields, told):
    with pytest.raises(ValueError, match=told):
        RewardConfig(**fields)


def test_no_measured_network_gets_less_than_an_infeasible_one():
    steep = RewardConfig(10.0, beta=-1.0, form="absolute")
    assert reward(0.4, 1000.0, steep) == steep.infeasible_reward == -1.0
    assert RewardConfig(10.0, infeasible_reward=-0.5).infeasible_reward == -0.5


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match="soft, hard, two_slope, absolute"):
        named_reward("firm", 75.0)


def test_named_exponents_can_be_replaced():
    config = named_reward("soft", 75.0, beta=-0.3)
    assert (config.alpha, config.beta) == (-0.07, -0.3)


@pytest.mark.parametrize("name", NAMED)
def test_an_infeasible_network_is_no_better_than_a_measured_one(name):
    config = named_reward(name, 75.0)
    assert config.infeasible_reward <= reward(0.05, 4 * 75.0, config)
