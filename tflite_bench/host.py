"""Times .tflite networks on the machine that this runs on.

A host is for trying things out: its latencies rank networks much as their multiply-adds do, which
is what phones do not.

With one thread the clock is the CPU time of the thread that runs the interpreter. On a shared
machine it varies by some 5 % where wall time varies by 40 %. With more threads that clock would
see one of them only, so it is wall time then, and the measurement says so.
"""

import contextlib
import dataclasses
import statistics
import time
from collections.abc import Iterator, Sequence
from importlib import metadata

from tflite_bench.chatter import silenced
from tflite_bench.measurement import Measurement, MeasurementError, from_repeats
from tflite_bench.tflite_file import quantization_of

_PACKAGE = "ai-edge-litert"


@dataclasses.dataclass(frozen=True)
class HostConfig:
    """How long and how often to look at the clock.

    Attributes:
      num_threads: for the interpreter, >= 1.
      warmup_runs: untimed inferences before the first repeat.
      runs: timed inferences in all repeats together, at least.
      repeats: parts into which the runs are divided; they tell the spread.
      min_seconds: timed inferences go on for at least so long, in all repeats together.
      max_seconds: wall time for one network, about; a slow network gets fewer runs to keep it, but
        never fewer than one a repeat.
    """

    num_threads: int = 1
    warmup_runs: int = 10
    runs: int = 50
    repeats: int = 5
    min_seconds: float = 0.1
    max_seconds: float = 30.0

    def __post_init__(self):
        for field in ("num_threads", "warmup_runs", "runs", "repeats"):
            value = getattr(self, field)
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{field} is {value!r}, must be a whole number >= 1")
        if not 0 <= self.min_seconds <= self.max_seconds:
            raise ValueError(
                f"min_seconds is {self.min_seconds!r} and max_seconds {self.max_seconds!r}, "
                "must be 0 <= min_seconds <= max_seconds"
            )


class HostClock:
    """A clock on this machine, by LiteRT's interpreter with XNNPACK.

    Attributes:
      config: a HostConfig.
      device: the model of the CPU.
    """

    def __init__(self, config: HostConfig = HostConfig()):
        self.config = config
        self.device = cpu_model()

    def measure(self, tflite: bytes) -> Measurement:
        """The latency of one network.

        Args:
          tflite: content of a .tflite file.

        Raises:
          MeasurementError: where it cannot be loaded or run, or the clock gives no usable number.
        """
        return self.measure_interleaved([tflite])[0]

    def measure_interleaved(
        self, tflites: Sequence[bytes], names: Sequence[str] | None = None
    ) -> list[Measurement]:
        """The latencies of several networks, their repeats in turn, so that drift hits all alike.

        Args:
          tflites: contents of .tflite files.
          names: what errors call them.

        Raises:
          MeasurementError: as `measure`, for the first network that fails.
        """
        names = names or ["the network"] * len(tflites)
        stopwatches = [
            _Stopwatch(tflite, name, self.config)
            for tflite, name in zip(tflites, names, strict=True)
        ]
        for stopwatch in stopwatches:
            stopwatch.warm_up()
        for _ in range(self.config.repeats):
            for stopwatch in stopwatches:
                stopwatch.repeat()
        return [
            from_repeats(
                stopwatch.repeats_ms,
                tflite=tflite,
                runs=stopwatch.runs,
                warmup_runs=stopwatch.warmup_runs,
                num_threads=self.config.num_threads,
                clock="cpu" if self.config.num_threads == 1 else "wall",
                device=self.device,
                tool=_PACKAGE,
                tool_version=metadata.version(_PACKAGE),
                quantization=stopwatch.quantization,
            )
            for tflite, stopwatch in zip(tflites, stopwatches, strict=True)
        ]


class _Stopwatch:
    """One network, loaded, and the times it took so far."""

    def __init__(self, tflite: bytes, name: str, config: HostConfig):
        from ai_edge_litert.interpreter import Interpreter

        self._name, self._config = name, config
        self._now = time.thread_time_ns if config.num_threads == 1 else time.perf_counter_ns
        self.repeats_ms: list[float] = []
        self.runs = self.warmup_runs = 0
        with self._failures_named("does not load"), silenced():
            self._interpreter = Interpreter(model_content=tflite, num_threads=config.num_threads)
            self._interpreter.allocate_tensors()
            _fill_inputs(self._interpreter)
        self.quantization = quantization_of(tflite)

    def warm_up(self) -> None:
        share = self._config.max_seconds / (self._config.repeats + 1)
        deadline = time.monotonic() + share
        while self.warmup_runs < self._config.warmup_runs:
            self._run()
            self.warmup_runs += 1
            if time.monotonic() >= deadline:
                break

    def repeat(self) -> None:
        """One more part of the timed runs."""
        config = self._config
        if self.warmup_runs >= config.warmup_runs:
            # Another network may have run since: bring this one's weights back into the caches.
            # (A slow network, whose warm-up was cut short, has neither time nor need for that.)
            self._run()
            self.warmup_runs += 1
        start = time.monotonic()
        times_ns = []
        while True:
            times_ns.append(self._run())
            elapsed = time.monotonic() - start
            enough = len(times_ns) * config.repeats >= config.runs
            if enough and elapsed * config.repeats >= config.min_seconds:
                break
            if elapsed * (config.repeats + 1) >= config.max_seconds:
                break
        self.runs += len(times_ns)
        self.repeats_ms.append(statistics.median(times_ns) / 1e6)

    def _run(self) -> int:
        """Nanoseconds of one inference."""
        with self._failures_named("does not run"):
            start = self._now()
            self._interpreter.invoke()
            return self._now() - start

    @contextlib.contextmanager
    def _failures_named(self, what: str) -> Iterator[None]:
        """Turns the interpreter's errors into one line that says which network fails and how."""
        try:
            yield
        except (ValueError, RuntimeError) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise MeasurementError(f"{self._name} {what}: {reason}") from error


def cpu_model() -> str:
    """What the machine calls its processor."""
    try:
        with open("/proc/cpuinfo") as lines:
            for line in lines:
                key, _, value = line.partition(":")
                # x86 says the first, most ARM boards the others.
                if key.strip() in ("model name", "Model", "Hardware") and value.strip():
                    return value.strip()
    except OSError:
        pass
    import platform

    return platform.processor() or platform.machine() or "unknown CPU"


def _fill_inputs(interpreter) -> None:
    """Random inputs. What they hold hardly matters; zeros and NaN could make a difference."""
    import numpy as np

    rng = np.random.default_rng(0)
    for tensor in interpreter.get_input_details():
        if np.issubdtype(tensor["dtype"], np.integer):
            values = rng.integers(0, 128, tensor["shape"])
        else:
            values = rng.uniform(0, 1, tensor["shape"])
        interpreter.set_tensor(tensor["index"], values.astype(tensor["dtype"]))
