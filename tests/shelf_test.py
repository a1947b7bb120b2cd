"""The shelf's decisions, on phones that are made up; see phone_lab_test for real connections."""

import dataclasses
import threading
import types

import pytest

from tflite_bench.adb import Attached
from tflite_bench.device_errors import (
    DeviceError,
    NoPhoneError,
    PhoneGoneError,
    ToolError,
    UnauthorizedError,
    UnsteadyError,
)
from tflite_bench.drift import DriftConfig
from tflite_bench.measurement import MeasurementError, PhoneConditions, from_repeats
from tflite_bench.phone import Phone
from tflite_bench.roster import RosterConfig
from tflite_bench.shelf import PhoneShelf
from tflite_bench.shelf_config import ShelfConfig
from tflite_bench.thermal import Limits, State

COOL = State(30.0, 0, 90, False, 1000)
QUICK = ShelfConfig(poll_seconds=0.01, aside_seconds=0.05)
NETWORK, REFERENCE = b"network", b"reference"


class FakePhone:
    """A clock that answers what it is told to: a latency, or an error to raise."""

    def __init__(self, serial, *answers, model="Google Pixel 2", reference=()):
        self.phone = Phone(serial, f"HW-{serial}", model, "11", 30, ("arm64-v8a",), {0: 1})
        self.config, self.limits = types.SimpleNamespace(max_spread=0.05), Limits(poll_seconds=0.01)
        self.cpu_mask = 1
        self.answers, self.reference = list(answers), list(reference)
        self.states: list = []
        self.timed: list[bytes] = []

    def state(self):
        state = self.states.pop(0) if self.states else COOL
        if isinstance(state, Exception):
            raise state
        return state

    def measure(self, tflite):
        self.timed.append(tflite)
        answers = self.reference if tflite == REFERENCE else self.answers
        answer = answers.pop(0) if answers else 10.0
        if isinstance(answer, Exception):
            raise answer
        conditions = PhoneConditions(
            self.phone.serial, "", self.phone.model, "11", "", "1", (30.0, 30.0), (0, 0)
        )
        return from_repeats(
            [answer],
            tflite=tflite,
            runs=50,
            warmup_runs=10,
            num_threads=1,
            clock="wall",
            device=self.phone.model,
            tool="benchmark_model",
            tool_version="1",
            quantization="none",
            phone=conditions,
        )


class FakeAdb:
    def __init__(self, states):
        self.states, self.reconnected = states, []

    def devices(self):
        return [Attached(*item) for item in self.states.items()]

    def reconnect(self, serial):
        self.reconnected.append(serial)


