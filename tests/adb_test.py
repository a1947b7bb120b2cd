"""What an adb that is scripted says; see phone_lab_test for one that is real."""

import errno
import os
import subprocess
import sys
import types

import pytest
from scripted_adb import PIXEL_2, STATE, install

from tflite_bench import adb as adb_module
from tflite_bench import adb_program
from tflite_bench.adb import Adb, Attached
from tflite_bench.adb_program import find_adb
from tflite_bench.benchmark_tool import BenchmarkTool
from tflite_bench.device_errors import (
    AdbFlagError,
    AdbMissingError,
    DeviceError,
    NoPhoneError,
    NoSpaceError,
    OfflineError,
    PhoneGoneError,
    UnauthorizedError,
    UnfitError,
)
from tflite_bench.phone import read_phone
from tflite_bench.phone_clock import PhoneClock
from tflite_bench.thermal import Limits, State, read_state, too_hot, unfit

PHONE = {"devices": {"FA79X1": "device"}}
ANSWERS = {"ro.product.model": {"stdout": PIXEL_2}, "dumpsys": {"stdout": STATE}}


def adb(tmp_path, **script):
    return Adb(install(tmp_path, **{**PHONE, **script}))


def test_attached_phones_are_listed_with_their_states(tmp_path):
    states = {"A": "device", "B": "unauthorized", "C": "no permissions (user in plugdev group)"}
    assert adb(tmp_path, devices=states).devices() == [
        Attached("A", "device"),
        Attached("B", "unauthorized"),
        Attached("C", "no permissions"),
    ]


@pytest.mark.parametrize(
    ("devices", "error", "told"),
    [
        ({}, NoPhoneError, "phone FA79X1 is not attached"),
        ({"FA79X1": "unauthorized"}, UnauthorizedError, "allow this computer's USB debugging"),
        ({"FA79X1": "offline"}, OfflineError, "phone FA79X1 is offline: plug it out and in"),
        ({"FA79X1": "still authorizing"}, UnauthorizedError, "unlock it"),
    ],
)
def test_a_phone_that_cannot_be_used_is_told_by_its_reason(tmp_path, devices, error, told):
    with pytest.raises(error, match=told) as raised:
        adb(tmp_path, devices=devices).shell("FA79X1", ["true"])
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "answer",
    [
        {"stdout": "half an ans", "cut": True},  # adb 29's lie: its exit status is 0
        {"stdout": "half an ans", "cut": True, "exit": 255},
        {"stdout": "all of it", "exit": 1},  # the marker alone is not enough either
        {"stdout": "__end_0123456789abcdef=0\n", "cut": True},  # nor any other marker
        {"cut": True},
    ],
)
def test_an_answer_counts_only_with_exit_status_and_last_line(tmp_path, answer):
    with pytest.raises(PhoneGoneError, match="in the middle of a command"):
        adb(tmp_path, shell={"cat": answer}).shell("FA79X1", ["cat", "file"])


def test_a_full_phone_is_told_from_one_that_went_away(tmp_path):
    full = "adb: error: failed to copy 'a' to 'b': remote write failed: No space left on device"
    with pytest.raises(NoSpaceError, match="no space left on phone FA79X1: free some"):
        adb(tmp_path, push=full).push("FA79X1", b"network", "/data/local/tmp/a")
    with pytest.raises(PhoneGoneError, match="failed in the middle of a command: adb: error"):
        adb(tmp_path, push="adb: error: connection reset").push("FA79X1", b"network", "/data/a")


def test_a_file_that_did_not_arrive_whole_is_noticed(tmp_path):
    other = {"sha256sum": {"stdout": f"{'0' * 64}  /data/a\n"}}
    with pytest.raises(PhoneGoneError, match="/data/a did not arrive whole on phone FA79X1"):
        adb(tmp_path, shell=other).push("FA79X1", b"network", "/data/a")


