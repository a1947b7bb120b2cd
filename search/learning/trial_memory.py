"""What the controller was told: each network once, with its rewards."""

import numpy as np


class TrialMemory:
    """Networks and rewards in the order in which they were told.

    A network told again adds nothing: a search that meets it again reuses its measurement.

    Networks are told apart by Zobrist keys: a random number per choice, a network's key is the sum
    of those of its choices modulo 2^64. The keys of all neighbours of a network cost one addition
    each, and two networks in 10^9 share a key with a probability of 3 %.

    Args:
      num_choices: [T] how many choices each decision has.
    """

    def __init__(self, num_choices):
        self.num_choices = np.asarray(num_choices)
        self.tokens = np.zeros([0, len(num_choices)], np.int32)
        self.rewards = np.zeros([0], np.float32)
        self._first = np.cumsum(self.num_choices) - self.num_choices
        rng = np.random.default_rng(0)
        self._numbers = rng.integers(0, 2**64, int(self.num_choices.sum()), np.uint64)
        self._sorted_keys = np.zeros([0], np.uint64)

    def __len__(self) -> int:
        return len(self.rewards)

    def add(self, tokens: np.ndarray, rewards: np.ndarray) -> None:
        """Remembers tokens [n, T] with rewards [n]."""
        new = self.fresh(tokens)
        self.tokens = np.concatenate([self.tokens, np.asarray(tokens, np.int32)[new]])
        self.rewards = np.concatenate([self.rewards, np.asarray(rewards, np.float32)[new]])
        self._sorted_keys = np.sort(self.keys_of(self.tokens))

    def fresh(self, tokens: np.ndarray) -> np.ndarray:
        """Which of tokens [n, T] were not told before, nor come earlier in tokens; bool [n]."""
        keys = self.keys_of(tokens)
        first = np.zeros(len(keys), bool)
        first[np.unique(keys, return_index=True)[1]] = True
        return first & ~self.knows(keys)

    def best(self, count: int) -> np.ndarray:
        """Tokens [min(count, len), T] of the highest rewards; of equals the older first."""
        return self.tokens[np.argsort(-self.rewards, kind="stable")[:count]]

    def keys_of(self, tokens: np.ndarray) -> np.ndarray:
        """Keys uint64 [n] of tokens [n, T]."""
        return self._numbers[self._first + tokens].sum(axis=1, dtype=np.uint64)

    def keys_after(self, keys: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        """Keys [n, C] of tokens [n, T], whose own are keys [n], after each choice was made."""
        replaced = np.repeat(self._numbers[self._first + tokens], self.num_choices, axis=1)
        return keys[:, None] + self._numbers - replaced

    def knows(self, keys: np.ndarray) -> np.ndarray:
        """Which keys are of networks that were told; bool, of the shape of keys."""
        if not len(self):
            return np.zeros(keys.shape, bool)
        place = np.searchsorted(self._sorted_keys, keys)
        return self._sorted_keys[np.minimum(place, len(self) - 1)] == keys

    def state(self) -> dict[str, np.ndarray]:
        return {"tokens": self.tokens, "rewards": self.rewards}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        self.tokens = np.array(state["tokens"], np.int32)
        self.rewards = np.array(state["rewards"], np.float32)
        self._sorted_keys = np.sort(self.keys_of(self.tokens))
