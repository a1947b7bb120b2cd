"""Operator profiles of captured outputs; see benchmark_model_test for where they come from."""

import pathlib

import pytest

from tflite_bench.op_profile import Operator, Profile, parse_profile, side_by_side

TESTDATA = pathlib.Path(__file__).parent / "testdata"


def read(name):
    return (TESTDATA / f"benchmark_model_{name}.txt").read_text()


def test_operators_come_in_run_order_with_their_mean_times():
    # The two lines under the last 'Run Order', and the two about memory.
    assert parse_profile(read("no_xnnpack")) == Profile(
        operators=(
            Operator("CONV_2D", "[model_1/conv2d_1/Relu;model_1/conv2d_1/Conv2D]:0", 1.076),
            Operator("CONV_2D", "[out]:1", 2.667),
        ),
        peak_memory_mb=13.9023,
        network_memory_mb=8.92188,
    )


def test_kinds_of_operators_are_summed_as_the_tool_sums_them():
    profile = parse_profile(read("op_profiling"))
    kinds = profile.by_type()
    assert len(profile.operators) == 109
    # The tool's own summary by node type says 50 of 1.525 ms and 15 of 0.729 ms, rounded each.
    assert next(iter(kinds)) == "Convolution (NHWC, F32) GEMM"
    assert kinds["Convolution (NHWC, F32) GEMM"] == (50, pytest.approx(1.525, abs=0.03))
    assert kinds["Convolution (NHWC, F32) DWConv"] == (15, pytest.approx(0.729, abs=0.01))
    assert profile.peak_memory_mb is None
    assert profile.network_memory_mb == 14.2305


@pytest.mark.parametrize("name", ["op_profiling", "no_xnnpack"])
def test_output_cut_after_any_line_gives_all_operators_or_none(name):
    whole = parse_profile(read(name))
    lines = read(name).splitlines(keepends=True)
    refused = 0
    for end in range(len(lines)):
        try:
            assert parse_profile("".join(lines[:end])) == whole
        except ValueError:
            refused += 1
    # All but the empty lines at the end are needed.
    assert refused >= len("".join(lines).rstrip().splitlines())


@pytest.mark.parametrize("name", ["op_profiling", "no_xnnpack"])
def test_a_missing_operator_is_noticed(name):
    text = read(name)
    row = text.partition("Regular Benchmark Runs:")[2].splitlines(keepends=True)[3]
    first = text.rindex(row, 0, text.rindex("Top by Computation Time"))
    with pytest.raises(ValueError, match="and says it observed"):
        parse_profile(text[:first] + text[first + len(row) :])


@pytest.mark.parametrize("name", ["default", "litert"])
def test_output_without_profiling_is_no_profile(name):
    with pytest.raises(ValueError, match="printed no profile of operators"):
        parse_profile(read(name))


def test_networks_stand_side_by_side_the_slowest_kind_first():
    one = Profile((Operator("CONV", "a", 3.0), Operator("ADD", "b", 1.0)), 10.0, None)
    two = Profile((Operator("ADD", "a", 0.5), Operator("ADD", "b", 0.5)), None, None)
    heads, rows = side_by_side(["one", "two"], [one, two])
    assert heads == ["operator", "one", "ms", "%", "two", "ms", "%"]
    assert rows == [
        ["CONV", "1 x", "3.000", "75.0", "0 x", "0.000", "0.0"],
        ["ADD", "1 x", "1.000", "25.0", "2 x", "1.000", "100.0"],
        ["all operators", "2 x", "4.000", "100.0", "2 x", "1.000", "100.0"],
        ["peak memory (MB)", "", "10.0", "", "", "?", ""],
    ]
