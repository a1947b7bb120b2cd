import itertools

import numpy as np
import pytest

from search.learning.reward_model import (
    RewardModel,
    kernel,
    log_marginal_likelihood,
    normal_scores,
    one_hot,
)


def all_tokens(*num_choices):
    return np.array(list(itertools.product(*map(range, num_choices))), np.int32)


def test_normal_scores_are_quantiles_of_ranks():
    # ranks 1, 3, 2 of 3: probabilities 1/6, 5/6, 1/2; the normal quantile of 5/6 is 0.96742
    np.testing.assert_allclose(normal_scores([-9, 1e6, 0]), [-0.96742, 0.96742, 0], atol=1e-5)


def test_equal_rewards_share_their_score():
    # two of rank 1.5 of 3: probability 1/3, whose normal quantile is -0.43073
    np.testing.assert_allclose(normal_scores([4, 4, 5])[:2], -0.43073, atol=1e-5)


def test_one_hot_by_hand():
    expected = [[1, 0, 0, 0, 1], [0, 1, 1, 0, 0]]
    np.testing.assert_array_equal(one_hot(np.array([[0, 2], [1, 0]]), np.array([2, 3])), expected)


def test_the_kernel_falls_with_the_weights_of_the_decisions_that_differ():
    num_choices = np.array([2, 3])
    networks = one_hot(np.array([[0, 2], [0, 1], [1, 0]]), num_choices)
    similar = kernel(networks[:1], networks, np.array([0.5, 2.0]), num_choices)
    # the same; another second decision; both other
    np.testing.assert_allclose(similar, [np.exp([0, -2.0, -2.5])], rtol=1e-12)


def test_the_gradient_of_the_likelihood_is_its_slope():
    rng = np.random.default_rng(0)
    num_choices = np.array([2, 3, 4])
    onehot = one_hot(rng.integers(num_choices, size=(15, 3)), num_choices)
    scores, point = rng.normal(size=15), np.log([0.3, 0.7, 0.2, 0.1])
    _, gradient = log_marginal_likelihood(onehot, scores, point, num_choices)
    for position in range(4):
        step = 1e-5 * np.eye(4)[position]
        above, below = (
            log_marginal_likelihood(onehot, scores, point + sign * step, num_choices)[0]
            for sign in (1, -1)
        )
        assert gradient[position] == pytest.approx((above - below) / 2e-5, rel=1e-4, abs=1e-6)


def fitted(trials=60):
    """A model of additive rewards in 3^6 networks, all 729 networks, and their rewards."""
    tokens = all_tokens(*[3] * 6)
    rewards = tokens @ np.array([3.0, -2.0, 1.0, 0.5, 0.0, 0.0])
    order = np.random.default_rng(1).permutation(len(tokens))
    model = RewardModel([3] * 6)
    model.fit(tokens[order[:trials]], rewards[order[:trials]])
    return model, tokens, rewards, order


def test_it_predicts_networks_that_it_never_saw():
    model, tokens, rewards, order = fitted()
    unseen = order[60:]
    mean, _ = model.predict(tokens[unseen])
    assert np.corrcoef(mean, rewards[unseen])[0, 1] > 0.95


def test_it_is_surer_of_what_it_saw_than_of_what_it_never_saw():
    model, tokens, _, order = fitted()
    _, deviation = model.predict(tokens)
    assert deviation[order[:60]].max() < deviation[order[60:]].min()


def test_draws_have_the_mean_and_the_deviation_of_the_prediction():
    model, tokens, _, order = fitted()
    some = tokens[order[55:65]]
    mean, deviation = model.predict(some)
    rng = np.random.default_rng(0)
    # few from each, since draws made together share the features of the prior
    draws = np.concatenate([model.draw(20, rng).values(some) for _ in range(200)])
    # standard errors: deviation / sqrt(4000) = 1.6 %, and of the deviation itself 1.1 %, more where
    # features are shared
    np.testing.assert_allclose((draws.mean(axis=0) - mean) / deviation, 0, atol=0.08)
    np.testing.assert_allclose(draws.std(axis=0) / deviation, 1, atol=0.08)


def test_draws_without_boldness_are_the_mean():
    model, tokens, _, _ = fitted()
    draws = model.draw(2, np.random.default_rng(0), boldness=0.0).values(tokens)
    np.testing.assert_allclose(draws, np.tile(model.predict(tokens)[0], (2, 1)), atol=1e-9)


def test_the_best_trials_are_those_of_the_best_means():
    model, tokens, _, order = fitted()
    mean, _ = model.predict(tokens[order[:60]])
    np.testing.assert_array_equal(model.best(3), tokens[order[:60]][np.argsort(-mean)[:3]])
    assert len(model.best(1000)) == 60


def test_only_ranks_of_rewards_matter():
    tokens = all_tokens(3, 3, 3)
    rewards = np.sin(tokens @ np.array([1.0, 2.0, 4.0]))
    model, other = RewardModel([3] * 3), RewardModel([3] * 3)
    model.fit(tokens[:20], rewards[:20])
    other.fit(tokens[:20], np.exp(30 * rewards[:20] - 5))
    np.testing.assert_array_equal(model.predict(tokens), other.predict(tokens))


@pytest.mark.parametrize("rewards", [[1.0, 2.0, 3.0], [5.0] * 9])
def test_too_few_or_equal_rewards_teach_nothing(rewards):
    model = RewardModel([3, 3])
    model.fit(all_tokens(3, 3)[: len(rewards)], np.array(rewards))
    assert not model.ready


def test_many_equal_rewards_beside_one_other_are_no_trouble():
    tokens = all_tokens(*[2] * 6)
    rewards = np.zeros(64)
    rewards[0] = -1
    model = RewardModel([2] * 6, max_trials=20)
    model.fit(tokens, rewards)
    assert np.isfinite(model.predict(tokens)).all()


def test_it_is_conditioned_on_the_best_and_on_the_latest_trials():
    tokens = all_tokens(*[2] * 6)
    rewards = np.arange(64.0)[::-1]  # the best first
    model = RewardModel([2] * 6, max_trials=10)
    model.fit(tokens, rewards)
    _, deviation = model.predict(tokens)
    assert sorted(np.argsort(deviation)[:10]) == [0, 1, 2, 3, 4, 59, 60, 61, 62, 63]


def test_a_restored_model_goes_on_as_if_never_stopped():
    model, tokens, rewards, order = fitted(60)
    restored = RewardModel([3] * 6)
    restored.restore(model.state(), tokens[order[:60]], rewards[order[:60]])
    np.testing.assert_array_equal(model.predict(tokens), restored.predict(tokens))
    for each in (model, restored):
        each.fit(tokens[order[:80]], rewards[order[:80]])
    np.testing.assert_array_equal(model.predict(tokens), restored.predict(tokens))