@pytest.fixture(autouse=True)
def own_locks(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def shelf(*phones, config=QUICK, states=None, **fields):
    by_serial = {phone.phone.serial: phone for phone in phones}
    adb = FakeAdb(dict.fromkeys(by_serial, "device") if states is None else states)
    return PhoneShelf(adb, lambda serial, on_pause: by_serial[serial], config, **fields)


def kinds(phones):
    return [event.kind for event in phones.events if event.kind != "found"]


def test_phones_take_turns():
    a, b = FakePhone("A"), FakePhone("B")
    phones = shelf(a, b)
    for _ in range(4):
        assert phones.measure(NETWORK).latency_ms == 10.0
    assert (len(a.timed), len(b.timed)) == (2, 2)


def test_a_phone_that_goes_away_costs_one_measurement_and_another_repeats_it():
    a, b = FakePhone("A", PhoneGoneError("A went away")), FakePhone("B", 11.0)
    phones = shelf(a, b)
    assert phones.measure(NETWORK).phone.serial == "B"
    assert (a.timed, b.timed) == ([NETWORK], [NETWORK])
    assert kinds(phones) == ["gone"]


def test_a_network_that_fails_is_its_own_fault_and_is_not_tried_elsewhere():
    a, b = FakePhone("A", MeasurementError("custom op")), FakePhone("B")
    phones = shelf(a, b)
    with pytest.raises(MeasurementError, match="custom op"):
        phones.measure(NETWORK)
    assert b.timed == []
    assert phones.measure(NETWORK).latency_ms == 10.0


def test_a_tool_that_fails_is_not_tried_elsewhere_and_speaks_of_no_network():
    phones = shelf(FakePhone("A", ToolError("lacks a flag")), FakePhone("B"))
    with pytest.raises(ToolError, match="lacks a flag"):
        phones.measure(NETWORK)


def test_a_phone_that_fails_twice_is_set_aside_and_tried_again_later():
    a, b = FakePhone("A", *[UnsteadyError("1, 2, 3 ms")] * 2), FakePhone("B")
    phones = shelf(a, b)
    serials = [phones.measure(NETWORK).phone.serial for _ in range(2)]
    assert serials == ["B", "B"]
    assert kinds(phones) == ["failed", "failed", "set_aside"]
    assert "phone A is set aside for 0.05 s: it failed 2 times" in phones.events[-1].message
    threading.Event().wait(0.06)
    assert phones.measure(NETWORK).phone.serial == "A"


def test_a_network_at_which_phones_keep_failing_is_given_up_with_the_reasons():
    phones = shelf(FakePhone("A", *[UnsteadyError("1, 2, 3 ms")] * 9))
    with pytest.raises(DeviceError, match="4 measurements of one network failed: 1, 2, 3 ms; 1"):
        phones.measure(NETWORK)


def test_with_no_phone_left_it_waits_says_so_once_and_goes_on():
    a = FakePhone("A", PhoneGoneError("A went away"))
    phones = shelf(a)
    states = phones._roster._adb.states
    states["A"] = "offline"
    threading.Timer(0.2, states.update, [{"A": "device"}]).start()
    assert phones.measure(NETWORK).latency_ms == 10.0
    assert [event.kind for event in phones.events] == [
        "found",
        "gone",
        "waiting",
        "found",
        "going_on",
    ]
    assert phones.events[2].message == "waiting for a phone: A is gone"
    assert "A" in phones._roster._adb.reconnected


def test_a_phone_that_returns_is_noticed_while_the_others_work():
    a, b = FakePhone("A", PhoneGoneError("A went away")), FakePhone("B")
    phones = shelf(a, b, config=dataclasses.replace(QUICK, poll_seconds=0.001))
    for _ in range(200):
        threading.Event().wait(0.01)
        if phones.measure(NETWORK).phone.serial == "A":
            break
    assert len(a.timed) == 2
    assert kinds(phones) == ["gone"]


def test_a_hot_phone_is_left_alone_until_it_is_cool():
    hot = dataclasses.replace(COOL, temperature_c=44.0)
    a, b = FakePhone("A"), FakePhone("B")
    a.states = [hot] * 3
    phones = shelf(a, b)
    assert phones.measure(NETWORK).phone.serial == "B"
    assert phones.events[-1].message == "phone A cools down: battery at 44.0 C, over 40 C"
    b.states = [PhoneGoneError("B went away")]
    phones._roster._adb.states["B"] = "offline"
    assert phones.measure(NETWORK).phone.serial == "A"
    assert kinds(phones)[0] == "hot"
    assert kinds(phones).count("hot") == 1


def test_drift_within_the_spread_is_let_be_and_beyond_it_is_corrected_for():
    every = dataclasses.replace(QUICK, drift=DriftConfig(every=1))
    # The reference takes 10 ms at first, then 4 % more, then 10 % more.
    a = FakePhone("A", 20.0, 20.0, 22.0, reference=[10.0, 10.4, 11.0])
    phones = shelf(a, config=every, reference=REFERENCE)
    first, second, third = (phones.measure(NETWORK) for _ in range(3))
    assert (first.latency_ms, first.phone.drift, first.phone.uncorrected_ms) == (20.0, 0.0, None)
    assert (second.latency_ms, second.phone.uncorrected_ms) == (20.0, None)
    assert second.phone.drift == pytest.approx(0.04)
    assert third.latency_ms == pytest.approx(22.0 / 1.1)
    assert third.phone.uncorrected_ms == 22.0
    assert kinds(phones) == ["drift"]
    assert "+10.0%" in phones.events[-1].message
    assert phones.first_ms == {"HW-A": 10.0}


def test_a_phone_that_drifted_too_far_is_set_aside_until_it_has_come_back():
    every = dataclasses.replace(QUICK, drift=DriftConfig(every=1))
    a = FakePhone("A", reference=[13.0, 10.1])
    phones = shelf(a, config=every, reference=REFERENCE, first_ms={"HW-A": 10.0})
    assert phones.measure(NETWORK).latency_ms == 10.0
    assert a.timed == [REFERENCE, REFERENCE, NETWORK]
    assert kinds(phones) == ["set_aside", "waiting", "going_on"]
    assert "it drifted by +30.0% against its first" in phones.events[1].message


def test_the_reference_is_timed_every_so_many_measurements_and_after_a_failure():
    every = dataclasses.replace(QUICK, drift=DriftConfig(every=3))
    a = FakePhone("A", *[10.0] * 4, UnsteadyError("1, 2 ms"))
    phones = shelf(a, config=every, reference=REFERENCE)
    for _ in range(5):
        phones.measure(NETWORK)
    assert "".join("R" if tflite == REFERENCE else "n" for tflite in a.timed) == "RnnnRnnRn"


def test_a_reference_that_cannot_be_timed_is_no_fault_of_the_candidate():
    phones = shelf(FakePhone("A", reference=[MeasurementError("op")]), reference=REFERENCE)
    with pytest.raises(ToolError, match="the reference network cannot be timed: op"):
        phones.measure(NETWORK)


def test_phones_of_several_models_are_not_mixed_unless_that_is_asked_for():
    two = FakePhone("A"), FakePhone("B", model="Google Pixel 6")
    with pytest.raises(ValueError, match="are not mixed, choose one with --device_model"):
        shelf(*two)
    one = dataclasses.replace(QUICK, roster=RosterConfig(device_model="pixel 6"))
    assert [clock.phone.serial for clock in shelf(*two, config=one).phones] == ["B"]
    both = dataclasses.replace(QUICK, roster=RosterConfig(mix_models=True))
    assert len(shelf(*two, config=both).phones) == 2


def test_one_phone_by_cable_and_by_network_is_one_phone():
    a, b = FakePhone("A"), FakePhone("B")
    b.phone = dataclasses.replace(b.phone, hardware_serial="HW-A")
    assert len(shelf(a, b).phones) == 1


def test_phones_that_cannot_be_used_are_told_and_named_ones_must_do():
    a, b = FakePhone("A"), FakePhone("B")
    states = {"A": "device", "B": "unauthorized"}
    phones = shelf(a, b, states=states)
    assert kinds(phones) == ["unfit"]
    assert "phone B is unauthorised" in phones.events[-1].message
    named = dataclasses.replace(QUICK, roster=RosterConfig(serials=("A", "B")))
    with pytest.raises(UnauthorizedError):
        shelf(a, b, states=states, config=named)
    missing = dataclasses.replace(QUICK, roster=RosterConfig(serials=("X",)))
    with pytest.raises(NoPhoneError, match="phone X is not attached"):
        shelf(a, config=missing)
    with pytest.raises(DeviceError, match=r"no phone can be used: phone A is offline.*; phone B"):
        shelf(a, b, states={"A": "offline", "B": "unauthorized"})


def test_several_threads_never_share_a_phone():
    inside, most, guard = [0], [0], threading.Lock()

    class Watched(FakePhone):
        def measure(self, tflite):
            with guard:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
            threading.Event().wait(0.01)
            with guard:
                inside[0] -= 1
            return super().measure(tflite)

    phones = shelf(Watched("A"), Watched("B"))
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(phones.measure(NETWORK))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(results) == 8
    assert most[0] == 2


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: ShelfConfig(max_failures=0), "max_failures 0"),
        (lambda: DriftConfig(every=0), "reference_every is 0"),
        (lambda: DriftConfig(max_drift=1.5), "max_drift is 1.5"),
        (lambda: Limits(max_temperature_c=400), "max_temperature_c is 400, must be between"),
        (lambda: Limits(poll_seconds=0), "poll_seconds is 0"),
        (lambda: Limits(cooldown_seconds=-1), "cooldown_seconds is -1"),
    ],
)
def test_a_config_out_of_range_is_refused(make, told):
    with pytest.raises(ValueError, match=told):
        make()
