import itertools

import numpy as np
import pytest

from search.controller import PAPER_CONTROLLER, Controller
from search.ppo import (
    PAPER_PPO,
    PPOConfig,
    PPOLearner,
    approximate_kl,
    clip_fraction,
    clipped_surrogate,
    rank_advantages,
)
from search.search_space import Decision, SearchSpace

pytestmark = pytest.mark.tensorflow


def space_of(*num_choices):
    return SearchSpace([Decision(f"d{i}", range(n)) for i, n in enumerate(num_choices)])


def test_rank_advantages_are_ranks_of_mean_0_and_variance_1():
    # ranks -2, 0, 2 have the standard deviation sqrt(8 / 3)
    expected = np.array([-2, 2, 0]) / np.sqrt(8 / 3)
    np.testing.assert_allclose(rank_advantages(np.array([0.1, 90.0, 0.2])), expected, rtol=1e-6)


def test_equal_rewards_share_their_rank():
    # 1 beats nobody twice over: ranks -1, -1, 2 have the standard deviation sqrt(2)
    expected = np.array([-1, -1, 2]) / np.sqrt(2)
    np.testing.assert_allclose(rank_advantages(np.array([1.0, 1.0, 5.0])), expected, rtol=1e-6)
    np.testing.assert_array_equal(rank_advantages(np.full(4, 7.0)), np.zeros(4))


def test_clipped_surrogate_by_hand():
    log_ratio = np.log(np.array([[1.0, 1.5], [0.5, 1.5], [0.5, 1.1]], np.float32))
    advantages = np.array([2.0, -1.0, 1.0], np.float32)
    # gain is cut at 1.2; a loss is never made smaller: min(-0.5, -0.8) and min(-1.5, -1.2)
    expected = [[2.0, 2.4], [-0.8, -1.5], [0.5, 1.1]]
    np.testing.assert_allclose(clipped_surrogate(log_ratio, advantages, 0.2), expected, rtol=1e-6)


def test_clip_fraction_counts_the_ratios_that_left_the_range():
    log_ratio = np.log(np.array([[1.0, 1.19, 1.21, 0.79]], np.float32))
    np.testing.assert_array_equal(clip_fraction(log_ratio, 0.2), [[0, 0, 1, 1]])


def test_approximate_kl_by_hand():
    # r - 1 - log r: 0 at r = 1, 1 - log 2 at r = 2
    log_ratio = np.log(np.array([1.0, 2.0], np.float32))
    np.testing.assert_allclose(approximate_kl(log_ratio), [0, 1 - np.log(2)], rtol=1e-6)


def test_the_first_epoch_sees_ratio_1():
    controller = Controller(space_of(*[3] * 10))
    learner = PPOLearner(controller, PPOConfig(epochs=1))
    metrics = learner.step(controller.sample(20), np.arange(20))
    assert metrics["approx_kl"] == pytest.approx(0, abs=1e-6)
    assert metrics["clip_fraction"] == 0


@pytest.mark.parametrize("scale, shift", [(1e6, 0), (1e-6, 0), (100, -50), (1, 1000)])
def test_rewards_on_any_scale_teach_the_same(scale, shift):
    def tokens(scale, shift):
        controller = Controller(space_of(*[3] * 8))
        learner = PPOLearner(controller)
        for _ in range(3):
            batch = controller.sample(20)
            learner.step(batch, batch.tokens @ (1 << np.arange(8)) * scale + shift)
        return controller.sample(20).tokens

    np.testing.assert_array_equal(tokens(scale, shift), tokens(1, 0))


def test_equal_rewards_leave_the_entropy_alone():
    controller = Controller(space_of(*[3] * 8))
    learner = PPOLearner(controller, PPOConfig(elite_size=0))
    before = controller.entropy()
    for _ in range(5):
        learner.step(controller.sample(20), np.ones(20))
    assert controller.entropy() == pytest.approx(before, rel=0.01)


@pytest.mark.parametrize("rewards, message", [([1.0], "shape"), ([1.0, np.nan], "finite")])
def test_bad_rewards_are_refused(rewards, message):
    controller = Controller(space_of(2, 2))
    with pytest.raises(ValueError, match=message):
        PPOLearner(controller).step(controller.sample(2), rewards)


def test_unknown_advantages_are_refused():
    with pytest.raises(ValueError, match="'gae', known are rank, moving_average"):
        PPOConfig(advantages="gae")


def test_the_paper_setting_is_nasnets():
    assert (PAPER_PPO.learning_rate, PAPER_PPO.entropy_weight) == (3.5e-4, 1e-5)
    assert (PAPER_PPO.advantages, PAPER_PPO.baseline_decay) == ("moving_average", 0.95)


def test_the_planted_best_network_is_found():
    planted = np.array([2, 0, 1, 2, 1, 0, 0, 2, 1, 1, 2, 0])  # one of 3^12 = 531,441
    controller = Controller(space_of(*[3] * 12))
    learner = PPOLearner(controller)
    for _ in range(40):
        batch = controller.sample(20)
        metrics = learner.step(batch, (batch.tokens == planted).mean(axis=1))
    assert metrics["best_reward"] == 1


