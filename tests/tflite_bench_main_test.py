"""`python -m tflite_bench.main`, as a user runs it; see host_test for the networks."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

pytestmark = pytest.mark.tensorflow

ROOT = pathlib.Path(__file__).parent.parent
TESTDATA = ROOT / "tests" / "testdata"
SMALL, LARGE = TESTDATA / "conv_8px.tflite", TESTDATA / "conv_128px.tflite"


def run(*arguments):
    done = subprocess.run(
        [sys.executable, "-m", "tflite_bench.main", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
    )
    return done.returncode, done.stdout, done.stderr


def test_a_table_has_a_line_for_each_network_and_says_what_measured():
    status, stdout, stderr = run(f"--tflite={SMALL},{LARGE}", "--device=host", "--runs=60")
    assert (status, stderr) == (0, "")
    head, small, large, provenance, *_ = stdout.splitlines()
    assert head.split() == ["network", "cpu", "ms", "ratio", "spread", "runs", "quantization"]
    assert small.split()[0] == str(SMALL)
    assert small.split()[2] == "1.00"
    assert large.split()[0] == str(LARGE)
    assert float(large.split()[2]) > 5
    assert "1 thread, ai-edge-litert" in provenance


def test_json_is_a_list_of_measurements_in_the_order_of_the_files():
    status, stdout, stderr = run(f"--tflite={LARGE},{SMALL}", "--json", "--warmup_runs=12")
    assert (status, stderr) == (0, "")
    large, small = json.loads(stdout)
    assert (large["tflite"], small["tflite"]) == (str(LARGE), str(SMALL))
    assert set(large) == {
        "tflite",
        "latency_ms",
        "spread",
        "repeats_ms",
        "runs",
        "warmup_runs",
        "num_threads",
        "clock",
        "device",
        "tool",
        "tool_version",
        "model_sha256",
        "quantization",
        "measured_at",
        "delegate",
        "discarded_ms",
        "tool_sha256",
        "raw",
        "phone",
    }
    assert large["latency_ms"] > small["latency_ms"] > 0
    assert small["warmup_runs"] >= 12


def test_threads_are_a_flag():
    status, stdout, _ = run(f"--tflite={SMALL}", "--num_threads=2", "--json")
    assert status == 0
    assert [(row["num_threads"], row["clock"]) for row in json.loads(stdout)] == [(2, "wall")]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "no network given"),
        (["--tflite=no/such.tflite"], "'no/such.tflite' is no file"),
        ([f"--tflite={TESTDATA}"], "is no file"),
        ([f"--tflite={__file__}"], "is not a TFLite file"),
        ([f"--tflite={SMALL},{TESTDATA / 'custom_op.tflite'}"], "custom_op.tflite' does not load"),
        ([f"--tflite={SMALL}", "--device=auto"], "--device=auto needs --benchmark_model=PATH"),
        ([f"--tflite={SMALL}", "--device=host,X1"], "host and auto stand alone"),
        ([f"--tflite={SMALL}", "--device="], "--device='' is no device"),
        ([f"--tflite={SMALL}", "--cpu_mask=0"], "--cpu_mask=0 is no mask of cores"),
        ([f"--tflite={SMALL}", "--cpu_mask=big"], "--cpu_mask=big is no mask of cores"),
        ([f"--tflite={SMALL}", "--max_spread=0"], "max_spread is 0.0, must be over 0"),
        ([f"--tflite={SMALL}", "--profile"], "--profile needs --benchmark_model=PATH"),
        ([f"--tflite={SMALL}", "--use_gpu"], "--use_gpu needs --benchmark_model=PATH"),
        (
            [f"--tflite={SMALL}", "--benchmark_model=no/such"],
            "--benchmark_model=no/such is no file",
        ),
        (
            [f"--tflite={SMALL}", f"--benchmark_model={__file__}"],
            "is no binary for Android or Linux",
        ),
        ([f"--tflite={SMALL}", "--runs=0"], "runs is 0, must be a whole number >= 1"),
        ([f"--tflite={SMALL}", "--num_threads=0"], "num_threads is 0, must be"),
    ],
)
def test_a_users_mistake_is_told_in_one_line(arguments, told):
    status, stdout, stderr = run(*arguments)
    assert (status, stdout) == (2, "")
    assert told in stderr
    assert stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"", "is empty"), (SMALL.read_bytes()[:2000], "not a valid Flatbuffer")],
    ids=["empty", "cut short"],
)
def test_a_spoilt_file_is_told_in_one_line(tmp_path, content, told):
    path = tmp_path / "spoilt.tflite"
    path.write_bytes(content)
    status, stdout, stderr = run(f"--tflite={path}")
    assert (status, stdout) == (2, "")
    assert str(path) in stderr
    assert told in stderr
    assert stderr.count("\n") == 1


def test_help_imports_nothing_heavy():
    program = (
        "import runpy, sys\n"
        "sys.argv = ['main.py', '--help']\n"
        "try: runpy.run_module('tflite_bench.main', run_name='__main__')\n"
        "except SystemExit as exit: print('status', exit.code)\n"
        "heavy = {'tensorflow', 'tf_keras', 'ai_edge_litert', 'numpy', 'rich'}\n"
        "print('imported', heavy & set(sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        timeout=60,
    )
    assert done.stderr == ""
    assert "--num_threads" in done.stdout
    assert done.stdout.endswith("status 0\nimported set()\n")
