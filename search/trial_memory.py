"""What the controller was told: each network once, with its rewards."""

import numpy as np


class TrialMemory:
    """Networks and rewards in the order in which they were told.

    A network told again adds nothing: a search that meets it again reuses its measurement.

    Args:
      num_choices: [T] how many choices each decision has.
    """

    def __init__(self, num_choices):
        self.tokens = np.zeros([0, len(num_choices)], np.int32)
        self.rewards = np.zeros([0], np.float32)
        self._known: set[bytes] = set()

    def __len__(self) -> int:
        return len(self.rewards)

    def add(self, tokens: np.ndarray, rewards: np.ndarray) -> None:
        """Remembers tokens [n, T] with rewards [n]."""
        new = self.fresh(tokens)
        self._known.update(_keys(tokens))
        self.tokens = np.concatenate([self.tokens, np.asarray(tokens, np.int32)[new]])
        self.rewards = np.concatenate([self.rewards, np.asarray(rewards, np.float32)[new]])

    def fresh(self, tokens: np.ndarray) -> np.ndarray:
        """Which of tokens [n, T] were not told before, nor come earlier in tokens; bool [n]."""
        seen: set[bytes] = set()
        fresh = []
        for key in _keys(tokens):
            fresh.append(key not in self._known and key not in seen)
            seen.add(key)
        return np.array(fresh, bool)

    def best(self, count: int) -> np.ndarray:
        """Tokens [min(count, len), T] of the highest rewards; of equals the older first."""
        return self.tokens[np.argsort(-self.rewards, kind="stable")[:count]]

    def state(self) -> dict[str, np.ndarray]:
        return {"tokens": self.tokens, "rewards": self.rewards}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        self.tokens = np.array(state["tokens"], np.int32)
        self.rewards = np.array(state["rewards"], np.float32)
        self._known = set(_keys(self.tokens))


def _keys(tokens: np.ndarray) -> list[bytes]:
    return [row.tobytes() for row in np.ascontiguousarray(tokens, np.int32)]
