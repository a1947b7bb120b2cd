"""Hyperparameters of the algorithms, and the published values of them.

Nothing here imports TensorFlow, so that flags can borrow the defaults.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class ControllerConfig:
    """What the controller is; docs/controller.md says what each field gives.

    Attributes:
      units: width of the LSTM and of its embeddings.
      uniform_mixture: probability in [0, 1) with which a decision is taken uniformly.
      resampling_tries: how often more networks are drawn when too few of them are new; 0 proposes
        known ones again.
      candidates: how many networks the policy draws for a batch, from the best of which walks begin
        (search/learning/proposals.py); 0 does without a reward model.
      local_share: of the walks, in [0, 1], that begin at the best networks known instead.
      walk_steps: how many decisions a walk changes at most; 0 proposes where they begin.
      boldness: how far the rewards that walks go by stray from the model's mean, 1 as far as its
        posterior.
      model_trials: how many trials the model is conditioned on at most.
    """

    units: int = 100
    uniform_mixture: float = 0.05
    resampling_tries: int = 20
    candidates: int = 256
    local_share: float = 0.5
    walk_steps: int = 10
    boldness: float = 0.5
    model_trials: int = 1000

    def __post_init__(self):
        if self.units < 1:
            raise ValueError(f"units must be at least 1, got {self.units}")
        if not 0 <= self.uniform_mixture < 1:
            raise ValueError(f"uniform_mixture must be in [0, 1), got {self.uniform_mixture}")
        if not 0 <= self.local_share <= 1:
            raise ValueError(f"local_share must be in [0, 1], got {self.local_share}")
        if self.model_trials < 2:
            raise ValueError(f"model_trials must be at least 2, got {self.model_trials}")
        for name in ("resampling_tries", "candidates", "walk_steps", "boldness"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be 0 or more, got {getattr(self, name)}")


# NASNet's controller: the LSTM's own samples, repeats included.
PAPER_CONTROLLER = ControllerConfig(uniform_mixture=0.0, resampling_tries=0, candidates=0)


@dataclasses.dataclass(frozen=True)
class PPOConfig:
    """How the controller learns; see docs/controller.md for what each field gives.

    Attributes:
      learning_rate: of Adam.
      epochs: gradient steps per batch, on the whole batch each.
      clip_range: epsilon of the clipped ratio.
      entropy_weight: of the bonus on the mean entropy of a decision, in nats.
      advantages: 'rank' or 'moving_average'.
      baseline_decay: of the moving average of rewards that 'moving_average' subtracts.
      elite_size: how many of the best networks so far are imitated (priority queue training,
        arXiv 1801.03526); 0 for none.
      elite_weight: of that imitation in the loss.
      imagined_rounds: gradient steps per batch on networks that are not evaluated but rewarded by
        the controller's reward model (as in DyNA-PPO, Angermueller et al., ICLR 2020); 0 for none,
        and none where the controller has no reward model.
      imagined_batch: networks in each of those.
    """

    learning_rate: float = 1e-3
    epochs: int = 4
    clip_range: float = 0.2
    entropy_weight: float = 0.01
    advantages: str = "rank"
    baseline_decay: float = 0.95
    elite_size: int = 10
    elite_weight: float = 0.2
    imagined_rounds: int = 5
    imagined_batch: int = 32

    def __post_init__(self):
        if self.advantages not in ("rank", "moving_average"):
            raise ValueError(
                f"unknown advantages {self.advantages!r}, known are rank, moving_average"
            )
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate must be above 0, got {self.learning_rate}")
        if not 0 < self.clip_range < 1:
            raise ValueError(f"clip_range must be in (0, 1), got {self.clip_range}")
        if not 0 <= self.baseline_decay < 1:
            raise ValueError(f"baseline_decay must be in [0, 1), got {self.baseline_decay}")
        for name in ("epochs", "imagined_batch"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("entropy_weight", "elite_size", "elite_weight", "imagined_rounds"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be 0 or more, got {getattr(self, name)}")


# NASNet's settings (arXiv 1707.07012, appendix A.1), with the clip range and the epochs that PPO's
# own paper uses; MnasNet gives none of them.
PAPER_PPO = PPOConfig(
    learning_rate=3.5e-4,
    entropy_weight=1e-5,
    advantages="moving_average",
    elite_size=0,
    imagined_rounds=0,
)


@dataclasses.dataclass(frozen=True)
class EvolutionConfig:
    """Regularized evolution (Real et al., arXiv 1802.01548).

    Attributes:
      population_size: networks that live; the oldest dies for each that is born.
      tournament_size: how many of them compete to be the parent of the next.
      mutation_tries: how many further mutations a child gets while it is known already; 0 proposes
        known ones again, as published.
    """

    population_size: int = 50
    tournament_size: int = 25
    mutation_tries: int = 50

    def __post_init__(self):
        if self.population_size < 1:
            raise ValueError(f"population_size must be at least 1, got {self.population_size}")
        if not 1 <= self.tournament_size <= self.population_size:
            raise ValueError(
                f"tournament_size must be from 1 to population_size, {self.population_size}, got "
                f"{self.tournament_size}"
            )
        if self.mutation_tries < 0:
            raise ValueError(f"mutation_tries must be 0 or more, got {self.mutation_tries}")


# The published proportions: a quarter of the population to a tournament, known children kept.
# Differs from the paper's population of 100, which is a twentieth of its budget, as 50 is not: with
# thousands of networks in place of 20,000 a larger one is random search for longer.
PAPER_EVOLUTION = EvolutionConfig(tournament_size=12, mutation_tries=0)
