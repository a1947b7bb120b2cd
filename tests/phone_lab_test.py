"""Measurements on loopback phones; each test runs beside phones of its own, see phone_lab."""

import json
import os
import pathlib
import subprocess
import sys
import threading
import time

import pytest
from phone_lab import beside_phones, run

from tflite_bench.adb import Adb
from tflite_bench.adb_program import find_adb
from tflite_bench.benchmark_tool import ToolConfig, load_tool
from tflite_bench.device_errors import (
    CommandTimeoutError,
    NoPhoneError,
    PhoneGoneError,
    TooHotError,
    UnfitError,
)
from tflite_bench.devices import DeviceConfig, phone_shelf
from tflite_bench.measurement import MeasurementError
from tflite_bench.phone_clock import PhoneClock
from tflite_bench.phone_lock import is_locked, phone_lock
from tflite_bench.shelf_config import ShelfConfig
from tflite_bench.thermal import Limits

TESTDATA = pathlib.Path(__file__).parent / "testdata"
CONV = TESTDATA / "conv_128px.tflite"
NETWORK = CONV.read_bytes()
FOLDER = "/data/local/tmp/tflite_bench"
# On a shared machine repeats lie far apart.
QUICK = ToolConfig(min_seconds=0.05, repeats=2, max_tries=2, max_spread=50.0)
SLOW = ToolConfig(min_seconds=1.5, repeats=2, max_tries=2, max_spread=50.0)
COOL = Limits(poll_seconds=0.2)


def serials():
    return os.environ["LAB_SERIALS"].split()


def folder(number):
    return pathlib.Path(os.environ["LAB_PHONES"]) / str(number)


def unplug(number):
    subprocess.run(["kill", (folder(number) / "pid").read_text().strip()], check=True)


def plug(number):
    subprocess.run([folder(number) / "plug"], check=True)


def heat(number, tenths):
    (folder(number) / "state" / "temperature").write_text(str(tenths))


def adb():
    return Adb(find_adb())


def tool():
    return load_tool(os.environ["LAB_BENCHMARK_MODEL"])


def clock(number=0, config=QUICK, limits=COOL, **fields):
    return PhoneClock(adb(), serials()[number], tool(), config, limits, **fields)


def shelf(config=QUICK, reference=None, told=None):
    return phone_shelf(
        DeviceConfig(
            on_phones=True,
            benchmark_model=os.environ["LAB_BENCHMARK_MODEL"],
            tool=config,
            limits=COOL,
            shelf=ShelfConfig(poll_seconds=0.2, aside_seconds=1),
        ),
        reference=reference,
        on_event=(lambda event: None) if told is None else told.append,
    )


@beside_phones(1)
def test_a_measurement_tells_phone_cores_heat_and_tool_and_leaves_nothing_behind():
    heat(0, 312)
    measurement = clock().measure(NETWORK)
    phone = measurement.phone
    assert measurement.latency_ms > 0
    assert len(measurement.repeats_ms) == len(measurement.raw) == 2
    assert measurement.runs >= 100
    assert (measurement.warmup_runs, measurement.num_threads) == (20, 1)
    assert (measurement.clock, measurement.delegate) == ("wall", "xnnpack")
    assert measurement.tool_sha256 == tool().sha256
    assert (phone.serial, phone.hardware_serial) == (serials()[0], "LAB0")
    assert (phone.model, phone.android, phone.abi) == ("Google Pixel", "10", "x86_64")
    assert phone.cpu_mask == "2"  # core 1 is the one of 2.15 GHz
    assert (phone.temperature_c, phone.thermal_status) == ((31.2, 31.2), (0, 0))
    assert all("Inference timings in us" in raw for raw in measurement.raw)
    assert adb().listing(serials()[0], FOLDER) == ["benchmark_model"]


