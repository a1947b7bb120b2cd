"""Several clocks are asked about several files; a phone that fails is left out."""

import pytest

from tflite_bench.device_errors import DeviceError, ToolError, UnfitError
from tflite_bench.devices import DeviceConfig
from tflite_bench.each_clock import on_each


class FakePhone:
    def __init__(self, number, answers):
        self.device = f"phone {number}"
        self.answers = dict(zip("ab", answers, strict=True))


def said_by(*phones):
    """What each phone says to files a and b; its answers are given, errors are raised."""
    clocks = [FakePhone(number, answers) for number, answers in enumerate(phones)]

    def ask(clock, tflite):
        answer = clock.answers[tflite.decode()]
        if isinstance(answer, Exception):
            raise answer
        return answer

    config = DeviceConfig(on_phones=True)
    said = on_each(config, clocks, ["a", "b"], [b"a", b"b"], ask)
    return [(path, clock.device, answer) for path, clock, answer in said]


def test_a_phone_that_fails_at_the_second_file_keeps_what_it_said_of_the_first(capsys):
    assert said_by((1, UnfitError("battery saver")), (2, 3)) == [
        ("a", "phone 0", 1),
        ("a", "phone 1", 2),
        ("b", "phone 1", 3),
    ]
    assert capsys.readouterr().err == "phone 0 is left out: battery saver\n"


def test_where_all_fail_the_reasons_of_all_are_told():
    with pytest.raises(DeviceError, match="no phone can be used: first; second"):
        said_by((UnfitError("first"), 1), (2, UnfitError("second")))


def test_where_there_is_but_one_its_error_comes_as_it_is():
    with pytest.raises(UnfitError, match="battery saver") as raised:
        said_by((1, UnfitError("battery saver")))
    assert raised.value.__cause__ is None


def test_a_binary_that_does_not_do_is_no_phone_s_fault():
    with pytest.raises(ToolError, match="no such option"):
        said_by((ToolError("no such option"), 1), (2, 3))
