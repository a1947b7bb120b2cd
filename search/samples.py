"""What a search has sampled and not learned from yet."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from search.learning.sample_batch import SampleBatch
from search.search_space import Network, SearchSpace
from search.trials import Measured, Trial
from search.workdir import SettingsMismatch


@dataclasses.dataclass
class Sample:
    """A proposal of the algorithm.

    Attributes:
      number: of its trial, from 0.
      tokens: int32 [T].
      log_probs: float32 [T], under the policy that proposed it.
      network: that the tokens stand for.
      trial: None until it is known.
    """

    number: int
    tokens: np.ndarray
    log_probs: np.ndarray
    network: Network
    trial: Trial | None = None

    def becomes(self, measured: Measured, reused_from: int | None = None) -> Trial:
        """The trial that it is when this was measured, for itself or for an earlier trial."""
        return Trial(self.number, tuple(self.tokens.tolist()), measured, reused_from)

    def check(self, recorded: Trial) -> None:
        """Raises SettingsMismatch where the trial of its number is recorded with other tokens."""
        tokens = tuple(self.tokens.tolist())
        if recorded.tokens != tokens:
            raise SettingsMismatch(
                f"trial {recorded.trial} was recorded as {recorded.tokens}, but the search that "
                f"goes on samples {tokens}: another version of this program or another kind of "
                "processor made the workdir; go on there, or start in another --workdir"
            )


class Samples:
    """Samples that are outstanding, by their numbers, in the order in which they were proposed.

    Args:
      space: says which networks tokens stand for.
    """

    def __init__(self, space: SearchSpace):
        self._space = space
        self._outstanding: dict[int, Sample] = {}
        self._finished: list[int] = []

    def __len__(self) -> int:
        return len(self._outstanding)

    def __contains__(self, number: int) -> bool:
        return number in self._outstanding

    def add(self, batch: SampleBatch, numbers: Sequence[int]) -> list[Sample]:
        """Takes in a batch whose trials get these numbers."""
        new = [
            Sample(number, tokens, log_probs, self._space.decode(tokens))
            for number, tokens, log_probs in zip(
                numbers, batch.tokens, batch.log_probs, strict=True
            )
        ]
        self._outstanding |= {sample.number: sample for sample in new}
        return new

    def finish(self, trial: Trial) -> None:
        """What became of a sample."""
        self._outstanding[trial.trial].trial = trial
        self._finished.append(trial.trial)

    def ready(self, count: int, *, in_order: bool) -> list[Sample]:
        """So many samples to learn from; empty where there are not enough.

        Args:
          count: how many.
          in_order: the oldest, once all of them are finished, rather than those that finished
            first.
        """
        numbers = list(self._outstanding)[:count] if in_order else self._finished[:count]
        ready = [self._outstanding[number] for number in numbers]
        return ready if len(ready) == count and all(sample.trial for sample in ready) else []

    def drop(self, samples: Sequence[Sample]) -> None:
        """Forgets samples that were learned from."""
        numbers = {sample.number for sample in samples}
        for number in numbers:
            del self._outstanding[number]
        self._finished = [number for number in self._finished if number not in numbers]

    def state(self) -> dict[str, np.ndarray]:
        """The outstanding samples as arrays; empty where there are none."""
        samples = list(self._outstanding.values())
        if not samples:
            return {}
        return {
            "numbers": np.array([sample.number for sample in samples]),
            "tokens": np.stack([sample.tokens for sample in samples]),
            "log_probs": np.stack([sample.log_probs for sample in samples]),
        }

    def restore(self, state: dict[str, np.ndarray]) -> list[Sample]:
        """The samples of a `state()`, of which no trial is known yet."""
        if not state:
            return []
        batch = SampleBatch(state["tokens"], state["log_probs"])
        return self.add(batch, state["numbers"].tolist())


def as_batch(samples: Sequence[Sample]) -> SampleBatch:
    """Samples as the algorithm takes them back."""
    return SampleBatch(
        np.stack([sample.tokens for sample in samples]),
        np.stack([sample.log_probs for sample in samples]),
    )
