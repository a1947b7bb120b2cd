"""`python -m mnasnet.describe`, run as a user runs it."""

import dataclasses
import io
import json
import subprocess
import sys

import pytest

from mnasnet.architectures import ARCHITECTURES, from_blocks
from mnasnet.describe import as_json, print_table, table_rows
from mnasnet.latency_estimate import ESTIMATE_NOTE
from mnasnet.stats import count


def describe(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "mnasnet.describe", *arguments], capture_output=True, text=True
    )


def described(*arguments):
    result = describe(*arguments, "--json")
    assert (result.returncode, result.stderr) == (0, "")
    return json.loads(result.stdout)


@pytest.mark.parametrize(
    ("arguments", "params", "multiply_adds"),
    [
        (["--model_name=mnasnet-a1"], 3887038, 311579072),
        (["--model_name=mnasnet-a1", "--depth_multiplier=0.35"], 1747018, 61681920),
        (["--model_name=mnasnet-small", "--num_classes=10"], 762074, 67071984),
        (["--model_name=mnasnet-d1-320"], 6932240, 3687916800),
        # 0.7 times the size: 0.49 of all multiply-adds but the classifier's, without any SE.
        (
            ["--model_name=mnasnet-d1-320", "--image_size=224"],
            6932240,
            3686636800 * 49 // 100 + 1280000,
        ),
    ],
)
def test_json_has_the_exact_counts(arguments, params, multiply_adds):
    said = described(*arguments)
    assert (said["params"], said["multiply_adds"]) == (params, multiply_adds)
    assert sum(layer["params"] for layer in said["layers"]) == params
    assert sum(layer["multiply_adds"] for layer in said["layers"]) == multiply_adds


def test_json_says_what_was_described_and_where_the_latency_comes_from():
    said = described("--model_name=mnasnet-a1")
    assert said["name"] == "mnasnet-a1"
    assert said["blocks"][2] == "r3_k5_s22_e3_i24_o40_se0.25"
    assert (said["image_size"], said["num_classes"], said["depth_multiplier"]) == (224, 1000, None)
    assert (said["stem_filters"], said["head_filters"]) == (32, 1280)
    assert said["non_trainable_params"] == 33488
    assert said["latency_ms"] == said["pixel1_estimate_ms"] == pytest.approx(78.8, abs=0.05)
    assert (said["latency"], said["measurement"]) == ("estimate:pixel1", None)
    assert said["pixel1_estimate_note"] == ESTIMATE_NOTE
    assert said["layers"][0] == {
        "name": "stem",
        "op": "conv",
        "kernel": 3,
        "stride": 2,
        "input_shape": [224, 224, 3],
        "output_shape": [112, 112, 32],
        "params": 928,
        "non_trainable_params": 64,
        "multiply_adds": 10838016,
    }


@pytest.mark.parametrize("separator", [",", " ", ", "])
def test_a_network_of_ones_own_is_written_with_commas_or_spaces(separator):
    strings = ["r1_k3_s11_e1_i16_o16_noskip", "r2_k5_s22_e1_i16_o24_pool_dconv"]
    said = described(f"--blocks={separator.join(strings)}", "--stem_filters=16")
    assert (said["name"], said["blocks"], said["stem_filters"]) == ("custom", strings, 16)
    assert said["params"] == count(from_blocks(strings, stem_filters=16)).params


