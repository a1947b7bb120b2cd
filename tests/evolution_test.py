import subprocess
import sys

import numpy as np
import pytest

from search.hyperparameters import EvolutionConfig
from search.learning.evolution import Evolution
from search.loop import SearchConfig, run_search
from search.reward import RewardConfig
from search.search_space import Decision, SearchSpace


def space_of(*num_choices):
    return SearchSpace([Decision(f"d{i}", range(n)) for i, n in enumerate(num_choices)])


def evolved(space, config, batches, reward, batch_size=10, seed=0):
    """An evolution that has been told of so many batches, and their tokens."""
    algorithm, told = Evolution(space, evolution=config, seed=seed), []
    for _ in range(batches):
        batch = algorithm.sample(batch_size)
        algorithm.step(batch, reward(batch.tokens))
        told.append(batch.tokens)
    return algorithm, np.concatenate(told)


def ones(tokens):
    return (tokens == 1).mean(axis=1)


def test_the_first_networks_are_random_ones_until_the_population_is_full():
    space = space_of(*[4] * 30)
    config = EvolutionConfig(population_size=25, tournament_size=25, mutation_tries=0)
    # Batches of 10: 10 + 10 + 5 random ones, then 5 children of the best of 20.
    _, told = evolved(space, config, 3, ones)
    nearest = [(told[:20] != row).sum(axis=1).min() for row in told[20:]]
    # 30 decisions of 4 choices: two random networks differ in 22.5 of them in the mean, sd 2.4.
    assert min(nearest[:5]) > 8
    assert nearest[5:] == [1] * 5


def test_a_child_is_the_best_of_the_tournament_with_one_decision_changed():
    space = space_of(*[3] * 12)
    config = EvolutionConfig(population_size=20, tournament_size=20, mutation_tries=0)
    algorithm, told = evolved(space, config, 2, ones)
    # The whole population competes, so that its best is the parent of all; of equals the younger.
    best = told[ones(told) == ones(told).max()][-1]
    children = algorithm.sample(10).tokens
    assert [(child != best).sum() for child in children] == [1] * 10


def test_the_oldest_die_however_good_they_are():
    space = space_of(*[3] * 12)
    config = EvolutionConfig(population_size=20, tournament_size=20, mutation_tries=0)
    algorithm = Evolution(space, evolution=config)
    good = algorithm.sample(20)
    algorithm.step(good, np.full(20, 9.0))
    others = Evolution(space, evolution=config, seed=5).sample(20)
    algorithm.step(others, np.arange(20) / 20)
    children = algorithm.sample(10).tokens
    assert [(child != others.tokens[19]).sum() for child in children] == [1] * 10


def test_known_networks_are_mutated_anew_or_as_published_proposed_again():
    distinct = {}
    for tries in (0, 50):
        config = EvolutionConfig(population_size=20, tournament_size=3, mutation_tries=tries)
        _, told = evolved(space_of(*[3] * 10), config, 20, ones)
        distinct[tries] = len(np.unique(told, axis=0))
    assert distinct[0] < 195 < distinct[50] == 200


def test_a_parent_whose_neighbours_are_all_known_has_children_further_away():
    algorithm = Evolution(space_of(2, 2, 2, 2), evolution=EvolutionConfig(1, 1))
    for tokens in ([1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0]):
        batch = algorithm.sample(1)
        batch.tokens[:] = tokens
        algorithm.step(batch, [1.0])
    assert {child.sum() for child in algorithm.sample(5).tokens} <= {2, 3, 4}


def test_where_all_is_known_known_networks_are_proposed():
    algorithm, told = evolved(space_of(2, 2), EvolutionConfig(10, 5), 5, ones)
    assert len(told) == 50
    assert len(np.unique(told, axis=0)) == 4
    assert algorithm.step(algorithm.sample(3), np.ones(3))["distinct_networks"] == 4


def test_decisions_of_one_choice_are_never_mutated():
    _, told = evolved(space_of(1, 3, 1, 3), EvolutionConfig(10, 5), 5, ones)
    assert (told[:, [0, 2]] == 0).all()
    _, told = evolved(space_of(1, 1), EvolutionConfig(10, 5), 3, ones)
    assert (told == 0).all()


