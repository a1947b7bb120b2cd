"""Functions over networks that are cheap to know at all neighbours of a network.

Each is a sum of products with one factor per decision,

    f_i(x) = sum_j coefficient[i, j] prod_t factor[x_t, j]

so that changing a decision exchanges one factor of each product. All that a Gaussian process with
a product kernel may believe has this form: its mean, and (with random features for the prior)
samples of its posterior.
"""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class ProductFunctions:
    """Several functions that share their factors.

    Attributes:
      coefficients: [n, J], a row for each function.
      factors: [C, J], a row for each choice, those of the first decision first; none is 0.
      first: [T] which row is each decision's first choice.
    """

    coefficients: np.ndarray
    factors: np.ndarray
    first: np.ndarray

    def __len__(self) -> int:
        return len(self.coefficients)

    def values(self, tokens: np.ndarray) -> np.ndarray:
        """All functions at all networks: [n, m] of tokens [m, T]."""
        return self.coefficients @ self._products(tokens).T

    def terms(self, tokens: np.ndarray) -> np.ndarray:
        """The summands [n, J] of function i at network i, tokens [n, T]."""
        return self.coefficients * self._products(tokens)

    def neighbours(self, terms: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        """Function i at all networks that differ from network i in one decision.

        Args:
          terms: [n, J] at tokens.
          tokens: [n, T].

        Returns:
          [n, C]: in column c the value after choice c replaced the one made in its decision.
        """
        values = []
        ends = np.append(self.first[1:], len(self.factors))
        for t, (first, end) in enumerate(zip(self.first, ends, strict=True)):
            without = terms / self.factors[first + tokens[:, t]]
            values.append(without @ self.factors[first:end].T)
        return np.concatenate(values, axis=1)

    def moved(self, terms: np.ndarray, old: np.ndarray, new: np.ndarray) -> np.ndarray:
        """The terms [n, J] after choices new [n] replaced choices old [n] (rows of `factors`)."""
        return terms * (self.factors[new] / self.factors[old])

    def _products(self, tokens):
        products = np.ones((len(tokens), self.factors.shape[1]))
        for t, first in enumerate(self.first):
            products *= self.factors[first + tokens[:, t]]
        return products
