"""`tflite_bench.main` where one of several phones does not do; see phone_lab and main_test."""

import json
import pathlib
import sys

import pytest
from phone_lab import run

from tflite_bench.device_errors import DeviceError, ToolError, UnfitError
from tflite_bench.devices import DeviceConfig
from tflite_bench.main import _on_each

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


class FakePhone:
    def __init__(self, number, answers):
        self.device = f"phone {number}"
        self.answers = dict(zip("ab", answers, strict=True))


def on_each(*phones):
    """What each phone says to files a and b; its answers are given, errors are raised."""
    clocks = [FakePhone(number, answers) for number, answers in enumerate(phones)]

    def ask(clock, tflite):
        answer = clock.answers[tflite.decode()]
        if isinstance(answer, Exception):
            raise answer
        return answer

    config = DeviceConfig(on_phones=True)
    said = _on_each(config, clocks, ["a", "b"], [b"a", b"b"], ask)
    return [(path, clock.device, answer) for path, clock, answer in said]


def test_a_phone_that_fails_at_the_second_file_keeps_what_it_said_of_the_first(capsys):
    assert on_each((1, UnfitError("battery saver")), (2, 3)) == [
        ("a", "phone 0", 1),
        ("a", "phone 1", 2),
        ("b", "phone 1", 3),
    ]
    assert capsys.readouterr().err == "phone 0 is left out: battery saver\n"


def test_where_all_fail_the_reasons_of_all_are_told():
    with pytest.raises(DeviceError, match="no phone can be used: first; second"):
        on_each((UnfitError("first"), 1), (2, UnfitError("second")))


def test_where_there_is_but_one_its_error_comes_as_it_is():
    with pytest.raises(UnfitError, match="battery saver") as raised:
        on_each((1, UnfitError("battery saver")))
    assert raised.value.__cause__ is None


def test_a_binary_that_does_not_do_is_no_phone_s_fault():
    with pytest.raises(ToolError, match="no such option"):
        on_each((ToolError("no such option"), 1), (2, 3))
