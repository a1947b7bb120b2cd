"""Algorithms compared on equal terms: the same evaluators, the same number of networks.

A variant is an algorithm with its hyperparameters. Each runs once per seed, by `search.loop` and in
memory. Accuracy may be given an error, as short trainings have one; what is compared then is the
reward without it.
"""

import dataclasses
import hashlib
import statistics
import time
from collections.abc import Callable, Sequence

import numpy as np

from search.evaluators import (
    AccuracyEvaluator,
    Evaluation,
    Infeasible,
    LatencyEvaluator,
    as_accuracy,
)
from search.hyperparameters import PAPER_CONTROLLER, PAPER_EVOLUTION, PAPER_PPO
from search.learning.algorithms import ALGORITHMS
from search.loop import SearchConfig, run_search
from search.reward import reward
from search.spaces.decisions import Network, SearchSpace
from search.trials import COMPLETED

# What a variant is, for people.
VARIANTS = {
    "ppo": "recurrent controller, PPO",
    "paper_ppo": "the same with NASNet's hyperparameters",
    "reinforce": "recurrent controller, REINFORCE: one gradient step per batch",
    "paper_reinforce": "the same with NASNet's learning rate",
    "evolution": "regularized evolution, children mutated further while they are known",
    "paper_evolution": "the same in published proportions, known networks proposed again",
    "random": "uniform sampling",
}


def variant_config(name: str, config: SearchConfig) -> SearchConfig:
    """The search of a variant: `config` with its algorithm and, for 'paper_', hyperparameters.

    Raises:
      ValueError: for an unknown name.
    """
    if name not in VARIANTS:
        raise ValueError(f"unknown algorithm {name!r}, known are {', '.join(VARIANTS)}")
    algorithm = name.removeprefix("paper_")
    config = dataclasses.replace(config, algorithm=algorithm)
    if name == algorithm:
        return config
    return dataclasses.replace(
        config, controller=PAPER_CONTROLLER, ppo=PAPER_PPO, evolution=PAPER_EVOLUTION
    )


def variant_settings(name: str, config: SearchConfig) -> dict:
    """The hyperparameters that a variant depends on, JSON-able."""
    config = variant_config(name, config)
    parts = {"evolution": ("evolution",), "random": ()}.get(config.algorithm, ("controller", "ppo"))
    return {part: dataclasses.asdict(getattr(config, part)) for part in parts}


class NoisyAccuracy:
    """An accuracy with an error, which is Gaussian over networks and the same for one network.

    Args:
      accuracy: evaluator, or function network -> top-1; its values stay within [0, 1].
      points: standard deviation of the error, in points of top-1 (0.26 is 0.0026 in [0, 1]).
      seed: with another one each network has another error.
    """

    def __init__(
        self,
        accuracy: AccuracyEvaluator | Callable[[Network], float],
        points: float,
        seed: int,
    ):
        self._accuracy, self._points, self._seed = as_accuracy(accuracy), points, seed
        settings = getattr(self._accuracy, "settings", {})
        self.settings = {**settings, "noise_points": points, "noise_seed": seed}

    def evaluate(self, network: Network) -> Evaluation:
        """See AccuracyEvaluator; the record tells the value `without_noise`."""
        return self._with_error(network, self._accuracy.evaluate(network))

    def evaluate_all(self, networks: Sequence[Network]) -> list[Evaluation | Infeasible]:
        """`evaluate` of many at once."""
        if hasattr(self._accuracy, "evaluate_all"):
            exact = self._accuracy.evaluate_all(networks)
        else:
            exact = [self._or_infeasible(network) for network in networks]
        return [self._with_error(*of) for of in zip(networks, exact, strict=True)]

    def _or_infeasible(self, network):
        try:
            return self._accuracy.evaluate(network)
        except Infeasible as reason:
            return reason

    def _with_error(self, network, exact):
        if isinstance(exact, Infeasible):
            return exact
        if not isinstance(exact, Evaluation):
            exact = Evaluation(float(exact))
        text = f"{self._seed} {' '.join(network)}"
        digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
        uniform = (int.from_bytes(digest, "big") + 0.5) / 2**64
        error = self._points / 100 * statistics.NormalDist().inv_cdf(uniform)
        value = min(max(exact.value + error, 0.0), 1.0)
        return Evaluation(value, {**exact.record, "without_noise": exact.value})


@dataclasses.dataclass(frozen=True)
class Run:
    """One search by one variant.

    Attributes:
      variant: its name.
      seed: of the algorithm, and of the noise.
      rewards: without noise, float64 [trials], in order; of infeasible networks the search's
        infeasible reward.
      told: what the algorithm was told, float64 [trials]; the same where there is no noise.
      distinct: how many different networks there are among the trials.
      cpu_seconds: of the search, its evaluations included.
    """

    variant: str
    seed: int
    rewards: np.ndarray
    told: np.ndarray
    distinct: int
    cpu_seconds: float

    @property
    def best(self) -> np.ndarray:
        """The best reward, without noise, of the first networks, [trials]."""
        return np.maximum.accumulate(self.rewards)

    @property
    def chosen(self) -> np.ndarray:
        """The reward, without noise, of that network of the first ones which was told to be best.

        That is what a user gets who sees noisy rewards only; [trials].
        """
        best_told = np.maximum.accumulate(self.told)
        news = np.flatnonzero(np.diff(best_told, prepend=-np.inf) > 0)
        return self.rewards[news[np.searchsorted(news, np.arange(len(self.told)), "right") - 1]]


def run(
    variant: str,
    seed: int,
    space: SearchSpace,
    accuracy: AccuracyEvaluator | Callable[[Network], float],
    latency: LatencyEvaluator | Callable[[Network], float],
    config: SearchConfig,
    noise_points: float = 0.0,
) -> Run:
    """Searches once.

    Args:
      variant: a key of VARIANTS.
      seed: in place of the config's.
      space: the networks there are.
      accuracy: see `search.loop.run_search`.
      latency: see there.
      config: of the search, but for the algorithm and the hyperparameters of 'paper_' variants.
      noise_points: of `NoisyAccuracy`; 0 for none.
    """
    config = dataclasses.replace(variant_config(variant, config), seed=seed)
    if noise_points:
        accuracy = NoisyAccuracy(accuracy, noise_points, seed)
    # Made once beforehand, so that loading TensorFlow does not count as the first search's time.
    ALGORITHMS[config.algorithm](
        space, controller=config.controller, ppo=config.ppo, evolution=config.evolution
    )
    started = time.process_time()
    trials = run_search(space, accuracy, latency, config).trials
    seconds = time.process_time() - started
    told = np.array([trial.reward for trial in trials])
    rewards = told.copy()
    if noise_points:
        feasible = [i for i, trial in enumerate(trials) if trial.status == COMPLETED]
        measured = [trials[i].measured for i in feasible]
        if measured:
            exact = np.array([m.records["accuracy"]["without_noise"] for m in measured])
            milliseconds = np.array([m.latency_ms for m in measured])
            rewards[feasible] = reward(exact, milliseconds, config.reward)
    distinct = len({trial.network for trial in trials})
    return Run(variant, seed, rewards, told, distinct, seconds)
