"""A model of the reward, learned from the trials so far: which network is worth evaluating next.

A Gaussian process over token vectors. Its kernel sees in which decisions two networks differ:

    k(a, b) = exp(-sum_t weight_t [a_t != b_t])

That is a product over decisions, so effects of single decisions, of pairs, and of more at once are
all in it, and the weights say which decisions matter. It models ranks: rewards are replaced by
normal scores, so that their scale and their outliers do not matter.
"""

import numpy as np
import scipy.linalg
from scipy.special import ndtri
from scipy.stats import rankdata

from search.learning.product_functions import ProductFunctions

# The prior of weights and noise, log-normal: all decisions matter alike, and two networks that
# differ in everything are correlated by exp(-1.5); noise is a tenth of the signal's variance.
_TOTAL_WEIGHT, _NOISE = 1.5, 0.1
_LOG_WEIGHT_VARIANCE, _LOG_NOISE_VARIANCE = 1.0, 4.0
_LOG_RANGE = np.log([1e-4, 10.0])
_JITTER = 1e-6  # keeps Cholesky factors real

_STEPS_FIRST, _STEPS_LATER, _STEP_SIZE = 24, 8, 0.15
_MIN_TRIALS = 4
_FEATURES = 512  # of the prior; their number is an error of the draws, not of the mean


