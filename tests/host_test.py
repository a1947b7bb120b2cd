"""The networks in testdata are two 3x3 convolutions of 8 filters on 8 and on 128 px images, and one
operator that TFLite does not know."""

import hashlib
import pathlib

import pytest

from tflite_bench import host
from tflite_bench.host import HostClock, HostConfig, cpu_model
from tflite_bench.measurement import MeasurementError

pytestmark = pytest.mark.tensorflow

TESTDATA = pathlib.Path(__file__).parent / "testdata"
SMALL = (TESTDATA / "conv_8px.tflite").read_bytes()
# 256 times the multiply-adds of SMALL.
LARGE = (TESTDATA / "conv_128px.tflite").read_bytes()
QUICK = HostConfig(min_seconds=0.01)


def test_a_measurement_tells_how_it_came_about():
    measurement = HostClock().measure(SMALL)
    assert measurement.latency_ms > 0
    assert min(measurement.repeats_ms) <= measurement.latency_ms <= max(measurement.repeats_ms)
    assert len(measurement.repeats_ms) == HostConfig.repeats
    assert measurement.runs >= 50
    assert measurement.warmup_runs >= 10
    assert (measurement.num_threads, measurement.clock) == (1, "cpu")
    assert measurement.device == cpu_model() != ""
    assert (measurement.tool, measurement.quantization) == ("ai-edge-litert", "none")
    assert measurement.tool_version[0].isdigit()
    assert measurement.model_sha256 == hashlib.sha256(SMALL).hexdigest()
    assert measurement.measured_at.endswith("+00:00")


def test_a_network_of_256_times_the_work_is_slower():
    small, large = HostClock(QUICK).measure_interleaved([SMALL, LARGE])
    assert large.latency_ms > 5 * small.latency_ms


def test_more_threads_are_timed_by_the_wall():
    measurement = HostClock(HostConfig(num_threads=2, min_seconds=0.01)).measure(LARGE)
    assert (measurement.num_threads, measurement.clock) == (2, "wall")


def test_a_slow_network_gets_fewer_runs_but_one_a_repeat():
    config = HostConfig(runs=10**9, warmup_runs=10**9, max_seconds=0.05, min_seconds=0.0)
    measurement = HostClock(config).measure(LARGE)
    assert 5 <= measurement.runs < 10**9
    assert 1 <= measurement.warmup_runs < 10**9


def test_several_networks_take_turns(monkeypatch):
    order = []

    class Stopwatch:
        runs, warmup_runs, quantization = 1, 1, "none"

        def __init__(self, tflite, name, config):
            self.name, self.repeats_ms = name, []

        def warm_up(self):
            order.append(f"warm {self.name}")

        def repeat(self):
            order.append(self.name)
            self.repeats_ms.append(float(len(order)))

    monkeypatch.setattr(host, "_Stopwatch", Stopwatch)
    measured = HostClock(HostConfig(repeats=3)).measure_interleaved([b"x", b"y"], ["a", "b"])
    assert order == ["warm a", "warm b", "a", "b", "a", "b", "a", "b"]
    assert [measurement.repeats_ms for measurement in measured] == [(3, 5, 7), (4, 6, 8)]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no network",
        bytes(1000),
        SMALL[:1000],
        SMALL[: len(SMALL) // 2],
        b"\x1c\0\0\0TFL3" * 9,
    ],
    ids=["empty", "text", "zeros", "cut", "half", "head"],
)
def test_bytes_that_are_no_network_raise(content):
    with pytest.raises(MeasurementError, match="the network does not load: ") as error:
        HostClock().measure(content)
    assert "\n" not in str(error.value)


def test_an_operator_that_tflite_does_not_know_raises():
    with pytest.raises(MeasurementError, match="BesselI0"):
        HostClock().measure((TESTDATA / "custom_op.tflite").read_bytes())


def test_an_error_names_the_network_that_failed():
    with pytest.raises(MeasurementError, match="second does not load"):
        HostClock(QUICK).measure_interleaved([SMALL, b"?"], ["first", "second"])


def test_a_clock_that_stands_still_raises(monkeypatch):
    monkeypatch.setattr(host.time, "thread_time_ns", lambda: 7)
    with pytest.raises(MeasurementError, match="must be over 0"):
        HostClock(QUICK).measure(SMALL)


def test_loading_a_network_says_nothing_on_stderr(capfd):
    HostClock(QUICK).measure(SMALL)
    with pytest.raises(MeasurementError):
        HostClock(QUICK).measure(b"?")
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("field", ["num_threads", "warmup_runs", "runs", "repeats"])
@pytest.mark.parametrize("value", [0, -1, 1.5])
def test_a_config_out_of_range_is_refused(field, value):
    with pytest.raises(ValueError, match=f"{field} is {value}, must be a whole number >= 1"):
        HostConfig(**{field: value})


def test_a_minimum_above_the_maximum_is_refused():
    with pytest.raises(ValueError, match="min_seconds is 2 and max_seconds 1"):
        HostConfig(min_seconds=2, max_seconds=1)
