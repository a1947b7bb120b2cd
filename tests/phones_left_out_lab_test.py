"""`tflite_bench.main` where one of several phones does not do; see phone_lab and main_test."""

import json
import pathlib
import sys

import pytest
from phone_lab import run

CONV = pathlib.Path(__file__).parent / "testdata" / "conv_128px.tflite"
HOT = "echo 450 > $LAB_PHONES/0/state/temperature; "


def timed_while_one_is_hot(tmp_path, *arguments, phones=2):
    command = (
        f"{HOT}exec {sys.executable} -m tflite_bench.main --tflite={CONV} --json "
        "--benchmark_model=$LAB_BENCHMARK_MODEL --max_spread=50 --min_seconds=0.05 "
        f"--cooldown_seconds=0 {' '.join(arguments)}"
    )
    done = run(phones, "sh", "-c", command, tmp_path=tmp_path)
    return done.returncode, done.stdout, done.stderr


def test_a_phone_that_is_too_hot_is_left_out_and_the_others_go_on(tmp_path):
    status, stdout, stderr = timed_while_one_is_hot(tmp_path, "--device=auto")
    assert status == 0
    assert [row["phone"]["hardware_serial"] for row in json.loads(stdout)] == ["LAB1"]
    [line] = stderr.splitlines()
    assert line.startswith("Google Pixel (")
    assert "is left out: phone " in line
    assert line.endswith("is still too hot after 0 s: battery at 45.0 C, over 40 C")


def test_a_phone_that_is_too_hot_is_left_out_of_profiles_too(tmp_path):
    status, stdout, stderr = timed_while_one_is_hot(tmp_path, "--device=auto", "--profile")
    assert status == 0
    assert len(json.loads(stdout)) == 1
    assert "is left out: phone " in stderr


@pytest.mark.parametrize(
    ("phones", "device"), [(1, "auto"), (2, "$(echo $LAB_SERIALS | tr ' ' ,)")]
)
def test_where_none_is_fit_or_a_named_one_is_not_the_command_ends(tmp_path, phones, device):
    status, stdout, stderr = timed_while_one_is_hot(tmp_path, f"--device={device}", phones=phones)
    assert (status, stdout) == (1, "")
    assert stderr.startswith("error: phone ")
    assert stderr.count("\n") == 1
