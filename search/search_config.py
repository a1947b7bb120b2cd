"""What a search is: every choice of it, and which of them its trials depend on."""

import dataclasses

from search.evaluators import AccuracyEvaluator, LatencyEvaluator
from search.hyperparameters import ControllerConfig, EvolutionConfig, PPOConfig
from search.learning.algorithms import ALGORITHMS
from search.reward import RewardConfig
from search.search_space import SearchSpace

UPDATES = ("batch", "async")


@dataclasses.dataclass(frozen=True)
class SearchConfig:
    """A search.

    Attributes:
      reward: how accuracy and latency become the reward.
      max_trials: samples in all, repeats included; may be raised later to go on.
      batch_size: samples per update of the controller.
      seed: of everything random in the algorithm.
      algorithm: a key of `search.learning.algorithms.ALGORITHMS`.
      update: 'batch' learns from whole batches in the order of sampling, so that it does not matter
        who measures; 'async' from any batch_size trials that are finished, so that no worker waits.
      max_latency_ms: slower networks are infeasible and are not trained; None for no limit.
      controller: of algorithm 'ppo'; 'reinforce' takes units and uniform_mixture from it.
      ppo: of algorithm 'ppo'; 'reinforce' takes learning_rate and baseline_decay from it.
      evolution: of algorithm 'evolution'.

    Raises:
      ValueError: for a value out of range.
    """

    reward: RewardConfig
    max_trials: int = 8000
    batch_size: int = 20
    seed: int = 0
    algorithm: str = "ppo"
    update: str = "batch"
    max_latency_ms: float | None = None
    controller: ControllerConfig = ControllerConfig()
    ppo: PPOConfig = PPOConfig()
    evolution: EvolutionConfig = EvolutionConfig()

    def __post_init__(self):
        for name in ("max_trials", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, must be 1 or more")
        if not 0 <= self.seed < 2**31:
            raise ValueError(f"seed is {self.seed}, must be from 0 to {2**31 - 1}")
        if self.algorithm not in ALGORITHMS:
            raise ValueError(
                f"unknown algorithm {self.algorithm!r}, known are {', '.join(ALGORITHMS)}"
            )
        if self.update not in UPDATES:
            raise ValueError(f"unknown update {self.update!r}, known are {', '.join(UPDATES)}")
        if self.max_latency_ms is not None and not self.max_latency_ms > 0:
            raise ValueError(f"max_latency_ms is {self.max_latency_ms}, must be over 0")


def search_settings(
    space: SearchSpace,
    accuracy: AccuracyEvaluator,
    latency: LatencyEvaluator,
    config: SearchConfig,
) -> dict:
    """All that the trials depend on, as names with JSON-able values; not max_trials."""
    settings = {
        "space": {
            "name": space.name,
            "decisions": [[d.name, list(d.choices)] for d in space.decisions],
        },
        "accuracy": getattr(accuracy, "settings", {}),
        "latency": getattr(latency, "settings", {}),
        "search": dataclasses.asdict(config),
    }
    del settings["search"]["max_trials"]
    if config.update == "batch":
        del settings["search"]["update"]  # who measures, and how many, changes no trial
    return settings
