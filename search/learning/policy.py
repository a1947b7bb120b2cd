"""The recurrent policy over a search space: NASNet's controller as a differentiable distribution.

One LSTM layer reads the embedding of the decision just taken and a softmax layer of its own takes
the next one, so p(tokens) = prod_t p(token t | tokens before t). Everything here is maths on
tensors; what to do with samples is the controller's business.
"""

import numpy as np
import tensorflow as tf

INIT_SCALE = 0.1  # NASNet (arXiv 1707.07012, appendix A.1): all weights from U(-0.1, 0.1)


class LSTMPolicy(tf.Module):
    """An LSTM with one softmax per decision.

    With probability `uniform_mixture` a decision is taken uniformly, whatever the softmax says;
    that is part of the policy, its log-probabilities and its entropy include it.

    Args:
      num_choices: [T] how many choices each decision has.
      units: width of the LSTM and of the embeddings.
      uniform_mixture: in [0, 1); keeps every network possible.
      seed: of the initial weights.
    """

    def __init__(self, num_choices, units: int, uniform_mixture: float, seed: int):
        super().__init__(name="lstm_policy")
        self.num_choices = np.asarray(num_choices, np.int32)
        self.units = units
        self.uniform_mixture = uniform_mixture
        steps, widest = len(self.num_choices), int(self.num_choices.max())
        self._exists = np.arange(widest) < self.num_choices[:, None]  # [T, K]
        shapes = {
            "start": [units],
            # embedding[t, k]: that decision t took choice k; the last decision feeds nothing
            "embedding": [max(steps - 1, 1), widest, units],
            "kernel": [2 * units, 4 * units],  # rows: input, hidden; columns: gates i, c, f, o
            "bias": [4 * units],
            "softmax_kernel": [steps, units, widest],
            "softmax_bias": [steps, widest],
        }
        rng = np.random.default_rng(seed)
        self.weights = {
            name: tf.Variable(
                rng.uniform(-INIT_SCALE, INIT_SCALE, shape).astype(np.float32), name=name
            )
            for name, shape in shapes.items()
        }

    def sample(self, n: int, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Tokens int32 [n, T] and their log-probabilities float32 [n, T].

        Args:
          n: a Python int, the function is traced once for each.
          seed: int32 [2]; the same seed gives the same samples from the same weights.
        """
        steps, widest = self._exists.shape
        gumbel = -tf.math.log(-tf.math.log(_open_uniform([steps, n, widest], seed)))
        exists, weights = tf.constant(self._exists), self.weights

        def take(t, inputs, cell, hidden, tokens, log_probs):
            cell, hidden = self._lstm_step(inputs, cell, hidden)
            logits = hidden @ weights["softmax_kernel"][t] + weights["softmax_bias"][t]
            choice_log_probs = self._choice_log_probs(logits, exists[t])
            token = tf.argmax(choice_log_probs + gumbel[t], axis=-1, output_type=tf.int32)
            log_prob = tf.gather(choice_log_probs, token, axis=-1, batch_dims=1)
            embedding = weights["embedding"][tf.minimum(t, steps - 2)] if steps > 1 else None
            inputs = inputs if embedding is None else tf.gather(embedding, token)
            return t + 1, inputs, cell, hidden, tokens.write(t, token), log_probs.write(t, log_prob)

        zeros = tf.zeros([n, self.units])
        state = tf.while_loop(
            lambda t, *_: t < steps,
            take,
            (
                tf.constant(0),
                tf.broadcast_to(weights["start"], [n, self.units]),
                zeros,
                zeros,
                tf.TensorArray(tf.int32, steps),
                tf.TensorArray(tf.float32, steps),
            ),
            maximum_iterations=steps,
        )
        return tf.transpose(state[4].stack()), tf.transpose(state[5].stack())

    def distributions(self, tokens: tf.Tensor) -> tf.Tensor:
        """Log-probabilities of all choices, float32 [n, T, K], each given the tokens before it.

        Choices beyond a decision's own have log-probability -1e9.
        """
        n, weights = tf.shape(tokens)[0], self.weights
        start = tf.broadcast_to(weights["start"], [1, n, self.units])
        steps = len(self.num_choices)
        before = tf.transpose(tokens)[: steps - 1]  # [T - 1, n]
        taken = tf.gather(weights["embedding"][: steps - 1], before, axis=1, batch_dims=1)
        hidden = self._lstm(tf.concat([start, taken], axis=0))  # [T, n, units]
        logits = hidden @ weights["softmax_kernel"] + weights["softmax_bias"][:, None]
        return self._choice_log_probs(tf.transpose(logits, [1, 0, 2]), tf.constant(self._exists))

    def log_probs(self, tokens: tf.Tensor, distributions: tf.Tensor) -> tf.Tensor:
        """Log-probabilities float32 [n, T] of tokens [n, T] under their `distributions`."""
        return tf.gather(distributions, tokens, axis=-1, batch_dims=2)

    def _choice_log_probs(self, logits, exists):
        """Log-softmax over the choices that exist, mixed with the uniform distribution."""
        logits = tf.where(exists, logits, -1e9)
        count = tf.reduce_sum(tf.cast(exists, tf.float32), axis=-1, keepdims=True)
        mixed = (1 - self.uniform_mixture) * tf.nn.softmax(logits) + self.uniform_mixture / count
        return tf.where(exists, tf.math.log(tf.maximum(mixed, 1e-30)), -1e9)

    def _lstm_step(self, inputs, cell, hidden):
        none = tf.zeros([self.units])
        out = tf.raw_ops.LSTMBlockCell(
            x=inputs, cs_prev=cell, h_prev=hidden, w=self.weights["kernel"], b=self.weights["bias"],
            wci=none, wcf=none, wco=none, forget_bias=0.0, cell_clip=-1.0,
        )  # fmt: skip
        return out.cs, out.h

    def _lstm(self, inputs):
        """All steps at once. BlockLSTMV2, the op behind Keras' fused layers, has a wrong gradient
        in TensorFlow 2.20 (its gates are in another order); the first version is right.
        """
        none, zeros = tf.zeros([self.units]), tf.zeros([tf.shape(inputs)[1], self.units])
        return tf.raw_ops.BlockLSTM(
            seq_len_max=tf.constant(len(self.num_choices), tf.int64), x=inputs, cs_prev=zeros,
            h_prev=zeros, w=self.weights["kernel"], b=self.weights["bias"],
            wci=none, wcf=none, wco=none, forget_bias=0.0, cell_clip=-1.0,
        ).h  # fmt: skip


def entropy(distributions: tf.Tensor) -> tf.Tensor:
    """Entropy in nats, float32 [n, T], of distributions [n, T, K] given as log-probabilities."""
    return -tf.reduce_sum(tf.exp(distributions) * distributions, axis=-1)


def _open_uniform(shape, seed):
    """Uniform in (0, 1) without the ends, whose double logarithm is infinite."""
    uniform = tf.random.stateless_uniform(shape, seed)
    return tf.clip_by_value(uniform, 1e-7, 1 - 1e-7)
