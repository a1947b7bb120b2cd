"""Search algorithms behind one interface: propose networks, hear their rewards."""

import dataclasses
import math
from collections.abc import Callable
from typing import Protocol

import numpy as np

from search.hyperparameters import (
    PAPER_CONTROLLER,
    PAPER_PPO,
    ControllerConfig,
    EvolutionConfig,
    PPOConfig,
)
from search.learning.evolution import Evolution
from search.learning.sample_batch import SampleBatch
from search.search_space import SearchSpace


class Algorithm(Protocol):
    """Anything that proposes networks and learns from their rewards.

    What it proposes depends on its seed and on what it was told, nothing else.
    """

    def sample(self, n: int) -> SampleBatch:
        """A batch of n proposals."""

    def step(self, batch: SampleBatch, rewards: np.ndarray) -> dict[str, float]:
        """Learns from a sampled batch and its rewards float32 [n]; returns metrics."""

    def observe(self, tokens: np.ndarray, rewards: np.ndarray) -> None:
        """Hears of networks int32 [n, T] that others proposed, and their rewards float32 [n].

        They are no samples of its own, so nothing is to be learned from how likely they were.
        """

    def probabilities(self) -> list[np.ndarray]:
        """How likely each choice of each decision is now, a list of [K_t]."""

    def state(self) -> dict[str, np.ndarray]:
        """All that the next proposals depend on, as arrays."""

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Goes on from a `state()` of the same space and settings."""


class PPO:
    """The paper's algorithm: the recurrent controller, trained by PPO.

    Args:
      space: what is to be decided.
      controller: see there.
      ppo: see there.
      evolution: is another algorithm's.
      seed: of weights and samples.
    """

    def __init__(
        self,
        space: SearchSpace,
        *,
        controller: ControllerConfig = ControllerConfig(),
        ppo: PPOConfig = PPOConfig(),
        evolution: EvolutionConfig | None = None,
        seed: int = 0,
    ):
        del evolution
        # Imported here: TensorFlow takes seconds, and a reader of this module may not need it.
        from search.controller import Controller
        from search.ppo import PPOLearner

        self._controller = Controller(space, controller, seed)
        self._learner = PPOLearner(self._controller, ppo)
        self.sample = self._controller.sample
        self.step = self._learner.step
        # Remembered, so that the reward model knows them and none is proposed again; the policy
        # itself learns from its own samples.
        self.observe = self._controller.remember
        self.probabilities = self._controller.probabilities

    def state(self) -> dict[str, np.ndarray]:
        """See Algorithm."""
        controller, learner = self._controller.state(), self._learner.state()
        return {f"controller/{name}": array for name, array in controller.items()} | {
            f"learner/{name}": array for name, array in learner.items()
        }

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """See Algorithm."""
        for part, target in (("controller/", self._controller), ("learner/", self._learner)):
            target.restore(
                {name.removeprefix(part): a for name, a in state.items() if name.startswith(part)}
            )


class Reinforce(PPO):
    """REINFORCE: the recurrent controller, a gradient step per batch on its own samples.

    This is PPO with one epoch. Its ratio of new to old probabilities is 1 then, where the clipped
    objective has the gradient of advantage x log-probability: nothing is clipped. The advantage is
    the reward less a moving average of rewards.

    The hyperparameters are NASNet's (PAPER_CONTROLLER, PAPER_PPO) but for the LSTM's width and
    uniform mixture, the learning rate and the average's decay. The entropy bonus stays NASNet's:
    ours is made for advantages of size 1, and would drown differences between rewards.
    """

    def __init__(
        self,
        space: SearchSpace,
        *,
        controller: ControllerConfig = ControllerConfig(),
        ppo: PPOConfig = PPOConfig(),
        evolution: EvolutionConfig | None = None,
        seed: int = 0,
    ):
        super().__init__(
            space,
            controller=dataclasses.replace(
                PAPER_CONTROLLER,
                units=controller.units,
                uniform_mixture=controller.uniform_mixture,
            ),
            ppo=dataclasses.replace(
                PAPER_PPO,
                epochs=1,
                learning_rate=ppo.learning_rate,
                baseline_decay=ppo.baseline_decay,
            ),
            seed=seed,
        )


class RandomSearch:
    """Every network as likely as every other: the baseline that an algorithm has to beat."""

    def __init__(self, space: SearchSpace, *, seed: int = 0, **hyperparameters):
        del hyperparameters  # it has none
        self._space, self._seed, self._batches = space, seed, 0

    def sample(self, n: int) -> SampleBatch:
        """See Algorithm."""
        rng = np.random.default_rng([self._seed, self._batches])
        self._batches += 1
        tokens = self._space.sample_uniform(rng, n)
        log_probs = -np.log([len(decision.choices) for decision in self._space.decisions])
        return SampleBatch(tokens, np.tile(log_probs.astype(np.float32), (n, 1)))

    def step(self, batch: SampleBatch, rewards: np.ndarray) -> dict[str, float]:
        """See Algorithm; learns nothing."""
        return {"reward": float(np.mean(rewards)), "entropy": math.log(self._space.size)}

    def observe(self, tokens: np.ndarray, rewards: np.ndarray) -> None:
        """See Algorithm; learns nothing."""

    def probabilities(self) -> list[np.ndarray]:
        """See Algorithm."""
        counts = [len(decision.choices) for decision in self._space.decisions]
        return [np.full(count, 1 / count, np.float32) for count in counts]

    def state(self) -> dict[str, np.ndarray]:
        """See Algorithm."""
        return {"batches": np.array(self._batches)}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """See Algorithm."""
        self._batches = int(state["batches"])


# Each takes the space and, by keyword, the hyperparameters of all algorithms and the seed.
ALGORITHMS: dict[str, Callable[..., Algorithm]] = {
    "ppo": PPO,
    "reinforce": Reinforce,
    "evolution": Evolution,
    "random": RandomSearch,
}
