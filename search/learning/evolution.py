"""Regularized evolution (Real et al., arXiv 1802.01548): the oldest dies, however good it is."""

import math

import numpy as np

from search.hyperparameters import EvolutionConfig
from search.learning.sample_batch import SampleBatch
from search.search_space import SearchSpace


class Evolution:
    """A population of networks; the best of a few drawn from it is the parent of the next.

    A child is its parent with one decision, each as likely, taken otherwise; with more than one
    where it would be known (`EvolutionConfig.mutation_tries`). A batch has its
    parents from the population as it was told last; as many as that lacks to its full size are
    random networks.

    Differs from the paper: a mutation always changes something (there it is the identity in 5 % of
    the cases), and `EvolutionConfig.mutation_tries`.

    Args:
      space: what is to be decided.
      evolution: see there.
      seed: the i-th batch depends on the seed, i and what was told, nothing else.
      hyperparameters: are other algorithms'.
    """

    def __init__(
        self,
        space: SearchSpace,
        *,
        evolution: EvolutionConfig = EvolutionConfig(),
        seed: int = 0,
        **hyperparameters,
    ):
        del hyperparameters
        self._space, self._config, self._seed = space, evolution, seed
        self._num_choices = np.array([len(decision.choices) for decision in space.decisions])
        self._mutable = np.flatnonzero(self._num_choices > 1)
        self._batches = 0
        # All that was told, the oldest first; the last population_size of it live.
        self._tokens = np.zeros([0, len(self._num_choices)], np.int32)
        self._rewards = np.zeros([0], np.float32)
        self._known: set[bytes] = set()

    def sample(self, n: int) -> SampleBatch:
        """See Algorithm.

        The log-probabilities are those of `probabilities`, as if decisions were independent.
        """
        rng = np.random.default_rng([self._seed, self._batches])
        self._batches += 1
        ranked = self._ranked()
        living = len(ranked)
        strangers = min(n, self._config.population_size - living) if living else n
        proposed = list(self._space.sample_uniform(rng, strangers))
        known = self._known | {row.tobytes() for row in proposed}
        while len(proposed) < n:
            rivals = rng.choice(living, min(self._config.tournament_size, living), replace=False)
            child = self._child(ranked[rivals.min()], known, rng)
            known.add(child.tobytes())
            proposed.append(child)
        tokens = np.array(proposed, np.int32)
        columns = zip(self.probabilities(), tokens.T, strict=True)
        return SampleBatch(tokens, np.stack([np.log(p[column]) for p, column in columns], axis=1))

    def step(self, batch: SampleBatch, rewards: np.ndarray) -> dict[str, float]:
        """See Algorithm: the batch joins the population, as many of the oldest die.

        Returns:
          Metrics: the batch's mean reward; best_reward of all; entropy in nats of the next
          proposal, its decisions taken as independent; distinct_networks told so far.

        Raises:
          ValueError: for rewards of another number than the batch, or that are not finite.
        """
        rewards = np.asarray(rewards, np.float32)
        if rewards.shape != (len(batch),):
            raise ValueError(f"rewards of shape {rewards.shape} for {len(batch)} networks")
        if not np.isfinite(rewards).all():
            raise ValueError(f"rewards must be finite, got {rewards[~np.isfinite(rewards)][0]}")
        self._hear(batch.tokens, rewards)
        shares = [p[p > 0].astype(np.float64) for p in self.probabilities()]
        return {
            "reward": float(rewards.mean()),
            "best_reward": float(self._rewards.max()),
            "entropy": float(sum(-(p * np.log(p)).sum() for p in shares)),
            "distinct_networks": float(len(self._known)),
        }

    def observe(self, tokens: np.ndarray, rewards: np.ndarray) -> None:
        """See Algorithm: those at least as good as the median of the living join the population.

        The others would only make it age.
        """
        living = self._rewards[-self._config.population_size :]
        welcome = rewards >= np.median(living) if len(living) else np.ones(len(rewards), bool)
        self._hear(tokens[welcome], rewards[welcome])

    def probabilities(self) -> list[np.ndarray]:
        """See Algorithm: of the next child's choices, exact but for `mutation_tries`.

        The r-th best, from 0, of m networks wins a tournament of s with probability
        C(m - 1 - r, s - 1) / C(m, s): it is drawn, and the others from those behind it. Until the
        population is full the next network is random.
        """
        ranked = self._ranked()
        living = len(ranked)
        if living < self._config.population_size:
            return [np.full(count, 1 / count, np.float32) for count in self._num_choices]
        size = self._config.tournament_size
        wins = [math.comb(living - 1 - rank, size - 1) for rank in range(living)]
        wins = np.array([won / math.comb(living, size) for won in wins])
        mutation = 1 / max(len(self._mutable), 1)
        probabilities = []
        for count, column in zip(self._num_choices, ranked.T, strict=True):
            parents = np.bincount(column, wins, minlength=count)
            if count > 1:
                parents = (1 - mutation) * parents + mutation * (1 - parents) / (count - 1)
            probabilities.append(parents.astype(np.float32))
        return probabilities

    def state(self) -> dict[str, np.ndarray]:
        """See Algorithm."""
        return {
            "tokens": self._tokens,
            "rewards": self._rewards,
            "batches": np.array(self._batches),
        }

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """See Algorithm."""
        self._tokens, self._rewards = self._tokens[:0], self._rewards[:0]
        self._known = set()
        self._hear(state["tokens"], state["rewards"])
        self._batches = int(state["batches"])

    def _hear(self, tokens: np.ndarray, rewards: np.ndarray) -> None:
        tokens = np.asarray(tokens, np.int32)
        self._tokens = np.concatenate([self._tokens, tokens])
        self._rewards = np.concatenate([self._rewards, np.asarray(rewards, np.float32)])
        self._known.update(row.tobytes() for row in tokens)

    def _ranked(self) -> np.ndarray:
        """The living [m, T], the best first; of equals the younger."""
        living = slice(-self._config.population_size, None)
        order = np.argsort(self._rewards[living][::-1] * -1, kind="stable")
        return self._tokens[living][::-1][order]

    def _child(self, parent: np.ndarray, known: set[bytes], rng: np.random.Generator) -> np.ndarray:
        # A known child is changed further: a parent whose neighbours are all known has new ones.
        child = parent.copy()
        for _ in range(1 + self._config.mutation_tries):
            if len(self._mutable):
                place = self._mutable[rng.integers(len(self._mutable))]
                count = self._num_choices[place]
                child[place] = (child[place] + rng.integers(1, count)) % count
            if child.tobytes() not in known:
                break
        return child