def test_imagination_moves_the_policy_towards_what_the_model_predicts():
    controller = Controller(space_of(*[3] * 8))
    config = PPOConfig(elite_size=0, epochs=1, learning_rate=1e-6, imagined_rounds=0)
    batch = controller.sample(40)
    PPOLearner(controller, config).step(batch, (batch.tokens == 1).sum(axis=1))
    before = np.mean([row[1] for row in controller.probabilities()])
    imagining = PPOLearner(controller, PPOConfig(elite_size=0, imagined_rounds=20))
    for _ in range(2):
        imagining._imagine()
    after = np.mean([row[1] for row in controller.probabilities()])
    assert before == pytest.approx(1 / 3, abs=0.03)
    assert after > before + 0.1


@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_batches_of_any_size_teach(batch_size):
    controller = Controller(space_of(*[3] * 6))
    learner = PPOLearner(controller)
    for _ in range(max(3, 60 // batch_size)):
        batch = controller.sample(batch_size)
        metrics = learner.step(batch, (batch.tokens == 2).mean(axis=1))
    assert metrics["distinct_networks"] == max(60, 3 * batch_size)
    assert all(row.argmax() == 2 for row in controller.probabilities())


def test_a_batch_sampled_before_the_last_step_still_teaches():
    controller = Controller(space_of(*[3] * 8))
    learner = PPOLearner(controller)
    early, late = controller.sample(20), controller.sample(20)
    assert (early.tokens != late.tokens).any()
    learner.step(late, np.arange(20))
    metrics = learner.step(early, np.arange(20))
    assert metrics["approx_kl"] > 0 and np.isfinite(list(metrics.values())).all()


def test_infeasible_networks_far_below_the_others_do_not_drown_them():
    planted = np.array([2, 0, 1, 2, 1, 0, 0, 2])
    controller = Controller(space_of(*[3] * 8))
    learner = PPOLearner(controller)
    for _ in range(15):
        batch = controller.sample(20)
        rewards = (batch.tokens == planted).mean(axis=1)
        rewards[batch.tokens[:, 0] == batch.tokens[:, 1]] = -1e6
        metrics = learner.step(batch, rewards)
    assert metrics["best_reward"] == 1


def test_on_a_table_it_beats_random_search_at_equal_evaluations():
    """3^6 networks, 60 of which are evaluated; effects of choices, of pairs, and chance."""
    tokens = np.array(list(itertools.product(range(3), repeat=6)))
    gains = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        rewards = rng.normal(0, 1, (6, 3))[np.arange(6), tokens].sum(axis=1)
        rewards += rng.normal(0, 0.7, (3, 3))[tokens[:, 0], tokens[:, 3]]
        rewards += rng.normal(0, 0.3, 729)
        controller = Controller(space_of(*[3] * 6), seed=seed)
        learner = PPOLearner(controller)
        for _ in range(6):
            batch = controller.sample(10)
            metrics = learner.step(batch, rewards[batch.tokens @ 3 ** np.arange(6)[::-1]])
        by_chance = np.mean([rng.choice(rewards, 60, replace=False).max() for _ in range(500)])
        gains.append(metrics["best_reward"] - by_chance)
    assert np.mean(gains) > 0.3 and np.sum(np.array(gains) > 0) >= 8


def test_the_paper_setting_learns_a_planted_choice():
    controller = Controller(space_of(*[3] * 4), PAPER_CONTROLLER)
    learner = PPOLearner(controller, PAPER_PPO)
    for _ in range(100):
        batch = controller.sample(20)
        learner.step(batch, (batch.tokens == 1).mean(axis=1))
    assert all(row.argmax() == 1 and row[1] > 0.6 for row in controller.probabilities())


@pytest.mark.parametrize("num_choices", [(2,), (3, 3, 3), (1, 3, 1, 2), (50, 4)])
@pytest.mark.parametrize(
    "reward_of",
    [
        lambda tokens: np.zeros(len(tokens)),
        lambda tokens: -5.0 - tokens.sum(axis=1),
        lambda tokens: 1e30 * tokens.sum(axis=1),
        lambda tokens: 1e-30 * tokens[:, 0],
    ],
    ids=["all equal", "negative", "huge", "tiny"],
)
def test_spaces_smaller_than_a_batch_and_rewards_on_any_scale_are_searched(num_choices, reward_of):
    space = SearchSpace([Decision(f"d{i}", range(n)) for i, n in enumerate(num_choices)])
    controller = Controller(space)
    learner = PPOLearner(controller)
    for _ in range(4):
        batch = controller.sample(20)
        assert batch.tokens.shape == (20, len(num_choices))
        assert np.isfinite(batch.log_probs).all()
        metrics = learner.step(batch, reward_of(batch.tokens))
        assert np.isfinite(list(metrics.values())).all()
    # Small spaces are seen whole, and the best network is not passed over.
    if space.size <= 80:
        assert metrics["distinct_networks"] == space.size
