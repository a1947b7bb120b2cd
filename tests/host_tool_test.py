"""The clock on this machine by a benchmark_model binary, here one that is scripted."""

import os
import pathlib
import sys

import pytest

from tflite_bench.benchmark_tool import BenchmarkTool, ToolConfig
from tflite_bench.device_errors import ToolError, UnsteadyError
from tflite_bench.host_tool import HostToolClock
from tflite_bench.measurement import MeasurementError
from tflite_bench.tflite_file import quantization_of, read_tflite

TESTDATA = pathlib.Path(__file__).parent / "testdata"
SMALL = (TESTDATA / "conv_8px.tflite").read_bytes()
LARGE = (TESTDATA / "conv_128px.tflite").read_bytes()
# Notes which file it times and takes as many microseconds as that has bytes.
PROGRAM = """
import os, sys
graph = dict(argument.split("=") for argument in sys.argv[1:])["--graph"]
with open(__file__ + ".log", "a") as log:
    log.write(os.path.basename(graph) + " ")
us = os.path.getsize(graph)
print("INFO: STARTING!")
print(f"INFO: count=50 first={us} curr={us} min={us} max={us} avg={us} std=0")
print(f"INFO: Inference timings in us: Init: 9, First inference: {us}, Warmup (avg): {us}, "
      f"Inference (avg): {us}")
"""


def clock(tmp_path, program=PROGRAM, config=ToolConfig(), **fields):  # noqa: B008
    path = tmp_path / "benchmark_model"
    path.write_text(f"#!{sys.executable}\n{program}")
    path.chmod(0o755)
    return HostToolClock(BenchmarkTool(str(path), b"", "c0ffee" * 10, "x86_64"), config, **fields)


def test_networks_take_turns_until_their_repeats_agree(tmp_path):
    small, large = clock(tmp_path).measure_interleaved([SMALL, LARGE])
    assert (small.latency_ms, large.latency_ms) == (len(SMALL) / 1e3, len(LARGE) / 1e3)
    assert (small.clock, small.tool, small.tool_version) == (
        "wall",
        "benchmark_model",
        "c0ffeec0ffee",
    )
    assert (small.spread, small.runs, small.warmup_runs, small.phone) == (0.0, 150, 30, None)
    log = (tmp_path / "benchmark_model.log").read_text()
    assert log.split() == ["0.tflite", "1.tflite"] * 3


def test_the_network_that_fails_is_named(tmp_path):
    refusing = "import sys\nprint('INFO: STARTING!')\nsys.exit('ERROR: unknown operator')\n"
    with pytest.raises(MeasurementError, match=r"'a.tflite': .* refuses the network: unknown op"):
        clock(tmp_path, refusing).measure_interleaved([SMALL], ["'a.tflite'"])


def test_a_crash_is_told_by_its_signal(tmp_path):
    crashing = "import os\nos.kill(os.getpid(), 11)\n"
    with pytest.raises(MeasurementError, match="crashes on the network, signal 11"):
        clock(tmp_path, crashing).measure(SMALL)


def test_a_network_that_hangs_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(ToolConfig, "limit_seconds", 0.3)
    with pytest.raises(MeasurementError, match=r"too slow or hangs: not done in 0.3 s"):
        clock(tmp_path, "import time\ntime.sleep(60)\n").measure(SMALL)


def test_a_machine_too_busy_to_agree_is_told(tmp_path):
    program = PROGRAM.replace("us = ", "us = len(open(__file__ + '.log').read()) * ")
    with pytest.raises(UnsteadyError, match="9 repeats disagree by more than 5%"):
        clock(tmp_path, program).measure(SMALL)


def test_cores_and_programs_that_are_not_there_are_told(tmp_path):
    with pytest.raises(ValueError, match="the cores --cpu_mask=8000000000000000 are not there"):
        clock(tmp_path, cpu_mask=1 << 63)
    gone = clock(tmp_path)
    os.remove(tmp_path / "benchmark_model")
    with pytest.raises(ToolError, match="benchmark_model cannot be run: No such file"):
        gone.measure(SMALL)


def test_quantization_is_read_off_the_file():
    assert quantization_of(SMALL) == "none"
    with pytest.raises(MeasurementError, match="is no valid TFLite file"):
        quantization_of(SMALL[:300])


def test_a_file_of_another_kind_is_refused():
    with pytest.raises(ValueError, match="is not a TFLite file, files that TFLiteConverter writes"):
        read_tflite(__file__)