@beside_phones(1)
def test_a_file_is_pushed_only_where_its_content_differs():
    phone, path = serials()[0], f"{FOLDER}/file with a 'quote'"
    assert adb().push(phone, b"one", path)
    assert not adb().push(phone, b"one", path)
    assert adb().push(phone, b"two", path)
    assert adb().shell(phone, ["cat", path]).stdout == "two"


@beside_phones(1)
def test_what_a_dead_client_left_on_the_phone_is_removed():
    phone = serials()[0]
    adb().push(phone, NETWORK, f"{FOLDER}/leftover.tflite")
    clock().measure(NETWORK)
    assert adb().listing(phone, FOLDER) == ["benchmark_model"]


@beside_phones(1)
def test_a_command_that_takes_too_long_is_ended_on_the_phone_too():
    with pytest.raises(CommandTimeoutError, match="was ended after 1 s"):
        adb().shell(serials()[0], ["sleep", "4321"], timeout_s=1)
    running = adb().shell(serials()[0], ["sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"])
    assert "sleep 4321" not in running.stdout.replace("cat /proc", "")


@beside_phones(1)
def test_exit_status_and_output_of_a_command_arrive():
    result = adb().shell(serials()[0], ["sh", "-c", "echo out; echo err >&2; exit 7"])
    assert (result.status, result.stdout, result.stderr.strip()) == (7, "out", "err")
    assert adb().shell(serials()[0], ["printf", "no line end"]).stdout == "no line end"