def test_probabilities_are_those_of_the_next_child():
    space = space_of(2, 4)
    algorithm = Evolution(space, evolution=EvolutionConfig(3, 2, 0))
    np.testing.assert_array_equal(algorithm.probabilities()[1], [0.25] * 4)
    batch = algorithm.sample(3)
    batch.tokens[:] = [[0, 0], [1, 2], [1, 3]]
    algorithm.step(batch, [3.0, 2.0, 1.0])
    # Of the 3 pairs the best wins 2 and the second 1. Half of the children keep their parent's
    # choice of a decision: 1/2 * 2/3 + 1/2 * 1/3 for choice 0 of the first.
    first, second = algorithm.probabilities()
    np.testing.assert_allclose(first, [1 / 2, 1 / 2], rtol=1e-6)
    # Choice 0: 1/2 * 2/3 + 1/2 * 1/3 * 1/3; 1 and 3, of which no parent is: 1/2 * 1/3.
    np.testing.assert_allclose(second, [7 / 18, 1 / 6, 5 / 18, 1 / 6], rtol=1e-6)
    children = algorithm.sample(4000)
    shares = [np.bincount(column) / 4000 for column in children.tokens.T]
    np.testing.assert_allclose(shares[1], second, atol=0.035)
    np.testing.assert_allclose(
        children.log_probs[0],
        np.log([first[children.tokens[0, 0]], second[children.tokens[0, 1]]]),
        rtol=1e-6,
    )


def test_the_planted_best_network_is_found():
    planted = np.array([2, 0, 1, 2, 1, 0, 0, 2, 1, 1, 2, 0])  # one of 3^12 = 531,441
    space = space_of(*[3] * 12)
    _, told = evolved(space, EvolutionConfig(), 40, lambda t: (t == planted).mean(axis=1), 20)
    assert (told == planted).all(axis=1).any()


def test_state_and_restore_go_on_as_if_nothing_had_happened():
    space = space_of(*[3] * 8)
    algorithm, _ = evolved(space, EvolutionConfig(20, 10), 4, ones)
    other, _ = evolved(space, EvolutionConfig(20, 10), 2, ones, seed=9)
    other._seed = 0
    state = {name: np.array(array) for name, array in algorithm.state().items()}
    other.restore(state)
    for _ in range(3):
        batch, again = algorithm.sample(10), other.sample(10)
        np.testing.assert_array_equal(batch.tokens, again.tokens)
        algorithm.step(batch, ones(batch.tokens))
        other.step(again, ones(again.tokens))


def test_of_what_others_found_the_better_half_joins_the_population():
    algorithm = Evolution(space_of(*[3] * 12), evolution=EvolutionConfig(4, 4, 0))
    algorithm.step(algorithm.sample(4), np.array([1.0, 2.0, 3.0, 4.0]))  # the median is 2.5
    others = Evolution(space_of(*[3] * 12), seed=5).sample(3).tokens
    algorithm.observe(others, np.array([9.0, 2.4, 2.6], np.float32))
    children = algorithm.sample(5).tokens
    assert [(child != others[0]).sum() for child in children] == [1] * 5
    assert algorithm.step(algorithm.sample(1), [0.0])["distinct_networks"] == 4 + 2 + 1


def test_seeds_differ():
    one, other = (Evolution(space_of(*[3] * 8), seed=seed).sample(9).tokens for seed in (1, 2))
    assert (one != other).any()


@pytest.mark.parametrize("rewards, message", [([1.0], "shape"), ([1.0, np.nan], "finite")])
def test_bad_rewards_are_refused(rewards, message):
    algorithm = Evolution(space_of(2, 2))
    with pytest.raises(ValueError, match=message):
        algorithm.step(algorithm.sample(2), rewards)


def test_a_search_by_evolution_resumes(tmp_path):
    def search(max_trials, workdir=None):
        config = SearchConfig(
            RewardConfig(50.0), max_trials, 8, algorithm="evolution",
            evolution=EvolutionConfig(12, 6),
        )  # fmt: skip
        network_sum = lambda network: sum(int(string[-1]) for string in network)  # noqa: E731
        result = run_search(
            space_of(*[4] * 6),
            lambda network: network_sum(network) / 20,
            lambda network: 20.0 + network_sum(network),
            config,
            workdir=workdir,
        )
        return [trial.tokens for trial in result.trials]

    search(21, tmp_path)
    assert search(60, tmp_path) == search(60)


def test_evolution_and_random_search_do_without_tensorflow():
    program = (
        "import sys; from search.learning.algorithms import ALGORITHMS\n"
        "from search.search_space import *\n"
        "space = get_space('mnasnet')\n"
        "for name in ('evolution', 'random'):\n"
        "    algorithm = ALGORITHMS[name](space)\n"
        "    algorithm.step(algorithm.sample(2), [1.0, 2.0])\n"
        "print([name for name in ('tensorflow', 'tf_keras') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
