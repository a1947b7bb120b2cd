"""Repeats of one measurement, until they agree."""

import statistics
from collections.abc import Callable, Sequence

from tflite_bench.benchmark_tool import Output, ToolConfig, read_output
from tflite_bench.device_errors import UnsteadyError
from tflite_bench.measurement import Measurement, from_repeats


def agreeing(values: Sequence[float], repeats: int, max_spread: float) -> list[int] | None:
    """Which of some repeats agree: the tightest majority of them, at least `repeats`.

    A majority, so that a burst of other work may spoil a repeat or two, and a lucky few may not
    speak for a phone that is slower most of the time.

    Args:
      values: one per repeat, in any unit.
      repeats: fewer are not enough.
      max_spread: how far they may lie apart, (largest - smallest) / median.

    Returns:
      their places in `values`, in order, or None where no majority agrees.
    """
    needed = max(repeats, len(values) // 2 + 1)
    if len(values) < needed:
        return None
    order = sorted(range(len(values)), key=values.__getitem__)
    groups = [order[first : first + needed] for first in range(len(values) - needed + 1)]

    def spread(group: list[int]) -> float:
        return (values[group[-1]] - values[group[0]]) / statistics.median(
            values[place] for place in group
        )

    tightest = min(groups, key=spread)
    if spread(tightest) > max_spread:
        return None
    return sorted(tightest)


class Series:
    """The repeats of one network's measurement so far.

    Attributes:
      config: how it is timed.
      repeats_ms: what each repeat found.
      raw: what the tool printed in each.
    """

    def __init__(self, tflite: bytes, config: ToolConfig, quantization: str):
        self.config = config
        self.repeats_ms: list[float] = []
        self.raw: list[str] = []
        self._tflite, self._quantization = tflite, quantization
        self._runs: list[int] = []

    def repeat(self, run_tool: Callable[[], Output]) -> None:
        """One more repeat.

        Args:
          run_tool: runs the tool once.

        Raises:
          MeasurementError: where the network is at fault.
          DeviceError: where the surroundings are.
        """
        output = run_tool()
        if output.status >= 128:
            # The phone's memory may have been short for a moment; a network that is to blame
            # crashes the tool again.
            output = run_tool()
        stats = read_output(output, self.config)
        # The median shrugs off bursts of other work, where the tool tells it.
        self.repeats_ms.append(stats.mean_ms if stats.median_ms is None else stats.median_ms)
        self._runs.append(stats.count)
        self.raw.append(output.stdout)

    @property
    def settled(self) -> bool:
        """Whether the repeats agree.

        Raises:
          UnsteadyError: where they do not, and the number of tries is spent.
        """
        if self._agreeing() is not None:
            return True
        if len(self.repeats_ms) >= self.config.max_tries:
            figures = ", ".join(f"{value:.4g}" for value in self.repeats_ms)
            raise UnsteadyError(
                f"{len(self.repeats_ms)} repeats disagree by more than "
                f"{self.config.max_spread:.0%}: {figures} ms"
            )
        return False

    def measurement(self, **fields) -> Measurement:
        """What the repeats, which agree, say together.

        Args:
          **fields: those of Measurement that tell the device, the tool and the clock.
        """
        places = self._agreeing()
        return from_repeats(
            [self.repeats_ms[place] for place in places],
            tflite=self._tflite,
            runs=sum(self._runs[place] for place in places),
            warmup_runs=self.config.warmup_runs * len(places),
            num_threads=self.config.num_threads,
            clock="wall",
            quantization=self._quantization,
            tool="benchmark_model",
            delegate=self.config.delegate,
            discarded_ms=tuple(
                value for place, value in enumerate(self.repeats_ms) if place not in places
            ),
            raw=tuple(self.raw),
            **fields,
        )

    def _agreeing(self) -> list[int] | None:
        return agreeing(self.repeats_ms, self.config.repeats, self.config.max_spread)
