import itertools

import numpy as np

from search.learning.trial_memory import TrialMemory


def test_a_network_told_again_adds_nothing():
    memory = TrialMemory([3, 3])
    memory.add(np.array([[0, 1], [2, 2], [0, 1]]), np.array([1.0, 2, 3]))
    memory.add(np.array([[2, 2], [1, 0]]), np.array([4.0, 5]))
    np.testing.assert_array_equal(memory.tokens, [[0, 1], [2, 2], [1, 0]])
    np.testing.assert_array_equal(memory.rewards, [1, 2, 5])


def test_fresh_are_those_neither_known_nor_earlier_in_the_list():
    memory = TrialMemory([3, 3])
    memory.add(np.array([[0, 1]]), np.array([1.0]))
    fresh = memory.fresh(np.array([[0, 1], [1, 1], [1, 0], [1, 1]]))
    np.testing.assert_array_equal(fresh, [False, True, True, False])


def test_the_best_are_sorted_and_of_equals_the_older_comes_first():
    memory = TrialMemory([4])
    memory.add(np.array([[0], [1], [2], [3]]), np.array([1.0, 3, 3, 2]))
    np.testing.assert_array_equal(memory.best(3), [[1], [2], [3]])


def test_all_networks_of_a_space_have_different_keys():
    tokens = np.array(list(itertools.product(range(3), repeat=8)))
    assert len(np.unique(TrialMemory([3] * 8).keys_of(tokens))) == 6561


def test_keys_of_neighbours_are_their_own_keys():
    memory = TrialMemory([2, 3])
    tokens = np.array([[0, 1], [1, 2]])
    after = memory.keys_after(memory.keys_of(tokens), tokens)
    for i, (a, b) in enumerate(tokens):
        changed = np.array([[0, b], [1, b], [a, 0], [a, 1], [a, 2]])
        np.testing.assert_array_equal(after[i], memory.keys_of(changed))


def test_a_restored_memory_knows_the_same():
    memory, restored = TrialMemory([3, 3]), TrialMemory([3, 3])
    memory.add(np.array([[0, 1], [2, 2]]), np.array([1.0, 2]))
    restored.restore(memory.state())
    np.testing.assert_array_equal(restored.fresh(np.array([[2, 2], [2, 1]])), [False, True])
