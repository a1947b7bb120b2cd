"""Proximal policy optimization (arXiv 1707.06347) of the controller.

An episode is one network: T decisions, then one reward, so each decision has the whole network's
advantage. The functions at the top are the maths; the learner below them does the bookkeeping.
"""

import numpy as np
import tensorflow as tf
import tf_keras

from search.controller import Controller, SampleBatch, padded_size
from search.hyperparameters import PAPER_PPO, PPOConfig
from search.learning.policy import entropy
from search.learning.reward_model import normal_scores

__all__ = [
    "PAPER_PPO",
    "PPOConfig",
    "PPOLearner",
    "approximate_kl",
    "clip_fraction",
    "clipped_surrogate",
    "rank_advantages",
]


def rank_advantages(rewards: np.ndarray) -> np.ndarray:
    """Ranks spread over [-1, 1] and brought to mean 0, variance 1; float32 [n].

    Equal rewards share their mean rank, so that a batch of equal rewards teaches nothing. Any
    increasing change of the rewards' scale gives the same advantages.
    """
    rewards = np.asarray(rewards)
    below = (rewards[:, None] > rewards).sum(axis=1)
    above = (rewards[:, None] < rewards).sum(axis=1)
    centred = (below - above).astype(np.float32)
    return centred / max(float(centred.std()), 1e-8)


def clipped_surrogate(log_ratio, advantages, clip_range):
    """PPO's objective per decision [n, T] (arXiv 1707.06347, eq. 7), to be maximised."""
    ratio = tf.exp(log_ratio)
    clipped = tf.clip_by_value(ratio, 1 - clip_range, 1 + clip_range)
    return tf.minimum(ratio * advantages[:, None], clipped * advantages[:, None])


def approximate_kl(log_ratio):
    """KL(old, new) per decision [n, T] from samples of old: r - 1 - log r, never negative."""
    return tf.exp(log_ratio) - 1 - log_ratio


def clip_fraction(log_ratio, clip_range):
    """1 where the ratio has left 1 +- clip_range, else 0; float32 [n, T]."""
    return tf.cast(tf.abs(tf.exp(log_ratio) - 1) > clip_range, tf.float32)


