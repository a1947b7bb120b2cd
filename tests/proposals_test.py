import numpy as np
import pytest

from search.learning.product_functions import ProductFunctions
from search.learning.proposals import best_starts, walk
from search.learning.trial_memory import TrialMemory

EFFECTS = np.array([0.0, 1, 2, 0, 10, 20, 0, 100, 200])  # of the choices of 3 decisions


def additive(n):
    """n times the function that adds up EFFECTS of the choices made: a product for each decision,
    in which the others have factor 1 and its own choices their effects (+ 1, so that none is 0).
    """
    factors = np.ones((9, 3))
    factors[np.arange(9), np.arange(9) // 3] += EFFECTS
    return ProductFunctions(np.ones((n, 3)), factors, np.array([0, 3, 6]))


def memory_of(*tokens):
    memory = TrialMemory([3, 3, 3])
    if tokens:
        memory.add(np.array(tokens), np.zeros(len(tokens)))
    return memory


def test_starts_are_the_best_of_the_pool_under_each_function():
    pool = np.array([[2, 0, 0], [0, 1, 1], [2, 2, 0]])
    np.testing.assert_array_equal(best_starts(additive(2), pool), [[0, 1, 1], [0, 1, 1]])


def test_a_walk_finds_the_best_network_as_far_as_it_reaches():
    starts = np.zeros((3, 3), np.int32)
    proposed = walk(additive(3), starts, np.array([1, 2, 3]), memory_of())
    # one change: the third decision is worth most; then the second; then the first
    np.testing.assert_array_equal(proposed, [[0, 0, 2], [0, 2, 2], [2, 2, 2]])


def test_a_walk_of_no_steps_proposes_where_it_begins():
    starts = np.array([[1, 0, 2]])
    np.testing.assert_array_equal(walk(additive(1), starts, np.array([0]), memory_of()), starts)


def test_what_is_known_is_passed_by_and_what_another_walk_proposed_too():
    memory = memory_of([2, 2, 2], [1, 2, 2])
    proposed = walk(additive(2), np.array([[2, 2, 2]] * 2), np.array([3, 3]), memory)
    # 222 and 122 are known; both would propose 022, worth 220, so the second proposes the best that
    # it met after that: from 122 the way leads to 022, then to 212 or 112 by way of 012
    np.testing.assert_array_equal(proposed[0], [0, 2, 2])
    assert len(proposed) == 2 and not memory.knows(memory.keys_of(proposed)).any()


def test_nothing_is_proposed_where_all_is_known():
    everything = np.stack(np.meshgrid(*[range(3)] * 3), axis=-1).reshape(-1, 3)
    proposed = walk(additive(2), everything[:2], np.array([9, 9]), memory_of(*everything))
    assert proposed.shape == (0, 3)


@pytest.mark.parametrize("left", [[0, 0, 0], [1, 2, 0]])
def test_a_walk_goes_on_until_it_meets_the_only_network_left(left):
    everything = np.stack(np.meshgrid(*[range(3)] * 3), axis=-1).reshape(-1, 3)
    memory = memory_of(*[tokens for tokens in everything.tolist() if tokens != left])
    proposed = walk(additive(1), np.array([[2, 2, 2]]), np.array([27]), memory)
    np.testing.assert_array_equal(proposed, [left])