class RewardModel:
    """Gaussian process regression on the normal scores of rewards.

    Args:
      num_choices: [T] how many choices each decision has.
      max_trials: how many trials it is conditioned on at most, half of them the best, half the
        latest: the cost of a fit grows with their cube.
      max_trials_for_weights: from how many of these weights and noise are learned.
    """

    def __init__(self, num_choices, max_trials: int = 1000, max_trials_for_weights: int = 300):
        self.num_choices = np.asarray(num_choices)
        self.max_trials, self.max_trials_for_weights = max_trials, max_trials_for_weights
        self._prior = np.append(
            np.full(len(num_choices), np.log(_TOTAL_WEIGHT / len(num_choices))), np.log(_NOISE)
        )
        self._log_params = self._prior.copy()  # [T + 1]: log weights, log noise
        self._mean, self._square = np.zeros_like(self._prior), np.zeros_like(self._prior)
        self._steps = 0
        self._onehot = None

    @property
    def ready(self) -> bool:
        """Whether there were enough different rewards to learn from."""
        return self._onehot is not None

    def fit(self, tokens: np.ndarray, rewards: np.ndarray) -> None:
        """Learns from all trials so far: tokens [N, T], rewards [N] in the order of the trials."""
        if not _learnable(rewards):
            return
        chosen, scores = self._chosen(rewards)
        onehot = one_hot(tokens[chosen], self.num_choices)
        part = _best_and_spread(scores, self.max_trials_for_weights)
        for _ in range(_STEPS_LATER if self._steps else _STEPS_FIRST):
            self._climb(onehot[part], scores[part])
        self._condition(tokens[chosen], onehot, scores)

    def predict(self, tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean [n] and standard deviation [n] of the scores of tokens [n, T]."""
        mean, explained = self._posterior(tokens)
        variance = self._scale * (1 - (explained**2).sum(axis=0))
        return mean, np.sqrt(np.maximum(variance, 1e-12))

    def draw(self, n: int, rng: np.random.Generator, boldness: float = 1.0) -> ProductFunctions:
        """What the scores of all networks may be: n samples from the posterior.

        A sample of the prior, made of random features, is corrected by what the trials say of it
        (Matheron's rule: Wilson et al., "Efficiently sampling functions from Gaussian process
        posteriors", arXiv 2002.09309, eq. 13).

        Args:
          n: how many.
          rng: used up.
          boldness: their deviations from the mean are multiplied by it.
        """
        signs = self._prior_features(rng)
        similar = np.exp(np.repeat(self._weights, self.num_choices)[:, None] * (self._onehot.T - 1))
        factors = np.concatenate([signs, similar, np.ones((len(signs), 1))], axis=1)
        deviation = boldness * np.sqrt(self._scale)
        prior = rng.normal(0, deviation / np.sqrt(_FEATURES), (n, _FEATURES))
        noise = np.sqrt(np.exp(self._log_params[-1]) + _JITTER)
        seen = rng.normal(0, deviation * noise, (n, len(self._onehot)))
        seen += prior @ (1 - 2 * (self._onehot @ (signs < 0) % 2)).T
        correction = self._solved - _solve(self._lower, seen.T).T
        first = np.cumsum(self.num_choices) - self.num_choices
        level = np.full((n, 1), self._level)
        return ProductFunctions(np.concatenate([prior, correction, level], axis=1), factors, first)

    def best(self, count: int) -> np.ndarray:
        """Tokens [min(count, N), T] of the trials that have the best means: unlike the best
        rewards, these are not the luckiest errors of measurement.
        """
        return self._tokens[np.argsort(-self._means, kind="stable")[:count]]

    def _prior_features(self, rng):
        """Factors [C, _FEATURES], 1 or -1: the mean over features of their products is the kernel.

        A decision of weight w takes part in a feature with probability 1 - exp(-w), with a random
        sign for each choice: two networks that differ in it have products of mean exp(-w) then.
        """
        takes_part = rng.random((len(self._weights), _FEATURES)) < -np.expm1(
            -self._weights[:, None]
        )
        signs = rng.choice([-1.0, 1.0], (int(self.num_choices.sum()), _FEATURES))
        return np.where(np.repeat(takes_part, self.num_choices, axis=0), signs, 1.0)

    def state(self) -> dict[str, np.ndarray]:
        """What the next fit depends on besides the trials."""
        moments = {"mean": self._mean, "square": self._square, "steps": np.array(self._steps)}
        return {"log_params": self._log_params, **moments}

    def restore(self, state, tokens: np.ndarray, rewards: np.ndarray) -> None:
        """Goes on from `state()` and the trials of the last fit."""
        self._log_params, self._mean, self._square = (
            np.array(state[name]) for name in ("log_params", "mean", "square")
        )
        self._steps = int(state["steps"])
        self._onehot = None
        if _learnable(rewards):
            chosen, scores = self._chosen(rewards)
            self._condition(tokens[chosen], one_hot(tokens[chosen], self.num_choices), scores)

    def _chosen(self, rewards):
        """Which trials the model is conditioned on, and their scores among all."""
        best = np.argsort(-rewards, kind="stable")[: self.max_trials // 2]
        others = np.setdiff1d(np.arange(len(rewards)), best)
        chosen = np.sort(np.concatenate([best, others[-(self.max_trials - len(best)) :]]))
        return chosen, normal_scores(rewards)[chosen]

    def _climb(self, onehot, scores):
        """One Adam step of weights and noise up the posterior density."""
        sizes = self.num_choices
        _, slope = log_marginal_likelihood(onehot, scores, self._log_params, sizes)
        variances = np.full_like(slope, _LOG_WEIGHT_VARIANCE)
        variances[-1] = _LOG_NOISE_VARIANCE
        slope -= (self._log_params - self._prior) / variances
        self._steps += 1
        self._mean = 0.8 * self._mean + 0.2 * slope
        self._square = 0.95 * self._square + 0.05 * slope**2
        mean = self._mean / (1 - 0.8**self._steps)
        square = self._square / (1 - 0.95**self._steps)
        self._log_params = np.clip(
            self._log_params + _STEP_SIZE * mean / (np.sqrt(square) + 1e-3), *_LOG_RANGE
        )

    def _condition(self, tokens, onehot, scores):
        self._weights = np.exp(self._log_params[:-1])
        correlation = kernel(onehot, onehot, self._weights, self.num_choices)
        covariance = correlation.copy()
        covariance[np.diag_indices(len(scores))] += np.exp(self._log_params[-1]) + _JITTER
        self._lower = scipy.linalg.cholesky(covariance, lower=True, check_finite=False)
        self._level, residual = _generalised_mean(self._lower, scores)
        self._solved = _solve(self._lower, residual)
        self._scale = max(residual @ self._solved / len(scores), _JITTER)
        self._means = self._level + correlation @ self._solved
        self._tokens, self._onehot = tokens, onehot

    def _posterior(self, tokens):
        onehot = one_hot(tokens, self.num_choices)
        covariance = kernel(onehot, self._onehot, self._weights, self.num_choices)
        explained = scipy.linalg.solve_triangular(
            self._lower, covariance.T, lower=True, check_finite=False
        )
        return self._level + covariance @ self._solved, explained


def normal_scores(rewards: np.ndarray) -> np.ndarray:
    """Normal quantiles of the ranks of rewards [N]; equal rewards share theirs."""
    return ndtri((rankdata(rewards) - 0.5) / len(rewards))


def one_hot(tokens: np.ndarray, num_choices: np.ndarray) -> np.ndarray:
    """Float64 [n, sum of num_choices] of tokens [n, T]."""
    starts = np.cumsum(num_choices) - num_choices
    onehot = np.zeros((len(tokens), int(np.sum(num_choices))))
    onehot[np.arange(len(tokens))[:, None], starts + tokens] = 1
    return onehot


def kernel(
    a: np.ndarray, b: np.ndarray, weights: np.ndarray, num_choices: np.ndarray
) -> np.ndarray:
    """Correlation [n, m] of one-hot networks a [n, C] and b [m, C], for weights [T]."""
    agreement = (a * np.repeat(weights, num_choices)) @ b.T
    return np.exp(agreement - weights.sum())


def log_marginal_likelihood(
    onehot: np.ndarray, scores: np.ndarray, log_params: np.ndarray, num_choices: np.ndarray
) -> tuple[float, np.ndarray]:
    """How well weights and noise explain the scores, the signal's mean and variance at their best.

    Rasmussen and Williams, "Gaussian Processes for Machine Learning", eq. 5.8 and 5.9.

    Args:
      onehot: [N, C].
      scores: [N].
      log_params: [T + 1], the logarithms of the weights and of the noise's share of the signal.
      num_choices: [T].

    Returns:
      The logarithm of the likelihood up to a constant, and its gradient [T + 1].
    """
    weights, noise = np.exp(log_params[:-1]), np.exp(log_params[-1])
    correlation = kernel(onehot, onehot, weights, num_choices)
    covariance = correlation + (noise + _JITTER) * np.eye(len(scores))
    lower = scipy.linalg.cholesky(covariance, lower=True, check_finite=False)
    _, residual = _generalised_mean(lower, scores)
    solved = _solve(lower, residual)
    scale = max(residual @ solved / len(scores), _JITTER)
    likelihood = -0.5 * len(scores) * np.log(scale) - np.log(np.diag(lower)).sum()

    slope = 0.5 * (np.outer(solved, solved) / scale - _solve(lower, np.eye(len(scores))))
    towards = slope * correlation
    # The correlation of a pair falls with weight t where it differs in decision t.
    starts = np.cumsum(num_choices) - num_choices
    agreeing = np.add.reduceat(((towards @ onehot) * onehot).sum(axis=0), starts)
    weight_slopes = (agreeing - towards.sum()) * weights
    return float(likelihood), np.append(weight_slopes, np.trace(slope) * noise)


def _generalised_mean(lower, scores):
    """The most likely constant level of the scores, and what remains without it."""
    ones = _solve(lower, np.ones(len(scores)))
    level = (ones @ scores) / ones.sum()
    return level, scores - level


def _solve(lower, right):
    return scipy.linalg.cho_solve((lower, True), right, check_finite=False)


def _best_and_spread(scores, count):
    """Up to count positions: the best half of them, and others evenly through all."""
    if len(scores) <= count:
        return np.arange(len(scores))
    best = np.argsort(-scores, kind="stable")[: count // 2]
    spread = np.linspace(0, len(scores) - 1, count // 2).astype(int)
    return np.unique(np.concatenate([best, spread]))


def _learnable(rewards):
    return len(rewards) >= _MIN_TRIALS and rewards.max() > rewards.min()
