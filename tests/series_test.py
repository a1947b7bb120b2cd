"""Repeats, and what one run of the tool means."""

import pathlib

import pytest

from tflite_bench.benchmark_tool import Output, ToolConfig, arguments, load_tool, read_output
from tflite_bench.device_errors import ToolError, UnsteadyError
from tflite_bench.measurement import MeasurementError
from tflite_bench.series import Series, agreeing

TESTDATA = pathlib.Path(__file__).parent / "testdata"


def output(ms, runs=50):
    us = ms * 1000
    text = (
        f"INFO: count={runs} first={us} curr={us} min={us} max={us} avg={us} std=0\n"
        f"INFO: Inference timings in us: Init: 10, First inference: {us}, Warmup (avg): {us}, "
        f"Inference (avg): {us}\n"
    )
    return Output(0, text, "")


def read(name):
    return (TESTDATA / f"benchmark_model_{name}.txt").read_text()


@pytest.mark.parametrize(
    ("values", "places"),
    [
        ([10.0, 10.2], None),  # three are asked for
        ([10.0, 10.2, 10.4], [0, 1, 2]),  # .4 / 10.2 = 3.9 %
        ([10.0, 10.2, 10.6], None),  # .6 / 10.2 = 5.9 %
        ([10.0, 10.2, 15.0, 10.3], [0, 1, 3]),  # three of four are a majority
        ([10.0, 10.1, 10.2, 15.0, 15.1, 15.2], None),  # three of six are not
        ([10.0, 15.1, 15.2, 15.0, 12.0, 15.3], [1, 2, 3, 5]),  # the slow ones are in the majority
        ([15.0, 10.0, 10.1, 10.6, 10.2], [1, 2, 4]),  # the tightest three
    ],
)
def test_a_majority_of_at_least_so_many_repeats_must_agree(values, places):
    assert agreeing(values, repeats=3, max_spread=0.05) == places


def series_of(*latencies, **fields):
    series = Series(b"network", ToolConfig(**fields), "none")
    for ms in latencies:
        series.repeat(lambda ms=ms: output(ms))
    return series


def test_the_measurement_is_the_median_of_those_that_agree_and_keeps_the_others():
    series = series_of(10.0, 20.0, 10.2, 10.1)
    assert series.settled
    measurement = series.measurement(device="Pixel", tool_version="1")
    assert measurement.latency_ms == 10.1
    assert measurement.repeats_ms == (10.0, 10.2, 10.1)
    assert measurement.discarded_ms == (20.0,)
    assert measurement.spread == pytest.approx(0.2 / 10.1)
    assert (measurement.runs, measurement.warmup_runs) == (150, 30)
    assert len(measurement.raw) == 4


def test_repeats_that_do_not_agree_are_refused_with_the_figures():
    assert not series_of(10.0, 20.0, 30.0, max_tries=4).settled
    series = series_of(10.0, 20.0, 30.0, 40.0, max_tries=4)
    with pytest.raises(
        UnsteadyError, match=r"4 repeats disagree by more than 5%: 10, 20, 30, 40 ms"
    ):
        assert series.settled


def test_the_tools_median_is_taken_where_it_tells_one():
    series = Series(b"network", ToolConfig(), "none")
    series.repeat(lambda: Output(0, read("percentiles"), ""))
    assert series.repeats_ms == [1009.377]


def test_a_crash_may_be_an_accident_once():
    answers = [Output(139, "", "Segmentation fault"), output(10.0)]
    series = Series(b"network", ToolConfig(), "none")
    series.repeat(lambda: answers.pop(0))
    assert series.repeats_ms == [10.0]
    with pytest.raises(MeasurementError, match="crashes on the network, signal 11: Segmentation"):
        series.repeat(lambda: Output(139, "", "Segmentation fault"))


@pytest.mark.parametrize(
    ("answer", "error", "told"),
    [
        (Output(1, read("bad_model"), ""), MeasurementError, "refuses the network: "),
        (
            Output(0, read("zero").replace("count=2 ", "count=50 "), ""),
            MeasurementError,
            "min_ms = 0.0, must be over 0",
        ),
        (output(1.0, runs=49), MeasurementError, "49 runs, 50 were asked for, in at most 150 s"),
        (Output(0, read("unconsumed_flag"), ""), ToolError, "lacks a flag, it says 'WARN: Uncon"),
        (Output(1, "", "ERROR: Unknown command line flag 'x'"), ToolError, "lacks a flag"),
        (Output(126, "", "sh: not executable: 64-bit ELF file"), ToolError, "does not start: sh"),
        (Output(1, "", "CANNOT LINK EXECUTABLE: no libc++"), ToolError, "does not start"),
        (Output(3, "", "something"), ToolError, "exit status 3: something"),
        (Output(0, "INFO: STARTING!\n", ""), ToolError, "no result"),
    ],
)
def test_what_the_network_is_to_blame_for_is_told_from_what_the_tool_is(answer, error, told):
    with pytest.raises(error, match=told.replace("(", r"\(")) as raised:
        read_output(answer, ToolConfig())
    assert "\n" not in str(raised.value)


def test_a_network_that_falls_back_from_the_gpu_is_not_timed_as_if_it_ran_there():
    config = ToolConfig(use_gpu=True)
    with pytest.raises(MeasurementError, match="does not run on the GPU"):
        read_output(output(1.0), config)
    applied = "INFO: Explicitly applied GPU delegate, and the model graph will be completely ..."
    assert read_output(Output(0, output(1.0).stdout, applied), config).mean_ms == 1.0


def test_arguments_say_threads_runs_and_delegate():
    assert arguments(ToolConfig(num_threads=2, warmup_runs=11, runs=60), "a.tflite") == [
        "--graph=a.tflite",
        "--num_threads=2",
        "--warmup_runs=11",
        "--num_runs=60",
        "--min_secs=1",
        "--max_secs=150",
        "--use_xnnpack=true",
    ]
    assert "--use_gpu=true" in arguments(ToolConfig(use_gpu=True), "a.tflite")
    assert "--use_xnnpack=false" in arguments(ToolConfig(use_xnnpack=False), "a.tflite")
    assert "--enable_op_profiling=true" in arguments(ToolConfig(), "a.tflite", profile=True)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"runs": 0}, "runs is 0, must be a whole number >= 1"),
        ({"max_tries": 2}, "max_tries is 2, must be at least 3, the repeats"),
        ({"max_spread": 0.0}, "max_spread is 0.0, must be over 0"),
        ({"min_seconds": 200.0}, "must be 0 <= min_seconds <= max_seconds"),
    ],
)
def test_a_config_out_of_range_is_refused(fields, told):
    with pytest.raises(ValueError, match=told):
        ToolConfig(**fields)


def test_the_binary_knows_what_machine_it_is_for(tmp_path):
    path = tmp_path / "benchmark_model"
    path.write_bytes(b"\x7fELF\x02\x01" + bytes(12) + b"\xb7\x00" + bytes(44))  # 183: AArch64
    assert load_tool(str(path)).abi == "arm64-v8a"
    path.write_bytes(b"#!/bin/sh\n" + bytes(20))
    with pytest.raises(ValueError, match="is no binary for Android or Linux"):
        load_tool(str(path))
    with pytest.raises(ValueError, match="name TFLite's binary with --benchmark_model=PATH"):
        load_tool(None)
