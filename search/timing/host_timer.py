"""The clock on this machine, as a search asks it."""

import dataclasses
import threading
from importlib import metadata

from search.evaluators import Evaluation
from search.timing.tool_settings import tool_in_words, tool_settings
from tflite_bench.devices import DeviceConfig, host_clock

KIND = "host"


class HostTimer:
    """A Timer on this machine: LiteRT, or the official binary where one is given.

    Args:
      device: how to time.

    Raises:
      ValueError: where the binary is none.
    """

    at_once = None

    def __init__(self, device: DeviceConfig):
        self._clock = host_clock(device)
        # Two at once would disturb each other.
        self._one_at_a_time = threading.Lock()
        self.settings = {"kind": KIND, "device": self._clock.device}
        if device.benchmark_model is None:
            threads = device.host.num_threads
            self.settings["host"] = dataclasses.asdict(device.host)
            self.settings["tool_version"] = metadata.version("ai-edge-litert")
            self.description = (
                f"TFLite on the host ({self._clock.device}), {threads} thread"
                f"{'s' if threads > 1 else ''}, median {'wall' if threads > 1 else 'CPU'} time of "
                "an inference"
            )
            return
        self.settings |= tool_settings(device)
        cores = ""
        if device.cpu_mask is not None:
            self.settings["cpu_mask"] = f"{device.cpu_mask:x}"
            cores = f", cores {device.cpu_mask:x}"
        self.description = (
            f"TFLite's benchmark_model on the host ({self._clock.device}{cores}), "
            f"{tool_in_words(device)}, median wall time of an inference"
        )

    def time(self, tflite: bytes) -> Evaluation:
        """See Timer."""
        with self._one_at_a_time:
            measurement = self._clock.measure(tflite)
        return Evaluation(measurement.latency_ms, {"kind": KIND, **dataclasses.asdict(measurement)})
