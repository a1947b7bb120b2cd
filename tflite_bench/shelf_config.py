"""How patient to be with phones, and what is told of them."""

import dataclasses

from tflite_bench.drift import DriftConfig
from tflite_bench.roster import RosterConfig


@dataclasses.dataclass(frozen=True)
class Event:
    """Something that happened to the phones, for people to read.

    Attributes:
      kind: 'found', 'gone', 'hot', 'pause', 'failed', 'unfit', 'drift', 'set_aside', 'waiting' or
        'going_on'.
      serial: of the phone, '' where it is about all.
      message: one line.
      time: seconds since 1970.
    """

    kind: str
    serial: str
    message: str
    time: float


@dataclasses.dataclass(frozen=True)
class ShelfConfig:
    """Which phones, and how patient to be with them.

    Attributes:
      roster: which phones.
      drift: when the reference network is timed.
      poll_seconds: between two looks for phones while all are busy, hot or gone.
      aside_seconds: for so long a phone is left alone that failed twice or drifted too far.
      max_failures: of one network, on whatever phones, before its measurement is given up. That a
        phone is away or hot does not count, unless it goes away while this network runs.
    """

    roster: RosterConfig = dataclasses.field(default_factory=RosterConfig)
    drift: DriftConfig = dataclasses.field(default_factory=DriftConfig)
    poll_seconds: float = 1.0
    aside_seconds: float = 300.0
    max_failures: int = 4

    def __post_init__(self):
        if self.poll_seconds <= 0 or self.aside_seconds < 0 or self.max_failures < 1:
            raise ValueError(
                f"poll_seconds is {self.poll_seconds!r}, aside_seconds {self.aside_seconds!r}, "
                f"max_failures {self.max_failures!r}: must be over 0, 0 or more, 1 or more"
            )
