"""Milliseconds for the search: the one module of it that talks to tflite_bench."""

import dataclasses
from collections.abc import Callable, Sequence
from importlib import metadata

from mnasnet.architectures import Architecture
from mnasnet.latency_estimate import ESTIMATE_NOTE, pixel1_latency_ms
from mnasnet.stats import ModelStats
from search.evaluators import Evaluation, Infeasible, LatencyEvaluator, Network
from tflite_bench.host import HostClock, HostConfig

ESTIMATES = {"pixel1": (pixel1_latency_ms, ESTIMATE_NOTE)}
KINDS = ("host", *(f"estimate:{device}" for device in ESTIMATES))


@dataclasses.dataclass(frozen=True)
class LatencyConfig:
    """How networks are timed.

    Attributes:
      kind: one of KINDS: 'host' (TFLite on this machine) or 'estimate:DEVICE' (arithmetic).
      image_size: height and width of the images at which the latency counts.
      quantization: of the .tflite that is timed; see `tflite_bench.convert`.
      host: of the clock on this machine.

    Raises:
      ValueError: for an unknown kind, or a quantization for an estimate, which knows float32 only.
    """

    kind: str = "host"
    image_size: int = 224
    quantization: str = "none"
    host: HostConfig = dataclasses.field(default_factory=HostConfig)

    def __post_init__(self):
        if self.kind not in KINDS:
            raise ValueError(f"unknown latency {self.kind!r}, known are {', '.join(KINDS)}")
        if self.image_size < 1:
            raise ValueError(f"latency_image_size is {self.image_size}, must be 1 pixel or more")
        if self.kind != "host" and self.quantization != "none":
            raise ValueError(
                f"latency_quantization is {self.quantization!r}, {self.kind} knows 'none' only"
            )

    @property
    def is_estimate(self) -> bool:
        """Whether no clock is asked."""
        return self.kind.startswith("estimate:")


def make_latency(
    config: LatencyConfig,
    architecture_of: Callable[[Network], Architecture],
    count: Callable[[Network], ModelStats],
    num_classes: int,
) -> LatencyEvaluator:
    """The latency evaluator that a config asks for.

    Args:
      config: see there.
      architecture_of: a network's blocks with stem and head around them.
      count: a network's statistics at `config.image_size`, for estimates.
      num_classes: of the classifier that is timed with the network.
    """
    if config.kind == "host":
        return HostLatency(config, architecture_of, num_classes)
    return EstimatedLatency(config, count, num_classes)


class EstimatedLatency:
    """Latency by arithmetic: no clock, the same number every time."""

    def __init__(
        self, config: LatencyConfig, count: Callable[[Network], ModelStats], num_classes: int
    ):
        self._estimate, self.note = ESTIMATES[config.kind.partition(":")[2]]
        self._count = count
        self.settings = {
            "kind": config.kind,
            "image_size": config.image_size,
            "num_classes": num_classes,
        }
        self.description = f"{self.note}, {config.image_size} px"

    def measure(self, network: Network) -> Evaluation:
        """See LatencyEvaluator; UnknownOperation for a network that the estimate cannot price."""
        return self.measure_all([network])[0]

    def measure_all(self, networks: Sequence[Network]) -> list[Evaluation]:
        """`measure` of many at once."""
        record = {"kind": self.settings["kind"], "note": self.note}
        return [Evaluation(self._estimate(self._count(network)), record) for network in networks]


class HostLatency:
    """Latency on this machine: the untrained network, converted to TFLite and timed."""

    def __init__(
        self,
        config: LatencyConfig,
        architecture_of: Callable[[Network], Architecture],
        num_classes: int,
    ):
        self._config, self._architecture_of = config, architecture_of
        self._num_classes = num_classes
        self._clock = HostClock(config.host)
        self.settings = {
            **dataclasses.asdict(config),
            "num_classes": num_classes,
            "device": self._clock.device,
            "tool_version": metadata.version("ai-edge-litert"),
        }
        threads = config.host.num_threads
        self.description = (
            f"TFLite on the host ({self._clock.device}), {threads} thread"
            f"{'s' if threads > 1 else ''}, {config.image_size} px, "
            f"{'float32' if config.quantization == 'none' else config.quantization}, median "
            f"{'wall' if threads > 1 else 'CPU'} time of an inference"
        )

    def measure(self, network: Network) -> Evaluation:
        """See LatencyEvaluator."""
        # Imported here: TensorFlow takes seconds, and estimates do without.
        import numpy as np
        import tf_keras

        from mnasnet.model import build_model
        from tflite_bench.convert import ConversionError, to_tflite
        from tflite_bench.measurement import MeasurementError

        size = self._config.image_size
        calibration = None
        if self._config.quantization == "int8":
            rng = np.random.default_rng(0)
            calibration = [rng.uniform(0, 255, (1, size, size, 3)).astype(np.float32)]
        tf_keras.backend.clear_session()
        model = build_model(
            self._architecture_of(network), num_classes=self._num_classes, image_size=size
        )
        try:
            tflite = to_tflite(
                model, quantization=self._config.quantization, representative=calibration
            )
            measurement = self._clock.measure(tflite)
        except (ConversionError, MeasurementError) as error:
            raise Infeasible(str(error)) from error
        record = {"kind": "host", **dataclasses.asdict(measurement)}
        return Evaluation(measurement.latency_ms, record)
