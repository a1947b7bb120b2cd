import numpy as np

from search.learning.product_functions import ProductFunctions

# Two functions of two decisions, of 2 and 3 choices, with two products:
# f_0 = a + b, f_1 = 2 a - b, where a and b are the products of the factors below.
FACTORS = np.array([[1.0, 2], [3, -1], [1, 1], [2, 5], [-1, 4]])
FUNCTIONS = ProductFunctions(np.array([[1.0, 1], [2, -1]]), FACTORS, np.array([0, 2]))
TOKENS = np.array([[0, 1], [1, 2]])  # a = 1 * 2, b = 2 * 5; a = 3 * -1, b = -1 * 4


def test_values_by_hand():
    np.testing.assert_array_equal(FUNCTIONS.values(TOKENS), [[12, -7], [-6, -2]])


def test_terms_are_the_summands_of_each_function_at_its_own_network():
    np.testing.assert_array_equal(FUNCTIONS.terms(TOKENS), [[2, 10], [-6, 4]])


def test_neighbours_are_the_values_after_one_choice_was_replaced():
    values = FUNCTIONS.neighbours(FUNCTIONS.terms(TOKENS), TOKENS)
    for i, tokens in enumerate(TOKENS):
        changed = [[0, tokens[1]], [1, tokens[1]], [tokens[0], 0], [tokens[0], 1], [tokens[0], 2]]
        np.testing.assert_allclose(values[i], FUNCTIONS.values(np.array(changed))[i])


def test_moved_terms_are_those_of_the_changed_networks():
    # network 0 takes choice 0 in place of 1 in its second decision: row 2 of the factors for row 3
    moved = FUNCTIONS.moved(FUNCTIONS.terms(TOKENS), np.array([3, 4]), np.array([2, 4]))
    np.testing.assert_allclose(moved, FUNCTIONS.terms(np.array([[0, 0], [1, 2]])))
