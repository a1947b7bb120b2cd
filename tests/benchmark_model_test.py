"""The files in testdata are what TensorFlow Lite's tool 2.14.1 printed, but for three.

benchmark_model_litert_python.txt is what litert-benchmark 2.3.0 printed; two are written after the
tools' formats: benchmark_model_percentiles.txt (newer builds), benchmark_model_litert.txt (LiteRT's
tool).
"""

import pathlib

import pytest

from tflite_bench.benchmark_model import LatencyStats, parse_output

TESTDATA = pathlib.Path(__file__).parent / "testdata"
GOOD = (
    "default",
    "single_run",
    "all_same",
    "op_profiling",
    "peak_memory",
    "slow",
    "percentiles",
    "litert",
    "litert_python",
    "no_xnnpack",
)
BAD = {
    "bad_model": "Benchmarking failed",
    "unconsumed_flag": "--bogus=1",
    "zero": "min_ms = 0.0",
}


def read(name):
    return (TESTDATA / f"benchmark_model_{name}.txt").read_text()


def parse_or_none(text):
    try:
        return parse_output(text)
    except ValueError:
        return None


def test_every_captured_file_is_read_by_a_test():
    captured = {
        path.stem.removeprefix("benchmark_model_") for path in TESTDATA.glob("benchmark_model_*")
    }
    assert captured == {*GOOD, *BAD}


def test_microseconds_of_the_timed_runs_become_milliseconds():
    # The file's last count= line and its result line, by hand.
    line = "count=625 first=1049 curr=1020 min=1008 max=9141 avg=1583.4 std=1420"
    assert line in read("default")
    assert parse_output(read("default")) == LatencyStats(
        count=625,
        mean_ms=pytest.approx(1.5834),
        min_ms=1.008,
        max_ms=9.141,
        std_ms=1.42,
        median_ms=None,
        init_ms=2.867,
    )


def test_a_single_run_is_its_own_minimum_maximum_and_median():
    assert "count=1 curr=2470" in read("single_run")
    stats = parse_output(read("single_run"))
    assert (stats.count, stats.std_ms) == (1, 0.0)
    assert stats.mean_ms == stats.min_ms == stats.max_ms == stats.median_ms == 2.47


def test_runs_that_all_took_as_long_are_read():
    assert "count=2 curr=3(all same)" in read("all_same")
    stats = parse_output(read("all_same"))
    assert (stats.count, stats.mean_ms, stats.max_ms) == (2, 0.003, 0.003)


def test_the_count_lines_of_operator_profiling_are_not_the_result():
    assert read("op_profiling").count("count=") == 6
    stats = parse_output(read("op_profiling"))
    assert (stats.count, stats.mean_ms) == (20, pytest.approx(2.4412))


def test_means_of_a_second_and_more_come_in_scientific_notation():
    assert "avg=2.38337e+06" in read("slow")
    assert parse_output(read("slow")).mean_ms == 2383.37


def test_newer_builds_tell_the_median():
    assert parse_output(read("percentiles")) == LatencyStats(
        count=50,
        mean_ms=1010.13,
        min_ms=1004.233,
        max_ms=1031.066,
        std_ms=4.12,
        median_ms=1009.377,
        init_ms=4.218,
    )


def test_the_litert_tool_is_read_in_milliseconds_and_finer_where_it_prints_both():
    stats = parse_output(read("litert"))
    assert stats.count == 50
    assert stats.mean_ms == pytest.approx(85.2314)
    assert stats.median_ms == 84.506
    assert stats.init_ms == 45.32

    only_summary = read("litert").partition("BENCHMARK RESULTS")[2]
    assert parse_output(only_summary) == LatencyStats(
        count=50,
        mean_ms=85.23,
        min_ms=82.10,
        max_ms=92.45,
        std_ms=3.21,
        median_ms=None,
        init_ms=45.32,
    )


def test_the_litert_python_tool_is_read():
    assert parse_output(read("litert_python")) == LatencyStats(
        count=50,
        mean_ms=2.07,
        min_ms=0.94,
        max_ms=9.0,
        std_ms=2.05,
        median_ms=0.98,
        init_ms=5.01,
    )