def test_the_table_has_totals_the_estimate_its_error_and_lines_that_fit():
    result = describe("--model_name=mnasnet-a1")
    assert (result.returncode, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert lines[0] == "mnasnet-a1, 224 px, 1000 classes"
    assert max(map(len, lines)) <= 100
    assert not any(line.endswith(" ") for line in lines)
    rows = [" ".join(line.split()) for line in lines]
    assert "stem conv 3x3 /2 112x112x32 928 10.84 1.74" in rows
    # Its expansion, depthwise, squeeze-and-excitation and projection together.
    assert "block_4 mbconv3 5x5 se identity 28x28x40 15,690 9.88 3.30" in rows
    assert any("3,887,038" in line and "33,488 not trainable" in line for line in lines)
    assert any("311,579,072" in line for line in lines)
    assert any("78.8 ms" in line and "mean error 2.9 %" in line for line in lines)


def test_rows_of_the_table_add_up_to_the_network():
    stats = count(ARCHITECTURES["mnasnet-a1"], depth_multiplier=0.5)
    rows = table_rows(ARCHITECTURES["mnasnet-a1"], stats, 0.5)
    assert [row.name for row in rows] == [
        "stem",
        *(f"block_{i}" for i in range(16)),
        *["head"] * 3,
    ]
    assert sum(row.stats.params for row in rows) == stats.params
    assert sum(row.stats.multiply_adds for row in rows) == stats.multiply_adds


def test_rows_name_operation_kernel_stride_and_the_skip_that_there_really_is():
    network = from_blocks(
        [
            "r2_k3_s22_e1_i32_o40_conv",  # no identity across a stride
            "r1_k5_s22_e1_i40_o40_se0.5_pool_dconv",
            "r1_k3_s11_e6_i40_o16_pool",  # no pooling to fewer channels
            "r1_k3_s11_e3_i16_o16_noskip",
        ]
    )
    rows = table_rows(network, count(network))
    assert [(row.operation, row.skip) for row in rows] == [
        ("conv 3x3 /2", ""),
        ("conv 3x3 /2", ""),
        ("conv 3x3", "identity"),
        ("dconv 5x5 /2 se", "pool"),
        ("mbconv6 3x3", ""),
        ("mbconv3 3x3", ""),
        ("conv 1x1", ""),
        ("global pool", ""),
        ("dense", ""),
    ]


@dataclasses.dataclass(frozen=True)
class FakeMeasurement:
    """The fields of a tflite_bench Measurement that are shown."""

    latency_ms: float = 12.345
    spread: float = 0.021
    runs: int = 55
    clock: str = "cpu"
    device: str = "Some CPU"
    tool: str = "some-tool"
    tool_version: str = "1.2"
    phone: None = None


def test_a_measurement_is_shown_with_spread_and_device_and_is_the_latency_in_json():
    network = ARCHITECTURES["mnasnet-small"]
    stats, file = count(network), io.StringIO()
    print_table(network, stats, measurement=FakeMeasurement(), file=file)
    shown = " ".join(file.getvalue().split())
    assert (
        "this machine 12.35 ms measured, cpu time, spread 2.1% over 55 runs; Some CPU, "
        "some-tool 1.2" in shown
    )
    said = as_json(network, stats, measurement=FakeMeasurement())
    assert (said["latency_ms"], said["latency"]) == (12.345, "host")
    assert said["pixel1_estimate_ms"] == pytest.approx(22.1, abs=0.05)
    assert said["measurement"]["device"] == "Some CPU"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "no network given: name one with --model_name (one of mnasnet-a1, "),
        (["--model_name=resnet"], "unknown model 'resnet', known are mnasnet-a1, "),
        (
            ["--model_name=mnasnet-a1", "--blocks=r1_k3_s11_e1_i32_o16"],
            "--model_name=mnasnet-a1 and --blocks name two networks, give one of them",
        ),
        (["--blocks=r1_k3_s11_e1_i32"], "the piece 'o' (output_filters) is missing"),
        (["--blocks="], "has no blocks, at least one is needed"),
        (
            ["--blocks=r1_k3_s11_e1_i32_o16", "--stem_filters=0"],
            "stem_filters is 0, must be a whole number >= 1",
        ),
        (
            ["--model_name=mnasnet-a1", "--head_filters=64"],
            "--head_filters=64 goes with --blocks, mnasnet-a1 has its own",
        ),
        (["--model_name=mnasnet-a1", "--image_size=0"], "image_size is 0, must be"),
        (["--model_name=mnasnet-a1", "--image_size=big"], "--image_size=big: must be"),
        (["--model_name=mnasnet-a1", "--num_classes=0"], "num_classes is 0, must be"),
        (["--model_name=mnasnet-a1", "--depth_multiplier=0"], "depth_multiplier is 0.0, must"),
        (["--model_name=mnasnet-a1", "--device=toaster"], "toaster"),
    ],
)
def test_a_mistake_gets_one_line_and_exit_2(arguments, complaint):
    result = describe(*arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert complaint in result.stderr


def test_help_shows_the_flags_that_name_a_network():
    result = describe("--help")
    assert (result.returncode, result.stderr) == (0, "")
    for flag in ("model_name", "blocks", "depth_multiplier", "image_size", "device", "json"):
        assert f"--{flag}" in result.stdout


def test_neither_help_nor_a_table_imports_tensorflow():
    code = (
        "import sys, runpy\n"
        "sys.argv = ['describe', '--model_name=mnasnet-a1']\n"
        "try:\n    runpy.run_module('mnasnet.describe', run_name='__main__')\n"
        "except SystemExit as done:\n    assert not done.code\n"
        "assert not {'tensorflow', 'tf_keras'} & set(sys.modules)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")
