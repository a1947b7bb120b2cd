"""The controller: proposes networks of a search space, and remembers what it was told of them."""

import numpy as np
import tensorflow as tf

from search.hyperparameters import PAPER_CONTROLLER, ControllerConfig
from search.learning.policy import LSTMPolicy, entropy
from search.learning.proposals import best_starts, walk
from search.learning.reward_model import RewardModel
from search.learning.sample_batch import SampleBatch
from search.learning.trial_memory import TrialMemory
from search.search_space import SearchSpace

__all__ = ["PAPER_CONTROLLER", "Controller", "ControllerConfig", "SampleBatch", "padded_size"]

# Walks from the best known networks begin at one of these many, and change at most so many
# decisions: near ones are safe, far ones leave a local optimum.
_BEST, _NEAR = 50, (1, 2, 4, 10)


class Controller:
    """NASNet's recurrent controller over a search space.

    Differs from NASNet's, whose proposals are the LSTM's own samples: the controller remembers the
    trials it was told of, so as not to propose them again, and learns a model of their rewards,
    under which samples and the best networks known are bettered by walks
    (`search.learning.proposals`).
    With PAPER_CONTROLLER it does neither.

    Args:
      space: what is to be decided.
      config: see there.
      seed: of the initial weights and of all sampling. The i-th sampling depends on the seed, i,
        the weights, and what is remembered and modelled, nothing else.
    """

    def __init__(
        self, space: SearchSpace, config: ControllerConfig = ControllerConfig(), seed: int = 0
    ):
        self.space, self.config, self.seed = space, config, seed
        num_choices = [len(decision.choices) for decision in space.decisions]
        self.policy = LSTMPolicy(num_choices, config.units, config.uniform_mixture, seed)
        self.memory = TrialMemory(num_choices)
        self.reward_model = RewardModel(num_choices, config.model_trials)
        self._draws = 0
        self._traced_sample = tf.function(self.policy.sample, reduce_retracing=False)
        self._traced_log_probs = tf.function(
            lambda tokens: self.policy.log_probs(tokens, self.policy.distributions(tokens)),
            reduce_retracing=False,
        )
        self._traced_distributions = tf.function(self.policy.distributions, reduce_retracing=False)

    def sample(self, n: int) -> SampleBatch:
        """Proposes n networks.

        Those that `remember` was told of, or twice the same, are among them only when
        `resampling_tries` draws brought too few others, as happens in small spaces.

        Raises:
          ValueError: for n below 1.
        """
        if n < 1:
            raise ValueError(f"{n} samples asked for, at least 1 is needed")
        chosen = self._searched(n) if self.reward_model.ready else None
        if chosen and len(chosen) == n:
            return chosen
        size = max(self.config.candidates, n) if chosen else n
        pool = chosen + self.draw(size) if chosen else self.draw(size)
        if not self.config.resampling_tries:
            return pool[:n]
        enough = min(n, self.space.size - len(self.memory))
        fresh = self.memory.fresh(pool.tokens)
        for _ in range(self.config.resampling_tries):
            if fresh.sum() >= enough:
                break
            pool = pool + self.draw(size)
            fresh = self.memory.fresh(pool.tokens)
        return (pool[fresh] + pool[~fresh])[:n]

    def draw(self, n: int) -> SampleBatch:
        """Samples of the policy as it is, n of them, whatever is known of them."""
        self._draws += 1
        seed = tf.constant([self.seed, self._draws], tf.int64)
        tokens, log_probs = self._traced_sample(padded_size(n), seed)
        return SampleBatch(tokens.numpy()[:n], log_probs.numpy()[:n])

    def remember(self, tokens: np.ndarray, rewards: np.ndarray) -> None:
        """Takes in the rewards [n] of networks [n, T]."""
        self.memory.add(tokens, rewards)
        if self.config.candidates:
            self.reward_model.fit(self.memory.tokens, self.memory.rewards)

    def _searched(self, n):
        """New networks that may be the best, n or fewer, found by `search.learning.proposals`."""
        pool = self.draw(self.config.candidates)
        rng = np.random.default_rng([self.seed, self._draws])
        functions = self.reward_model.draw(n, rng, self.config.boldness)
        starts = best_starts(functions, pool.tokens)
        reach = np.full(n, self.config.walk_steps)
        from_best = rng.permutation(n)[: round(self.config.local_share * n)]
        starts[from_best] = best_starts(functions, self.reward_model.best(_BEST))[from_best]
        reach[from_best] = rng.choice(_NEAR, len(from_best)).clip(max=self.config.walk_steps)
        return self._with_log_probs(walk(functions, starts, reach, self.memory))

    def _with_log_probs(self, tokens):
        """How likely the policy was to propose these networks itself."""
        padded = np.pad(tokens, [(0, padded_size(len(tokens)) - len(tokens)), (0, 0)])
        log_probs = self._traced_log_probs(tf.constant(padded))
        return SampleBatch(tokens, log_probs.numpy()[: len(tokens)])

    def probabilities(self, num_samples: int = 512) -> list[np.ndarray]:
        """What each decision has converged to: its mean distribution, a list of float32 [K_t]."""
        mean = np.exp(self._distributions(num_samples)).mean(axis=0)
        return [row[:count] for row, count in zip(mean, self.policy.num_choices, strict=True)]

    def entropy(self, num_samples: int = 512) -> float:
        """Entropy of the policy in nats, the logarithm of the space's size at most."""
        return float(entropy(self._distributions(num_samples)).numpy().sum(axis=1).mean())

    def _distributions(self, num_samples):
        """Log-probabilities [n, T, K] along samples that no proposal is taken from."""
        seed = tf.constant([self.seed, -1], tf.int64)
        tokens, _ = self._traced_sample(padded_size(num_samples), seed)
        return self._traced_distributions(tokens).numpy()

    def state(self) -> dict[str, np.ndarray]:
        """Everything that the next samples depend on, as arrays."""
        state = {f"weights/{name}": w.numpy() for name, w in self.policy.weights.items()}
        for part in ("memory", "reward_model"):
            state |= {f"{part}/{name}": a for name, a in getattr(self, part).state().items()}
        return state | {"draws": np.array(self._draws), "seed": np.array(self.seed)}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Goes on from `state()` of a controller of the same space and config."""
        for name, weight in self.policy.weights.items():
            weight.assign(state[f"weights/{name}"])
        self.memory.restore(_part(state, "memory/"))
        self.reward_model.restore(
            _part(state, "reward_model/"), self.memory.tokens, self.memory.rewards
        )
        self._draws, self.seed = int(state["draws"]), int(state["seed"])


def _part(state, prefix):
    """The arrays whose names begin with prefix, without it."""
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}


def padded_size(n: int) -> int:
    """The next power of two, at least 16: few sizes, so few traces of a function."""
    return max(16, 1 << (n - 1).bit_length())