@beside_phones(1)
def test_a_connection_that_drops_is_noticed_though_adb_may_say_that_all_is_well():
    plain = subprocess.Popen(
        [find_adb(), "-s", serials()[0], "shell", "echo begun; sleep 30; echo done"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert plain.stdout.readline() == "begun\n"
    threading.Timer(0.5, unplug, [0]).start()
    with pytest.raises(PhoneGoneError, match="in the middle of a command"):
        adb().shell(serials()[0], ["sh", "-c", "echo begun; sleep 30; echo done"])
    rest, _ = plain.communicate(timeout=10)
    assert "done" not in rest
    # The lie: adb 29 exits 0 after that. Newer ones exit 255.
    assert plain.returncode in (0, 255)


@beside_phones(1)
def test_a_network_that_the_tool_refuses_is_told_from_a_phone_that_fails():
    with pytest.raises(MeasurementError, match=r"refuses the network: .*custom op: BesselI0"):
        clock().measure((TESTDATA / "custom_op.tflite").read_bytes())
    with pytest.raises(MeasurementError, match=r"timed [0-9]+ runs, [0-9]+ were asked for"):
        clock(config=ToolConfig(runs=10**9, min_seconds=0, max_seconds=0.1)).measure(NETWORK)
    with pytest.raises(UnfitError, match=r"--cpu_mask=8 names cores that phone .* has not got"):
        clock(cpu_mask=8)


@beside_phones(1)
def test_a_hot_phone_is_waited_for_and_not_for_ever():
    told = []
    heat(0, 450)
    hopeless = Limits(poll_seconds=0.1, cooldown_seconds=0.3)
    with pytest.raises(TooHotError, match=r"too hot after 0.3 s: battery at 45.0 C, over 40 C"):
        clock(limits=hopeless, on_pause=told.append).measure(NETWORK)
    threading.Timer(0.5, heat, [0, 380]).start()
    assert clock(on_pause=told.append).measure(NETWORK).phone.temperature_c == (38.0, 38.0)
    assert told == [f"phone {serials()[0]} cools down: battery at 45.0 C, over 40 C"] * 2
    (folder(0) / "state" / "thermal_status").write_text("2")
    with pytest.raises(TooHotError, match=r"thermal status 2 \(moderate\)"):
        clock(limits=hopeless).measure(NETWORK)


@beside_phones(1)
def test_another_process_on_the_phone_is_waited_for():
    program = (
        "import time\nfrom tflite_bench.phone_lock import phone_lock\n"
        "with phone_lock('LAB0'):\n print('held', flush=True)\n time.sleep(1)\n"
    )
    other = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert other.stdout.readline() == "held\n"
    told = []
    clock(on_pause=told.append).measure(NETWORK)
    assert told == ["phone LAB0 is being measured on by another process"]
    assert other.wait(timeout=10) == 0
    assert not is_locked("LAB0")
    with phone_lock("LAB0"):
        assert is_locked("LAB0")


@beside_phones(2)
def test_a_phone_that_goes_away_costs_one_measurement_and_returns():
    told = []
    phones = shelf(SLOW, told=told)
    threading.Timer(1.5, unplug, [0]).start()
    assert phones.measure(NETWORK).phone.hardware_serial == "LAB1"
    assert [event.kind for event in told] == ["found", "found", "gone"]

    # With the other one unplugged as well there is none left.
    threading.Timer(1.5, unplug, [1]).start()
    threading.Timer(4, plug, [0]).start()
    assert phones.measure(NETWORK).phone.hardware_serial == "LAB0"
    kinds = [event.kind for event in told[3:]]
    assert kinds == ["gone", "waiting", "found", "going_on"]
    assert "is gone" in told[4].message


@beside_phones(2)
def test_work_goes_to_the_phone_that_is_cool_and_to_both_when_both_are():
    heat(1, 450)
    told = []
    phones = shelf(told=told)
    assert [phones.measure(NETWORK).phone.hardware_serial for _ in range(2)] == ["LAB0"] * 2
    assert [event.kind for event in told] == ["found", "found", "hot"]
    heat(1, 300)
    time.sleep(COOL.poll_seconds)
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(phones.measure(NETWORK))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {result.phone.hardware_serial for result in results} == {"LAB0", "LAB1"}
    assert told[3].message == f"phone {serials()[1]} serves again"


@beside_phones(1)
def test_no_phone_at_all_is_told_at_once():
    unplug(0)
    adb().reconnect(serials()[0])
    with pytest.raises(NoPhoneError, match="no phone is attached: plug one in"):
        shelf()


def test_the_command_times_each_network_on_each_phone(tmp_path):
    other = tmp_path / "other.tflite"
    other.write_bytes(NETWORK)
    command = (
        f"{sys.executable} -m tflite_bench.main --tflite={CONV},{other} --device=auto --json "
        "--benchmark_model=$LAB_BENCHMARK_MODEL --max_spread=50 --min_seconds=0.05"
    )
    done = run(2, "sh", "-c", command, tmp_path=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    rows = json.loads(done.stdout)
    assert [(row["tflite"], row["phone"]["hardware_serial"]) for row in rows] == [
        (str(CONV), "LAB0"),
        (str(CONV), "LAB1"),
        (str(other), "LAB0"),
        (str(other), "LAB1"),
    ]
    assert all(row["latency_ms"] > 0 for row in rows)


def test_the_command_profiles_networks_side_by_side_with_their_memory(tmp_path):
    command = (
        f"{sys.executable} -m tflite_bench.main --tflite={CONV},{CONV} --device=auto --profile "
        "--benchmark_model=$LAB_BENCHMARK_MODEL"
    )
    done = run(1, "sh", "-c", command, tmp_path=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Convolution (NHWC, F32)" in done.stdout
    assert "peak memory (MB)" in done.stdout


def test_the_list_of_phones_says_which_are_fit_and_why_not(tmp_path):
    command = (
        "echo 450 > $LAB_PHONES/1/state/temperature; "
        f"{sys.executable} -m tflite_bench.phones --benchmark_model=$LAB_BENCHMARK_MODEL"
    )
    done = run(2, "sh", "-c", command, tmp_path=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    head, cool, hot = done.stdout.splitlines()
    assert head.split()[:2] == ["serial", "model"]
    assert "Google Pixel" in cool
    assert "1 x 1.59 + 1 x 2.15" in cool
    assert cool.endswith("  fit")
    assert hot.endswith("  battery at 45.0 C, over 40 C")
