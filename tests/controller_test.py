import itertools

import numpy as np
import pytest

from search.controller import PAPER_CONTROLLER, Controller, ControllerConfig
from search.ppo import PPOLearner
from search.search_space import Decision, SearchSpace, get_space

pytestmark = pytest.mark.tensorflow


def space_of(*num_choices):
    return SearchSpace([Decision(f"d{i}", range(n)) for i, n in enumerate(num_choices)])


def test_samples_are_tokens_of_the_space_with_a_log_probability_each():
    batch = Controller(space_of(2, 4, 1, 3)).sample(50)
    assert batch.tokens.dtype == np.int32 and batch.log_probs.dtype == np.float32
    assert batch.tokens.shape == batch.log_probs.shape == (50, 4)
    assert (batch.tokens >= 0).all() and (batch.tokens < [2, 4, 1, 3]).all()
    # every choice of every decision turns up among 50 near-uniform samples
    assert [len(np.unique(column)) for column in batch.tokens.T] == [2, 4, 1, 3]
    assert (batch.log_probs <= 0).all()
    np.testing.assert_allclose(batch.log_probs[:, 2], 0, atol=1e-6)  # the only choice is certain


def test_probabilities_of_all_networks_of_a_space_sum_to_one():
    controller = Controller(space_of(2, 3, 2))
    tokens = np.array(list(itertools.product(range(2), range(3), range(2))), np.int32)
    policy = controller.policy
    log_probs = policy.log_probs(tokens, policy.distributions(tokens)).numpy()
    assert np.exp(log_probs.sum(axis=1)).sum() == pytest.approx(1, abs=1e-5)


def test_log_probs_are_those_of_the_policy_that_sampled():
    controller = Controller(get_space("mnasnet"))
    batch = controller.sample(20)
    policy = controller.policy
    expected = policy.log_probs(batch.tokens, policy.distributions(batch.tokens)).numpy()
    np.testing.assert_allclose(batch.log_probs, expected, atol=1e-5)


def test_entropy_at_the_start_is_nearly_the_sum_of_the_logarithms_of_the_choices():
    space = get_space("mnasnet")  # 7 blocks of 432 choices
    assert Controller(space).entropy() == pytest.approx(7 * np.log(432), rel=0.01)
    assert Controller(space).entropy() < 7 * np.log(432)


def test_probabilities_are_one_distribution_per_decision():
    probabilities = Controller(space_of(2, 5, 1)).probabilities()
    assert [len(row) for row in probabilities] == [2, 5, 1]
    np.testing.assert_allclose([row.sum() for row in probabilities], 1, atol=1e-5)
    np.testing.assert_allclose(probabilities[1], 0.2, atol=0.05)


def test_the_same_seed_gives_the_same_samples_and_another_seed_others():
    space = space_of(*[3] * 8)
    first, again, other = (Controller(space, seed=seed).sample(9) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.tokens, again.tokens)
    np.testing.assert_array_equal(first.log_probs, again.log_probs)
    assert (first.tokens != other.tokens).any()


def test_two_samples_in_a_row_differ():
    controller = Controller(space_of(*[3] * 8))
    assert (controller.sample(9).tokens != controller.sample(9).tokens).any()


def test_known_networks_are_not_proposed_while_there_are_others():
    controller = Controller(space_of(3, 3, 3))  # 27 networks
    learner = PPOLearner(controller)
    seen = set()
    for _ in range(4):
        batch = controller.sample(5)
        fresh = set(map(tuple, batch.tokens.tolist()))
        assert not fresh & seen
        seen |= fresh
        learner.step(batch, batch.tokens.sum(axis=1))


@pytest.mark.parametrize("num_choices", [(1,), (2,), (1, 1, 1), (2, 2)])
def test_a_space_smaller_than_the_budget_goes_on_with_known_networks(num_choices):
    controller = Controller(space_of(*num_choices))
    learner = PPOLearner(controller)
    for _ in range(4):
        batch = controller.sample(3)
        assert batch.tokens.shape == (3, len(num_choices))
        metrics = learner.step(batch, batch.tokens.sum(axis=1))
    assert metrics["distinct_networks"] == np.prod(num_choices)


def test_fewer_than_one_sample_is_refused():
    with pytest.raises(ValueError, match="0 samples asked for, at least 1"):
        Controller(space_of(2, 2)).sample(0)


def test_a_restored_controller_and_learner_go_on_as_if_never_stopped(tmp_path):
    space = space_of(*[3] * 6)

    def reward(batch):
        return np.sin(batch.tokens @ np.arange(1, 7)).astype(np.float32)

    def go_on(controller, learner):
        metrics, tokens = [], []
        for _ in range(3):
            batch = controller.sample(10)
            metrics.append(learner.step(batch, reward(batch)))
            tokens.append(batch.tokens)
        return tokens, metrics, controller.sample(10).log_probs

    controller = Controller(space, seed=3)
    learner = PPOLearner(controller)
    go_on(controller, learner)
    np.savez(tmp_path / "controller.npz", **controller.state())
    np.savez(tmp_path / "learner.npz", **learner.state())
    tokens, metrics, log_probs = go_on(controller, learner)

    restored = Controller(space, seed=99)
    restored_learner = PPOLearner(restored)
    restored.restore(dict(np.load(tmp_path / "controller.npz")))
    restored_learner.restore(dict(np.load(tmp_path / "learner.npz")))
    tokens_again, metrics_again, log_probs_again = go_on(restored, restored_learner)
    np.testing.assert_array_equal(tokens, tokens_again)
    assert metrics == metrics_again
    np.testing.assert_array_equal(log_probs, log_probs_again)


def test_the_paper_setting_may_repeat_networks_and_mixes_nothing_in():
    expected = ControllerConfig(units=100, uniform_mixture=0.0, resampling_tries=0, candidates=0)
    assert expected == PAPER_CONTROLLER
