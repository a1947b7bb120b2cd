"""Milliseconds for the search: it and search/timing/ alone talk to tflite_bench's clocks."""

import dataclasses
from collections.abc import Callable

from mnasnet.architectures import Architecture, get_architecture
from mnasnet.stats import ModelStats
from search.evaluators import LatencyEvaluator, Network
from search.latency_tables.table_file import LatencyTable
from search.latency_tables.table_latency import PREFIX as TABLE
from search.latency_tables.table_latency import TableLatency
from search.timing import host_timer, phone_timer
from search.timing.estimated import ESTIMATES, PREFIX, EstimatedLatency
from search.timing.host_timer import HostTimer
from search.timing.measured import MeasuredLatency, Timer
from search.timing.phone_journal import PhoneJournal
from search.timing.phone_timer import PhoneTimer, SeveralModels
from search.timing.untrained import untrained_tflites
from tflite_bench.devices import DeviceConfig

# Those that time each network on a device, and those that do without.
CLOCKS = (host_timer.KIND, phone_timer.KIND)
KINDS = (*CLOCKS, *(f"{PREFIX}{device}" for device in ESTIMATES), f"{TABLE}FILE")
# By which drift is seen: quick to time, and its operators are the candidates'.
_DRIFT_REFERENCE = "mnasnet-small"


@dataclasses.dataclass(frozen=True)
class LatencyConfig:
    """How networks are timed.

    Attributes:
      kind: one of KINDS: 'host' (TFLite on this machine), 'phone', 'estimate:DEVICE', which is
        arithmetic, or 'table:FILE', a sum over operators that were timed.
      image_size: height and width of the images at which the latency counts.
      quantization: of the .tflite that is timed; see `tflite_bench.convert`.
      also: further quantizations that are timed and stand in the record beside the first.
      device: the clock of 'host' and of 'phone'.
      table: of the kind 'table:FILE', which it must be suitable for: what `load_checked` gave.
      several: how phones of several models make one latency; None where they are of one.

    Raises:
      ValueError: for an unknown kind, or what the kind has no use for.
    """

    kind: str = "host"
    image_size: int = 224
    quantization: str = "none"
    also: tuple[str, ...] = ()
    device: DeviceConfig = dataclasses.field(default_factory=DeviceConfig)
    several: SeveralModels | None = None
    table: LatencyTable | None = dataclasses.field(default=None, repr=False)

    def __post_init__(self):
        if self.kind not in KINDS[:-1] and self.table is None:
            raise ValueError(f"unknown latency {self.kind!r}, known are {', '.join(KINDS)}")
        if self.image_size < 1:
            raise ValueError(f"latency_image_size is {self.image_size}, must be 1 pixel or more")
        quantizations = (self.quantization, *self.also)
        if self.table is not None and self.also:
            raise ValueError(
                f"latency_quantization is {','.join(quantizations)!r}, a table is of one of them"
            )
        if self.table is None and not self.needs_clock and quantizations != ("none",):
            raise ValueError(
                f"latency_quantization is {','.join(quantizations)!r}, {self.kind} knows 'none' "
                "only"
            )
        if len(set(quantizations)) < len(quantizations):
            raise ValueError(
                f"latency_quantization is {','.join(quantizations)!r}, each may be named once"
            )
        if self.device.on_phones != (self.kind == phone_timer.KIND):
            raise ValueError(
                f"--latency={self.kind} does not time on phones, --latency=phone does"
                if self.device.on_phones
                else f"--latency={self.kind} needs phones: --device=auto, or their serials"
            )
        if self.several and self.kind != phone_timer.KIND:
            raise ValueError("--latency_over_devices is for --latency=phone only")

    @property
    def needs_clock(self) -> bool:
        """Whether each network is converted and timed."""
        return self.kind in CLOCKS

    @property
    def is_estimate(self) -> bool:
        """Whether no clock is asked."""
        return not self.needs_clock


def make_timer(
    config: LatencyConfig, num_classes: int, journal: PhoneJournal | None = None
) -> Timer | None:
    """The clock that a config asks for, once for all evaluators; None where it asks for none.

    Args:
      config: see there.
      num_classes: of the networks, so of the one by which drift is seen.
      journal: is told what happens to phones.

    Raises:
      ValueError: where the binary is none, or the models of the phones do not do.
      DeviceError: where no phone can be used.
    """
    if config.kind == host_timer.KIND:
        return HostTimer(config.device)
    if config.kind != phone_timer.KIND:
        return None

    def reference():
        [tflite] = untrained_tflites(
            get_architecture(_DRIFT_REFERENCE),
            image_size=config.image_size,
            num_classes=num_classes,
            quantizations=(config.quantization,),
        )
        return tflite

    journal = PhoneJournal() if journal is None else journal
    return PhoneTimer(config.device, reference, _DRIFT_REFERENCE, journal, config.several)


def make_latency(
    config: LatencyConfig,
    architecture_of: Callable[[Network], Architecture],
    count: Callable[[Network], ModelStats],
    num_classes: int,
    timer: Timer | None = None,
) -> LatencyEvaluator:
    """The latency evaluator that a config asks for.

    Args:
      config: see there.
      architecture_of: a network's blocks with stem and head around them.
      count: a network's statistics at `config.image_size`, for estimates.
      num_classes: of the classifier that is timed with the network.
      timer: made by `make_timer`; None to have one made.

    Raises:
      ValueError: as `make_timer`, or for a table of another number of classes.
    """
    if config.needs_clock:
        return MeasuredLatency(
            timer or make_timer(config, num_classes),
            config.image_size,
            (config.quantization, *config.also),
            architecture_of,
            num_classes,
        )
    if config.table is not None:
        return TableLatency(config.table, architecture_of, num_classes)
    return EstimatedLatency(config.kind, config.image_size, count, num_classes)
