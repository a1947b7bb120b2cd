"""Reads what TensorFlow Lite's benchmark_model prints; takes text, runs nothing.

Two tools have that name. TensorFlow Lite's own prints microseconds:

    INFO: count=953 first=1035 curr=1013 min=1002 max=2251 avg=1040.44 std=102

    INFO: Inference timings in us: Init: 3299, First inference: 2379, Warmup (avg): 1032.99, ...

LiteRT's prints milliseconds after a headline (and its Python twin `litert-benchmark` the like):

    Model initialization: 5.76 ms
    Inference (avg):      0.95 ms (1054 runs)
    Inference (min):      0.91 ms

An exit status cannot be trusted (some versions of adb report 0 when the connection drops), so the
text has to prove that it is whole.
"""

import dataclasses
import math
import re


@dataclasses.dataclass(frozen=True)
class LatencyStats:
    """Latency of one network over the runs that benchmark_model timed.

    Attributes:
      count: runs.
      mean_ms: of all runs.
      min_ms: the fastest; None where the text does not say.
      max_ms: the slowest; None where the text does not say.
      std_ms: standard deviation; None where the text does not say.
      median_ms: None from tools that do not print it.
      init_ms: time to load the network; None where the text does not say.
    """

    count: int
    mean_ms: float
    min_ms: float | None
    max_ms: float | None
    std_ms: float | None
    median_ms: float | None
    init_ms: float | None


class UselessResultError(ValueError):
    """The text is whole and its result is of no use: zero, NaN, too few runs.

    Unlike the other refusals this one speaks about the network that was timed.
    """


def parse_output(text: str, *, min_runs: int = 1) -> LatencyStats:
    """The result in what benchmark_model printed.

    Args:
      text: its standard output, from its first line to its last.
      min_runs: fewer timed runs are refused.

    Raises:
      ValueError: where the text does not prove a result: it is cut short, has no result or several,
        contradicts itself, or says that the tool ignored a flag; as a UselessResultError for a zero
        or NaN, or fewer runs than asked for.
    """
    lines = [line.strip() for line in text.splitlines()]
    for line in lines:
        if "Unconsumed cmdline flags" in line or "Benchmarking failed" in line:
            raise ValueError(f"benchmark_model says {line!r}")
    if any(_TIMINGS in line for line in lines):
        stats = _read_tflite(lines)
    else:
        stats = _read_litert(lines)
    _check(stats, min_runs)
    return stats


_TIMINGS = "Inference timings in us:"
# With operator profiling 'Timings (microseconds): count=' and 'Memory (bytes): count=' follow.
_COUNT = re.compile(r"(?:INFO: )?count=(\d+)(?: (.*))?")
_LITERT = re.compile(
    r"(?P<what>Model initialization|Inference \((?:avg|min|max|median|std)\)):"
    r"\s+(?P<value>nan|-?inf|-?\d+\.\d\d+)(?: ms)?(?: \((?P<runs>\d+) runs\))?(?:\s|$)",
    re.IGNORECASE,
)
_LITERT_HEADLINE = re.compile(r"BENCHMARK RESULTS|Model initialization:|Warmup \(")


def _read_tflite(lines: list[str]) -> LatencyStats:
    timings = [number for number, line in enumerate(lines) if _TIMINGS in line]
    # Some builds print the line twice over.
    if len({lines[number] for number in timings}) > 1:
        raise ValueError("benchmark_model printed the results of several runs, expected one")
    fields = dict(re.findall(r"(Init|Inference \(avg\)): ([^\s,]+)", lines[timings[0]]))
    if len(fields) < 2:
        raise ValueError(f"benchmark_model's result line is cut short: {lines[timings[0]]!r}")
    stats = _last_count(lines[: timings[0]])
    if stats is None:
        raise ValueError(f"benchmark_model printed no 'count=' line before {_TIMINGS!r}")
    mean_ms = _number(fields["Inference (avg)"]) / 1e3
    # Both are printed with six digits; a number cut short, or the warm-up's line, is further off.
    if not math.isclose(mean_ms, stats.mean_ms, rel_tol=1e-4):
        raise ValueError(
            f"benchmark_model contradicts itself: a mean of {stats.mean_ms} and of {mean_ms} ms"
        )
    return dataclasses.replace(stats, init_ms=_number(fields["Init"]) / 1e3)


