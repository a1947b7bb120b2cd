"""What an algorithm proposes at a time."""

import dataclasses

import numpy as np


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

    def __getitem__(self, rows) -> "SampleBatch":
        """The networks of these rows: a slice, positions or a mask."""
        return SampleBatch(self.tokens[rows], self.log_probs[rows])

    def __add__(self, other: "SampleBatch") -> "SampleBatch":
        return SampleBatch(
            np.concatenate([self.tokens, other.tokens]),
            np.concatenate([self.log_probs, other.log_probs]),
        )