class PPOLearner:
    """Trains a controller from the rewards of what it sampled.

    Args:
      controller: is changed in place, its memory too.
      config: see there.
    """

    def __init__(self, controller: Controller, config: PPOConfig = PPOConfig()):
        self.controller, self.config = controller, config
        self._variables = list(controller.policy.weights.values())
        self._optimizer = tf_keras.optimizers.Adam(config.learning_rate, jit_compile=False)
        self._optimizer.build(self._variables)
        self._baseline = np.nan
        self._traced_update = tf.function(self._update, reduce_retracing=False)

    def step(self, batch: SampleBatch, rewards: np.ndarray) -> dict[str, float]:
        """Learns from a batch.

        Args:
          batch: from `Controller.sample`, not necessarily the latest.
          rewards: float32 [n], on any scale.

        Returns:
          Metrics: the batch's mean reward; best_reward of all; entropy in nats before the step;
          approx_kl of a network in nats and clip_fraction, both at the last epoch on the batch;
          distinct_networks told so far; foresight, the correlation of the batch's rewards with
          what the reward model predicted for them (0 where there is none); learning_rate.

        Raises:
          ValueError: for rewards of another number than the batch, or that are not finite.
        """
        rewards = np.asarray(rewards, np.float32)
        if rewards.shape != (len(batch),):
            raise ValueError(f"rewards of shape {rewards.shape} for {len(batch)} networks")
        if not np.isfinite(rewards).all():
            raise ValueError(f"rewards must be finite, got {rewards[~np.isfinite(rewards)][0]}")
        foresight = self._foresight(batch, rewards)
        self.controller.remember(batch.tokens, rewards)
        measures = self._learn(batch, self._advantages(rewards), self.config.epochs)
        first, last = measures[0], measures[-1]
        self._imagine()
        memory = self.controller.memory
        return {
            "reward": float(rewards.mean()),
            "best_reward": float(memory.rewards.max()),
            "entropy": float(first["entropy"]),
            "approx_kl": float(last["approx_kl"]),
            "clip_fraction": float(last["clip_fraction"]),
            "distinct_networks": float(len(memory)),
            "foresight": foresight,
            "learning_rate": float(self.config.learning_rate),
        }

    def _learn(self, batch, advantages, epochs):
        """PPO's gradient steps; the measures of each, taken before it."""
        elite = self.controller.memory.best(self.config.elite_size)
        present = np.ones(len(batch), np.float32)
        rows = _pad(padded_size(len(batch)), batch.tokens, batch.log_probs, advantages, present)
        rows += _pad(self.config.elite_size, elite, np.ones(len(elite), np.float32))
        return [self._traced_update(*rows) for _ in range(epochs)]

    def _imagine(self):
        """PPO on networks that nobody evaluates, rewarded by what the model hopes of them."""
        model = self.controller.reward_model
        if not model.ready:
            return
        for _ in range(self.config.imagined_rounds):
            imagined = self.controller.draw(self.config.imagined_batch)
            mean, deviation = model.predict(imagined.tokens)
            self._learn(imagined, rank_advantages(mean + deviation), epochs=1)

    def _foresight(self, batch, rewards):
        """Correlation of the model's predictions with the scores of rewards it did not know."""
        model = self.controller.reward_model
        if not model.ready or rewards.max() == rewards.min():
            return 0.0
        predicted, _ = model.predict(batch.tokens)
        correlation = np.corrcoef(predicted, normal_scores(rewards))[0, 1]
        return float(np.nan_to_num(correlation))

    def _advantages(self, rewards):
        if self.config.advantages == "rank":
            return rank_advantages(rewards)
        if np.isnan(self._baseline):
            self._baseline = float(rewards.mean())
        advantages = rewards - np.float32(self._baseline)
        decay = self.config.baseline_decay
        self._baseline = decay * self._baseline + (1 - decay) * float(rewards.mean())
        return advantages.astype(np.float32)

    def _update(self, tokens, old_log_probs, advantages, weights, elite, elite_weights):
        """One gradient step; rows of weight 0 are padding."""
        policy, config = self.controller.policy, self.config
        n = len(old_log_probs)
        with tf.GradientTape() as tape:
            everything = tf.concat([tokens, elite], axis=0)  # one pass of the LSTM
            distributions = policy.distributions(everything)
            log_probs = policy.log_probs(everything, distributions)
            log_ratio = log_probs[:n] - old_log_probs
            surrogate = clipped_surrogate(log_ratio, advantages, config.clip_range)
            entropies = entropy(distributions[:n])
            loss = -_weighted_mean(surrogate + config.entropy_weight * entropies, weights)
            if config.elite_size:
                loss -= config.elite_weight * _weighted_mean(log_probs[n:], elite_weights)
        gradients = tape.gradient(loss, self._variables)
        self._optimizer.apply_gradients(zip(gradients, self._variables, strict=True))
        steps = len(policy.num_choices)
        return {
            "entropy": steps * _weighted_mean(entropies, weights),
            "approx_kl": steps * _weighted_mean(approximate_kl(log_ratio), weights),
            "clip_fraction": _weighted_mean(clip_fraction(log_ratio, config.clip_range), weights),
        }

    def state(self) -> dict[str, np.ndarray]:
        """What the next step depends on besides the controller's own state."""
        state = {f"adam/{i}": v.numpy() for i, v in enumerate(self._optimizer.variables)}
        return state | {"baseline": np.array(self._baseline)}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Goes on from `state()` of a learner of the same space and config."""
        for i, variable in enumerate(self._optimizer.variables):
            variable.assign(state[f"adam/{i}"])
        self._baseline = float(state["baseline"])


def _weighted_mean(values, weights):
    """Mean over decisions, weighted over networks: values [n, T], weights [n]."""
    return tf.reduce_sum(tf.reduce_mean(values, axis=1) * weights) / tf.reduce_sum(weights)


def _pad(size, *arrays):
    """Zero rows up to size, so that few batch sizes are traced."""
    return [np.pad(a, [(0, size - len(a))] + [(0, 0)] * (a.ndim - 1)) for a in arrays]
