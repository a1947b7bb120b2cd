"""The controller: proposes networks of a search space, and remembers what it was told of them."""

import dataclasses

import numpy as np
import tensorflow as tf

from search.policy import LSTMPolicy, entropy
from search.search_space import SearchSpace
from search.trial_memory import TrialMemory


@dataclasses.dataclass(frozen=True)
class ControllerConfig:
    """What the controller is; see docs/controller.md for what each field gives.

    Attributes:
      units: width of the LSTM and of its embeddings.
      uniform_mixture: probability in [0, 1) with which a decision is taken uniformly.
      resampling_tries: how often a network whose reward is known already is drawn anew; 0 proposes
        it again.
    """

    units: int = 100
    uniform_mixture: float = 0.05
    resampling_tries: int = 20


PAPER_CONTROLLER = ControllerConfig(uniform_mixture=0.0, resampling_tries=0)


@dataclasses.dataclass(frozen=True)
class SampleBatch:
    """Networks proposed together.

    Attributes:
      tokens: int32 [n, T].
      log_probs: float32 [n, T], of each token given those before it, under the policy that
        proposed them.
    """

    tokens: np.ndarray
    log_probs: np.ndarray

    def __len__(self) -> int:
        return len(self.tokens)


class Controller:
    """NASNet's recurrent controller over a search space.

    Args:
      space: what is to be decided.
      config: see there.
      seed: of the initial weights and of all sampling. Sample number i depends on the seed, i and
        the weights alone.
    """

    def __init__(
        self, space: SearchSpace, config: ControllerConfig = ControllerConfig(), seed: int = 0
    ):
        self.space, self.config, self.seed = space, config, seed
        num_choices = [len(decision.choices) for decision in space.decisions]
        self.policy = LSTMPolicy(num_choices, config.units, config.uniform_mixture, seed)
        self.memory = TrialMemory(num_choices)
        self._draws = 0
        self._traced_draw = tf.function(self.policy.sample, reduce_retracing=False)
        self._traced_distributions = tf.function(self.policy.distributions, reduce_retracing=False)

    def sample(self, n: int) -> SampleBatch:
        """Proposes n networks.

        Networks that `PPOLearner.step` was told of before are proposed again only when
        `resampling_tries` draws brought too few others, as happens in small spaces.

        Raises:
          ValueError: for n below 1.
        """
        if n < 1:
            raise ValueError(f"{n} samples asked for, at least 1 is needed")
        tokens, log_probs = self._draw(n)
        for _ in range(self.config.resampling_tries):
            known = self.memory.known(tokens)
            if not known.any():
                break
            fresh_tokens, fresh_log_probs = self._draw(n)
            tokens[known], log_probs[known] = fresh_tokens[known], fresh_log_probs[known]
        return SampleBatch(tokens, log_probs)

    def probabilities(self, num_samples: int = 512) -> list[np.ndarray]:
        """What each decision has converged to: its mean distribution, a list of float32 [K_t]."""
        seed = tf.constant([self.seed, -1], tf.int32)
        tokens, _ = self._traced_draw(padded_size(num_samples), seed)
        mean = np.exp(self._traced_distributions(tokens).numpy()).mean(axis=0)
        return [row[:count] for row, count in zip(mean, self.policy.num_choices, strict=True)]

    def entropy(self, num_samples: int = 512) -> float:
        """Entropy of a whole network's distribution in nats; log of the space's size at most."""
        tokens, _ = self._traced_draw(
            padded_size(num_samples), tf.constant([self.seed, -1], tf.int32)
        )
        return float(
            tf.reduce_sum(entropy(self._traced_distributions(tokens)), axis=-1).numpy().mean()
        )

    def state(self) -> dict[str, np.ndarray]:
        """Everything that the next samples depend on, as arrays."""
        state = {f"weights/{name}": w.numpy() for name, w in self.policy.weights.items()}
        state |= {f"memory/{name}": array for name, array in self.memory.state().items()}
        return state | {"draws": np.array(self._draws), "seed": np.array(self.seed)}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Goes on from `state()` of a controller of the same space and config."""
        for name, weight in self.policy.weights.items():
            weight.assign(state[f"weights/{name}"])
        self.memory.restore(
            {k.removeprefix("memory/"): v for k, v in state.items() if k.startswith("memory/")}
        )
        self._draws, self.seed = int(state["draws"]), int(state["seed"])

    def _draw(self, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Samples of the policy as it is: tokens [n, T], log-probabilities [n, T]."""
        self._draws += 1
        seed = tf.constant([self.seed, self._draws], tf.int32)
        tokens, log_probs = self._traced_draw(padded_size(n), seed)
        return tokens.numpy()[:n], log_probs.numpy()[:n]


def padded_size(n: int) -> int:
    """The next power of two, at least 16: few sizes, so few traces of a function."""
    return max(16, 1 << (n - 1).bit_length())
