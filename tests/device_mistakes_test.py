"""The same mistake about devices has the same exit status in each command that has a clock."""

import subprocess
import sys

import pytest
import scripted_adb
from phone_lab import ROOT

pytestmark = pytest.mark.tensorflow

NETWORK = ROOT / "tests" / "testdata" / "conv_8px.tflite"
PHONE = {"FA79X1": "device"}
ANSWERS = {
    "getprop": {"stdout": scripted_adb.PIXEL_2},
    "dumpsys": {"stdout": scripted_adb.STATE},
}
COMMANDS = {
    "bench": ("tflite_bench.main", f"--tflite={NETWORK}"),
    "search": (
        "search.main",
        "--dataset=digits",
        "--proxy_image_size=16",
        "--latency=phone",
        "--references=",
    ),
    "table": ("search.latency_table", "build"),
}
CASES = {
    "cores": (2, PHONE, ["--device=auto", "--cpu_mask=300"], "--cpu_mask=300 names cores"),
    "cores as text": (2, PHONE, ["--device=auto", "--cpu_mask=big"], "--cpu_mask=big is no mask"),
    "model": (2, PHONE, ["--device=auto", "--device_model=Pixel 9"], "not the --device_model="),
    "serial": (2, PHONE, ["--device=X"], "phone X is not attached"),
    "adb": (2, PHONE, ["--device=auto", "--adb=no/such"], "--adb=no/such is no program"),
    "other program": (2, PHONE, ["--device=auto", "--adb=echo"], "is no adb, it says 'devices'"),
    "no phone": (1, {}, ["--device=auto"], "no phone is attached: plug one in"),
    "locked": (1, {"FA79X1": "unauthorized"}, ["--device=FA79X1"], "is unauthorised: unlock it"),
}


def run(tmp_path, command, devices, arguments):
    tool = tmp_path / "benchmark_model"
    tool.write_bytes(b"\x7fELF\x02\x01" + bytes(12) + (183).to_bytes(2, "little"))  # arm64
    adb = scripted_adb.install(tmp_path, devices, ANSWERS)
    module, *rest = COMMANDS[command]
    if command == "search":
        rest.append(f"--workdir={tmp_path / 'workdir'}")
    if command == "table":
        rest.append(f"--output={tmp_path / 'table.json'}")
    return subprocess.run(
        [
            sys.executable,
            "-m",
            module,
            *rest,
            f"--benchmark_model={tool}",
            f"--adb={adb}",
            *arguments,
        ],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=120,
    )


# The others open the shelf of phones by the same function; a start of them takes seconds.
@pytest.mark.parametrize(
    ("command", "case"),
    [
        *(("bench", case) for case in CASES),
        ("search", "cores"),
        ("search", "serial"),
        ("search", "no phone"),
        ("table", "model"),
        ("table", "no phone"),
    ],
)
def test_a_users_mistake_is_2_and_failing_surroundings_1(tmp_path, command, case):
    status, devices, arguments, told = CASES[case]
    done = run(tmp_path, command, devices, arguments)
    assert (done.returncode, done.stdout) == (status, ""), done.stderr
    assert told in done.stderr
    assert done.stderr.count("\n") == 1


def test_where_no_phone_fits_for_several_reasons_one_that_is_not_the_users_makes_it_1(tmp_path):
    devices = {"FA79X1": "device", "B": "offline"}
    done = run(tmp_path, "bench", devices, ["--device=auto", "--cpu_mask=300"])
    assert done.returncode == 1
    assert "no phone can be used: --cpu_mask=300 names cores" in done.stderr
