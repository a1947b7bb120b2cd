"""Whether a phone still runs as fast as it did: a reference network timed now and then."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class DriftConfig:
    """When to look, and what to make of it.

    Attributes:
      every: measurements between two looks.
      max_drift: a phone that is slower or faster than at first by more than this share is set
        aside; what is less is corrected for, where it is more than repeats may lie apart.
    """

    every: int = 20
    max_drift: float = 0.2

    def __post_init__(self):
        if self.every < 1:
            raise ValueError(f"reference_every is {self.every!r}, must be 1 measurement or more")
        if not 0 < self.max_drift < 1:
            raise ValueError(
                f"max_drift is {self.max_drift!r}, must be between 0 and 1, 0.2 is 20 %"
            )


class Drift:
    """One phone's reference latency over time.

    Attributes:
      first_ms: what the reference took at first, None before.
      latest: the drift last seen: 0.07 where the phone had become 7 % slower.
    """

    def __init__(self, config: DriftConfig, max_spread: float, first_ms: float | None = None):
        self.first_ms, self.latest = first_ms, 0.0
        self._config, self._max_spread = config, max_spread
        self._since: int | None = None

    @property
    def due(self) -> bool:
        """Whether the reference is to be timed before the next network."""
        return self._since is None or self._since >= self._config.every

    def look(self, reference_ms: float) -> None:
        """Takes what the reference took just now."""
        if self.first_ms is None:
            self.first_ms = reference_ms
        self.latest = reference_ms / self.first_ms - 1
        self._since = 0

    def count(self) -> None:
        """One more network was timed."""
        self._since = (self._since or 0) + 1

    def look_again(self) -> None:
        """Makes the reference due, for a phone of which nobody knows what happened to it."""
        self._since = None

    @property
    def too_far(self) -> bool:
        """Whether the phone is to be set aside."""
        return abs(self.latest) > self._config.max_drift

    @property
    def notable(self) -> bool:
        """Whether it is more than repeats may lie apart."""
        return abs(self.latest) > self._max_spread

    def corrected(self, latency_ms: float) -> float:
        """What the latency would have been at first."""
        return latency_ms / (1 + self.latest) if self.notable else latency_ms