def test_the_litert_line_alone_is_a_result_and_invents_nothing():
    stats = parse_output("INFO: Inference (avg):  85.23 ms (50 runs)")
    assert stats == LatencyStats(50, 85.23, None, None, None, None, None)


@pytest.mark.parametrize("name", GOOD)
def test_output_cut_after_any_line_gives_the_whole_result_or_none(name):
    text = read(name)
    whole = parse_output(text)
    lines = text.splitlines(keepends=True)
    for end in range(len(lines)):
        assert parse_or_none("".join(lines[:end])) in (None, whole)


@pytest.mark.parametrize(
    "name", ["default", "single_run", "percentiles", "litert", "litert_python"]
)
def test_output_cut_after_any_character_gives_the_whole_result_or_none(name):
    text = read(name)
    whole = parse_output(text)
    for end in range(len(text)):
        assert parse_or_none(text[:end]) in (None, whole)


@pytest.mark.parametrize("name", GOOD)
def test_output_with_any_line_missing_gives_the_whole_result_or_none(name):
    whole = parse_output(read(name))
    lines = read(name).splitlines(keepends=True)
    for missing in range(len(lines)):
        stats = parse_or_none("".join(lines[:missing] + lines[missing + 1 :]))
        if name.startswith("litert"):  # a headline and values lost one by one may be left unsaid
            assert stats is None or stats.mean_ms == pytest.approx(whole.mean_ms, abs=0.005)
        else:
            assert stats in (None, whole)


@pytest.mark.parametrize("name", BAD)
def test_a_failure_is_told_in_one_line(name):
    with pytest.raises(ValueError, match=BAD[name]) as error:
        parse_output(read(name))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("avg=1583.4", "avg=nan", "contradicts"),
        ("(avg): 1583.4", "(avg): nan", "contradicts"),
        ("1583.4", "nan", "contradicts"),
        ("1583.4", "0", "mean_ms = 0.0, must be over 0"),
        ("1583.4", "-5", "mean_ms = -0.005, must be over 0"),
        ("1583.4", "inf", "must be over 0"),
        ("1583.4", "1O4", "where a number belongs"),
        ("max=9141", "max=1100", "contradicts itself"),
        ("min=1008", "", "lacks"),
        ("count=625 first=1049", "count=0 first=1049", "timed 0 runs"),
        ("Inference (avg): 1583.4", "", "cut short"),
    ],
)
def test_a_spoilt_number_is_refused(old, new, reason):
    assert old in read("default")
    with pytest.raises(ValueError, match=reason):
        parse_output(read("default").replace(old, new))


def test_fewer_runs_than_asked_for_are_refused():
    assert parse_output(read("default"), min_runs=625).count == 625
    with pytest.raises(ValueError, match="timed 625 runs, 626 were asked for"):
        parse_output(read("default"), min_runs=626)
    with pytest.raises(ValueError, match="timed 50 runs, 51 were asked for"):
        parse_output(read("litert"), min_runs=51)
    with pytest.raises(ValueError, match="timed 0 runs"):
        parse_output("Inference (avg):  85.23 ms (0 runs)", min_runs=0)


def test_two_results_in_one_text_are_refused():
    with pytest.raises(ValueError, match="several runs"):
        parse_output(read("default") + read("slow"))
    with pytest.raises(ValueError, match="several runs"):
        parse_output(read("litert") + read("litert_python"))


def test_a_result_line_printed_twice_over_is_one_result():
    lines = read("default").splitlines()
    doubled = [line for line in lines for _ in range(1 + ("timings in us" in line))]
    assert len(doubled) == len(lines) + 1
    assert parse_output("\n".join(doubled)) == parse_output(read("default"))


@pytest.mark.parametrize("text", ["", "\n", "error: device offline", "INFO: STARTING!\n"])
def test_text_without_a_result_is_refused(text):
    with pytest.raises(ValueError, match="no result"):
        parse_output(text)


def test_line_ends_of_an_android_shell_are_read():
    assert parse_output(read("default").replace("\n", "\r\n")) == parse_output(read("default"))
