"""Accuracy predicted from published networks: a search that trains nothing.

A ridge regression on which choice each decision took and which choices each pair of decisions took:

    top-1 = intercept + sum_i single[i] x_i + sum_{i<j} pairs[i, j] x_i x_j

with x the one-hot vector of a network, the decisions' choices one after another. It is fitted to
Accel-NASBench (`search.surrogate.accel_nasbench_data`) on its authors' training split, and judged
on their test split. So few and so simple terms leave the best network of an objective provable.
"""

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from mnasnet.architectures import Architecture
from mnasnet.block_args import encode
from search.evaluators import Evaluation
from search.spaces.accel_nasbench import accel_nasbench_space
from search.spaces.decisions import Network, SearchSpace
from search.surrogate import cache as surrogate_cache
from search.surrogate.accel_nasbench_data import Networks, fingerprint, read_splits

RIDGE_ALPHA = 1.0
MIN_TEST_R2, MIN_TEST_TAU = 0.95, 0.88
# Part of the cache's key: raise it where the fit or what is kept of it changes.
_VERSION = 1
# Coefficients are rounded to a millionth of a point of accuracy, so that processors and BLAS
# libraries that differ in the last bits agree on them.
_DECIMALS = 8


@dataclasses.dataclass(frozen=True)
class Surrogate:
    """Top-1 as a sum of terms of single choices and of pairs of them.

    Attributes:
      num_choices: choices of each decision, [T]; C is their sum.
      intercept: of the sum.
      single: float64 [C].
      pairs: float64 [C, C], 0 except where the row's decision comes before the column's.
      data: fingerprint of the data that it was fitted to.
      num_train: networks that it was fitted to.
      num_test: networks that it was judged by.
      test_r2: coefficient of determination on those.
      test_tau: Kendall's tau on those.
      test_error: mean absolute error on those, of top-1 in [0, 1].
    """

    num_choices: tuple[int, ...]
    intercept: float
    single: np.ndarray
    pairs: np.ndarray
    data: str
    num_train: int
    num_test: int
    test_r2: float
    test_tau: float
    test_error: float

    def predict(self, tokens: np.ndarray) -> np.ndarray:
        """Top-1 in [0, 1], float64 [n], of networks int [n, T].

        A network's number does not depend on the others that it is predicted with.

        Raises:
          ValueError: for tokens of another shape or out of range.
        """
        tokens = np.asarray(tokens)
        counts = np.array(self.num_choices)
        if tokens.ndim != 2 or tokens.shape[1] != len(counts):
            raise ValueError(f"tokens of shape {tokens.shape}, must be [n, {len(counts)}]")
        if ((tokens < 0) | (tokens >= counts)).any():
            raise ValueError("a token is out of the range of its decision's choices")
        places = tokens + first_places(self.num_choices)
        before, after = np.triu_indices(len(counts), 1)
        width = len(self.single)
        # Sums along rows of one memory layout add in one order, whatever n is; a matrix product
        # would not.
        terms = np.empty((len(tokens), len(counts) + len(before)))
        terms[:, : len(counts)] = self.single[places]
        terms[:, len(counts) :] = self.pairs.ravel()[places[:, before] * width + places[:, after]]
        return self.intercept + terms.sum(axis=1)

    @property
    def data_note(self) -> str:
        """What it was fitted to, in a few words."""
        return (
            f"Accel-NASBench: {self.num_train:,} published networks to fit to, {self.num_test:,} "
            "to test on"
        )

    @property
    def note(self) -> str:
        """What the numbers are, for everything that shows them."""
        return (
            f"ImageNet top-1 after short training, predicted by a regression on {self.num_train:,} "
            f"networks of Accel-NASBench, nothing was trained here; on {self.num_test:,} others R2 "
            f"{self.test_r2:.3f}, Kendall tau {self.test_tau:.3f}, mean error "
            f"{100 * self.test_error:.2f} points"
        )


def load_surrogate(data_dir: str | Path) -> Surrogate:
    """The surrogate of a checkout of Accel-NASBench; fitted once, then taken from a cache.

    Raises:
      ValueError: for data that is missing or broken (`search.surrogate.accel_nasbench_data`), or a
        fit that predicts the test split too badly to be searched on.
    """
    space = accel_nasbench_space()
    data = fingerprint(data_dir)
    described = json.dumps([_VERSION, data, [[d.name, d.choices] for d in space.decisions]])
    key = hashlib.sha256(described.encode()).hexdigest()
    num_choices = tuple(len(decision.choices) for decision in space.decisions)
    cached = surrogate_cache.load(key)
    if cached is not None:
        return Surrogate(num_choices=num_choices, data=data, **cached)
    splits = read_splits(data_dir, space)
    surrogate = fit(splits["train"], splits["test"], num_choices, data)
    # So written, since either may be not a number.
    if not (surrogate.test_r2 >= MIN_TEST_R2 and surrogate.test_tau >= MIN_TEST_TAU):
        raise ValueError(
            f"the surrogate fitted to {data_dir} predicts its test split with R2 "
            f"{surrogate.test_r2:.3f} and Kendall tau {surrogate.test_tau:.3f}, at least "
            f"{MIN_TEST_R2} and {MIN_TEST_TAU} are needed"
        )
    kept = dataclasses.asdict(surrogate)
    del kept["num_choices"], kept["data"]
    surrogate_cache.save(key, kept)
    return surrogate