def _last_count(lines: list[str]) -> LatencyStats | None:
    """The last 'count=' line, in microseconds, or None where there is none."""
    matches = [match for match in map(_COUNT.fullmatch, lines) if match]
    if not matches:
        return None
    count = int(matches[-1][1])
    if count == 0:
        raise ValueError("benchmark_model timed 0 runs")
    fields = {
        key: _number(value) / 1e3
        for key, value in re.findall(r"(\w+)=([^\s(]+)", matches[-1][2] or "")
    }
    if "avg" not in fields and "curr" in fields:
        # A single run, or all alike: 'count=1 curr=2284', 'count=50 curr=31(all same)'.
        fields |= dict.fromkeys(("avg", "min", "max", "median"), fields["curr"]) | {"std": 0.0}
    missing = {"avg", "min", "max", "std"} - fields.keys()
    if missing:
        raise ValueError(f"benchmark_model's line {matches[-1][0]!r} lacks {sorted(missing)}")
    return LatencyStats(
        count=count,
        mean_ms=fields["avg"],
        min_ms=fields["min"],
        max_ms=fields["max"],
        std_ms=fields["std"],
        median_ms=fields.get("median"),
        init_ms=None,
    )


def _read_litert(lines: list[str]) -> LatencyStats:
    found, count, first = {}, 0, len(lines)
    for number, line in enumerate(lines):
        match = _LITERT.search(line)
        if not match:
            continue
        what = match["what"].lower()
        if what in found:
            raise ValueError("benchmark_model printed the results of several runs, expected one")
        found[what] = _number(match["value"])
        if what == "inference (avg)":
            count, first = int(match["runs"] or 0), number
    if "inference (avg)" not in found:
        raise ValueError("benchmark_model printed no result, its output may be cut short")
    needed = {"model initialization", *(f"inference ({what})" for what in ("min", "max", "std"))}
    # Under a headline these lines follow; without them the output is cut short.
    if any(_LITERT_HEADLINE.search(line) for line in lines) and needed - found.keys():
        raise ValueError(
            f"benchmark_model's results are cut short, they lack {sorted(needed - found.keys())}"
        )
    stats = LatencyStats(
        count=count,
        mean_ms=found["inference (avg)"],
        min_ms=found.get("inference (min)"),
        max_ms=found.get("inference (max)"),
        std_ms=found.get("inference (std)"),
        median_ms=found.get("inference (median)"),
        init_ms=found.get("model initialization"),
    )
    # LiteRT's tool prints the other tool's line as well, which is finer and has the median.
    fine = _last_count(lines[:first])
    if fine is None:
        return stats
    if fine.count != stats.count or abs(fine.mean_ms - stats.mean_ms) > 0.006:
        raise ValueError(
            f"benchmark_model contradicts itself: {fine.count} runs of {fine.mean_ms} ms and "
            f"{stats.count} of {stats.mean_ms} ms"
        )
    return dataclasses.replace(fine, init_ms=stats.init_ms)


def _check(stats: LatencyStats, min_runs: int) -> None:
    if stats.count < max(min_runs, 1):
        raise UselessResultError(
            f"benchmark_model timed {stats.count} runs, {min_runs} were asked for"
        )
    for field in dataclasses.fields(stats):
        value = getattr(stats, field.name)
        least_is_zero = field.name in ("std_ms", "init_ms")
        if value is None or (
            math.isfinite(value) and (value > 0 or (least_is_zero and value == 0))
        ):
            continue
        raise UselessResultError(f"benchmark_model says {field.name} = {value}, must be over 0")
    # The mean is printed with six digits, the others as whole microseconds or hundredths of a ms.
    slack = 1e-5 * stats.mean_ms + 0.01
    low = stats.mean_ms if stats.min_ms is None else stats.min_ms
    high = stats.mean_ms if stats.max_ms is None else stats.max_ms
    if not low - slack <= stats.mean_ms <= high + slack:
        raise ValueError(
            f"benchmark_model contradicts itself: a mean of {stats.mean_ms} ms between {low} "
            f"and {high} ms"
        )


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"benchmark_model printed {text!r} where a number belongs") from None