def test_adb_is_the_one_given_then_that_on_the_path_then_that_of_adbutils(tmp_path, monkeypatch):
    given = install(tmp_path, {})
    on_path, bundled = tmp_path / "bin" / "adb", tmp_path / "adbutils" / "binaries" / "adb"
    for program in (on_path, bundled):
        program.parent.mkdir(parents=True)
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
    package = types.SimpleNamespace(submodule_search_locations=[str(tmp_path / "adbutils")])
    monkeypatch.setattr(adb_program.importlib.util, "find_spec", lambda name: package)
    monkeypatch.setenv("PATH", str(on_path.parent))
    assert find_adb(given) == given
    assert find_adb() == str(on_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_adb() == str(bundled)
    monkeypatch.setattr(adb_program.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(AdbMissingError, match="there is no adb program: install"):
        find_adb()
    with pytest.raises(AdbMissingError, match="--adb=no/such is no program"):
        find_adb("no/such")


@pytest.mark.parametrize(
    ("number", "named", "error"),
    [
        (errno.ENOENT, True, AdbFlagError),
        (errno.EACCES, True, AdbFlagError),
        (errno.ENOEXEC, True, AdbFlagError),
        (errno.ENOENT, False, AdbMissingError),
        (errno.ENOEXEC, False, AdbMissingError),
        (errno.EAGAIN, True, DeviceError),
        (errno.ENOMEM, True, DeviceError),
        (errno.ENOMEM, False, DeviceError),
    ],
)
def test_an_adb_that_cannot_be_run_is_a_mistake_only_where_it_is_named_and_no_program(
    monkeypatch, number, named, error
):
    def run(*args, **kwargs):
        raise OSError(number, "words")

    monkeypatch.setattr(adb_module.subprocess, "run", run)
    with pytest.raises(DeviceError, match="some/adb cannot be run: words") as raised:
        Adb("some/adb", named=named).devices()
    assert type(raised.value) is error


def test_another_program_in_adb_s_place_is_a_mistake_only_where_it_is_named(tmp_path):
    other = tmp_path / "adb"
    other.write_text("#!/bin/sh\necho hello\n")
    other.chmod(0o755)
    for named, error in ((True, AdbFlagError), (False, AdbMissingError)):
        with pytest.raises(AdbMissingError, match="is no adb, it says 'hello'") as raised:
            Adb(str(other), named=named).devices()
        assert type(raised.value) is error


def test_a_phone_is_read_and_its_fast_cores_are_the_big_ones(tmp_path):
    phone = read_phone(adb(tmp_path, shell=ANSWERS), "FA79X1")
    assert (phone.model, phone.android, phone.sdk) == ("Google Pixel 2", "11", 30)
    assert phone.names == ("Google Pixel 2", "Pixel 2")
    assert phone.abis == ("arm64-v8a", "armeabi-v7a", "armeabi")
    # Cores 4 to 7 run at 2.46 GHz: bits 4 to 7. Five threads need the small ones too.
    assert phone.cpu_mask() == 0xF0
    assert phone.cpu_mask(num_threads=5) == 0xFF
    phone.check_mask(0x30)
    with pytest.raises(UnfitError, match=r"--cpu_mask=300 names cores .* its 8 cores are ff"):
        phone.check_mask(0x300)


def test_a_phone_that_hides_its_frequencies_needs_a_mask(tmp_path):
    hidden = PIXEL_2.replace("cpu7=2457600", "cpu7=")
    phone = read_phone(adb(tmp_path, shell={"ro.product": {"stdout": hidden}}), "FA79X1")
    with pytest.raises(UnfitError, match="does not say which of its cores are big"):
        phone.cpu_mask()


def test_what_is_no_phone_is_told(tmp_path):
    with pytest.raises(DeviceError, match="FA79X1 does not answer as an Android phone does"):
        read_phone(adb(tmp_path), "FA79X1")


def test_a_binary_of_another_abi_is_told_before_anything_is_pushed(tmp_path):
    tool = BenchmarkTool("my/benchmark_model", b"", "", "x86_64")
    with pytest.raises(UnfitError, match=r"my/benchmark_model is built for x86_64, phone FA79X1"):
        PhoneClock(adb(tmp_path, shell=ANSWERS), "FA79X1", tool)


def test_the_state_of_a_phone_is_read(tmp_path):
    # 283 tenths of a degree; 31457280 blocks of 1 KB are 30720 MB.
    state = read_state(adb(tmp_path, shell=ANSWERS), "FA79X1")
    assert state == State(28.3, 0, 87, False, 30720)


@pytest.mark.parametrize(
    ("changed", "hot", "unfit_for"),
    [
        ({}, None, None),
        ({"temperature_c": 40.1}, "battery at 40.1 C, over 40 C", None),
        ({"thermal_status": 1}, r"thermal status 1 \(light\)", None),
        ({"temperature_c": None, "thermal_status": None, "free_mb": None}, None, None),
        ({"battery_saver": True}, None, "battery saver is on"),
        ({"free_mb": 12}, None, "no space left: 12 MB free"),
    ],
)
def test_heat_passes_and_other_faults_do_not(changed, hot, unfit_for):
    fields = {
        "temperature_c": 30.0,
        "thermal_status": 0,
        "battery_percent": 90,
        "battery_saver": False,
        "free_mb": 1000,
    }
    state = State(**{**fields, **changed})
    for said, expected in ((too_hot(state, Limits()), hot), (unfit(state, Limits()), unfit_for)):
        assert (said is None) == (expected is None)
        if said:
            assert said.startswith(expected.replace("\\", ""))


@pytest.mark.parametrize(
    ("devices", "shell", "told"),
    [
        ({}, {}, "no phone is attached: plug one in with USB debugging on"),
        ({"A": "unauthorized"}, {}, "phone A is unauthorised: unlock it and allow"),
        ({"A": "offline"}, {}, "phone A is offline: plug it out and in again"),
        ({"A": "no permissions (udev)"}, {}, "phone A may not be opened by this user"),
        ({"A": "device"}, ANSWERS, "phone A runs arm64-v8a, armeabi-v7a, armeabi: give the"),
    ],
)
def test_the_command_tells_each_fault_in_one_line(tmp_path, devices, shell, told):
    tool = tmp_path / "benchmark_model"
    tool.write_bytes(b"\x7fELF\x02\x01" + bytes(12) + b"\x3e\x00" + bytes(44))  # x86-64
    network = os.path.join(os.path.dirname(__file__), "testdata", "conv_8px.tflite")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tflite_bench.main",
            f"--tflite={network}",
            "--device=auto",
            f"--adb={install(tmp_path, devices, shell)}",
            f"--benchmark_model={tool}",
        ],
        capture_output=True,
        text=True,
    )
    # A binary for another kind of phone is the one fault that is the user's.
    assert (done.returncode, done.stdout) == (2 if "give the" in told else 1, "")
    assert told in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_list_of_phones_has_those_that_cannot_be_used(tmp_path):
    program = install(tmp_path, {"A": "unauthorized", "B": "device"}, ANSWERS)
    done = subprocess.run(
        [sys.executable, "-m", "tflite_bench.phones", f"--adb={program}"],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    _, locked, pixel = done.stdout.splitlines()
    assert "phone A is unauthorised" in locked
    assert " ".join(pixel.split()) == (
        "B Google Pixel 2 11 (30) arm64-v8a 4 x 1.90 + 4 x 2.46 f0 28.3 none 30720 fit"
    )