def fit(train: Networks, test: Networks, num_choices: Sequence[int], data: str = "") -> Surrogate:
    """Fits a surrogate to one set of networks and judges it by another.

    Args:
      train: fitted to.
      test: judged by.
      num_choices: choices of each decision, [T].
      data: where the networks are from.
    """
    # Imported here: it takes a second that a cached fit does without.
    from scipy.stats import kendalltau
    from sklearn.linear_model import Ridge

    width = sum(num_choices)
    owner = np.repeat(np.arange(len(num_choices)), num_choices)
    before, after = np.nonzero(owner[:, None] < owner)
    onehot = np.zeros((len(train.tokens), width))
    np.put_along_axis(onehot, train.tokens + first_places(num_choices), 1, axis=1)
    features = np.concatenate([onehot, onehot[:, before] * onehot[:, after]], axis=1)
    ridge = Ridge(alpha=RIDGE_ALPHA, solver="cholesky").fit(features, train.top1)
    coefficients = np.round(ridge.coef_, _DECIMALS)
    pairs = np.zeros((width, width))
    pairs[before, after] = coefficients[width:]
    fitted = Surrogate(
        num_choices=tuple(num_choices),
        intercept=round(float(ridge.intercept_), _DECIMALS),
        single=coefficients[:width],
        pairs=pairs,
        data=data,
        num_train=len(train.top1),
        num_test=len(test.top1),
        test_r2=0.0,
        test_tau=0.0,
        test_error=0.0,
    )
    predicted = fitted.predict(test.tokens)
    residuals = test.top1 - predicted
    # Not a number where the test networks are all alike, and so is tau.
    r2 = 1 - (residuals**2).mean() / test.top1.var() if np.ptp(test.top1) else math.nan
    return dataclasses.replace(
        fitted,
        test_r2=float(r2),
        test_tau=float(kendalltau(test.top1, predicted).statistic),
        test_error=float(np.abs(residuals).mean()),
    )


def has_tokens_of(space: SearchSpace) -> bool:
    """Whether a surrogate reads the space's tokens, not only its networks."""
    return space.decisions == accel_nasbench_space().decisions


def first_places(num_choices: Sequence[int]) -> np.ndarray:
    """Where in the one-hot vector each decision's choices begin, int [T]."""
    return np.cumsum([0, *num_choices[:-1]])


class SurrogateAccuracy:
    """An AccuracyEvaluator whose numbers are predicted.

    Args:
      surrogate: predicts.
      space: that of the surrogate, by which it reads networks.
      published: block strings of networks that go by another name.
    """

    def __init__(
        self,
        surrogate: Surrogate,
        space: SearchSpace | None = None,
        published: Mapping[Network, Network] | None = None,
    ):
        self._surrogate, self._published = surrogate, published or {}
        self._space = accel_nasbench_space() if space is None else space
        self.note = surrogate.note
        self.description = surrogate.note
        self.settings = {
            "kind": "surrogate",
            "data": surrogate.data,
            "num_train": surrogate.num_train,
            "version": _VERSION,
        }

    def evaluate(self, network: Network) -> Evaluation:
        """See AccuracyEvaluator; ValueError for a network outside the surrogate's space."""
        return self.evaluate_all([network])[0]

    def evaluate_all(self, networks: Sequence[Network]) -> list[Evaluation]:
        """`evaluate` of many at once."""
        if not networks:
            return []
        blocks = (self._published.get(network, network) for network in networks)
        tokens = np.stack([self._space.encode(network) for network in blocks])
        record = {"kind": "surrogate", "note": self.note}
        return [Evaluation(float(top1), record) for top1 in self._surrogate.predict(tokens)]

    def check_network(self, architecture: Architecture) -> None:
        """ValueError for a network that the surrogate does not know, be it for stem or head."""
        skeleton = self._space.skeleton
        try:
            self._space.encode(encode(architecture.blocks))
            for field in ("stem_filters", "head_filters"):
                own, known = getattr(architecture, field), getattr(skeleton, field)
                if own != known:
                    raise ValueError(f"{field} is {own}, the space has {known}")
        except ValueError as error:
            raise ValueError(
                f"{architecture.name} is outside the space {self._space.name!r}, so its accuracy "
                f"cannot be predicted: {error}"
            ) from error

    def check_space(self, space: SearchSpace) -> None:
        """ValueError where a space holds networks that the surrogate does not know.

        Tries each choice of each decision once.
        """
        for position, decision in enumerate(space.decisions):
            for token in range(len(decision.choices)):
                tokens = [0] * len(space.decisions)
                tokens[position] = token
                try:
                    self._space.encode(space.decode(tokens))
                except ValueError as error:
                    raise ValueError(
                        f"--accuracy=surrogate knows the networks of the space "
                        f"{self._space.name!r} only, not all of {space.name!r}: {error}"
                    ) from error
