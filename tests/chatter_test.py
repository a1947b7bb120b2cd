import os
import sys

import pytest

from tflite_bench.chatter import silenced

TALK = (
    b"I0000 00:00:1795492951.824777    5047 devices.cc:67] Number of eligible GPUs: 0\n"
    b"W0000 00:00:1795492952.929573    5047 tf_tfl_flatbuffer_helpers.cc:364] Ignored.\n"
    b"2026-11-24 04:09:27.858296: I tensorflow/file.cc:4150] Estimated count of ops: 1\n"
    b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n"
)


def test_log_lines_of_the_libraries_are_dropped_and_others_come_after(capfd):
    with silenced():
        os.write(2, TALK)
        print("from Python", file=sys.stderr)
        os.write(2, b"2026-11-24 04:09:27.858296: E tensorflow/file.cc:1] an error\n")
    assert capfd.readouterr().err == (
        "from Python\n2026-11-24 04:09:27.858296: E tensorflow/file.cc:1] an error\n"
    )


def test_stderr_works_again_afterwards_also_after_an_error(capfd):
    with pytest.raises(RuntimeError, match="told by the exception"), silenced():
        os.write(2, b"many lines\nof diagnostics\n")
        raise RuntimeError("told by the exception")
    os.write(2, b"afterwards\n")
    assert capfd.readouterr().err == "afterwards\n"
