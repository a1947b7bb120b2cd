"""A search beside loopback phones that come, go and grow hot."""

import collections
import hashlib
import os
import tempfile
import threading
import time

import pytest
from phone_lab import beside_phones
from phone_lab_test import folder, heat, plug, serials, unplug

from search.latency import LatencyConfig, make_latency, make_timer
from search.loop import SearchConfig, run_search
from search.report import write_report
from search.reward import RewardConfig
from search.search_space import get_space
from search.timing.phone_journal import PhoneJournal
from search.trials import COMPLETED
from search.workdir import Workdir
from tflite_bench.benchmark_tool import ToolConfig
from tflite_bench.device_errors import PhoneGoneError
from tflite_bench.devices import DeviceConfig
from tflite_bench.drift import DriftConfig
from tflite_bench.phone_clock import PhoneClock
from tflite_bench.shelf_config import ShelfConfig
from tflite_bench.thermal import Limits

pytestmark = pytest.mark.tensorflow

SPACE = get_space("mnasnet", "mobilenet-v2")
TRIALS = 6
PATIENCE_SECONDS = 60


class Accidents:
    """Accuracy of a search, and what befalls its phones meanwhile.

    Phone 0 is unplugged in the middle of a measurement; phone 1 is hot from the next accuracy on,
    so that none is left. Phone 0 is plugged in again when the search says that it waits, and phone
    1 has cooled down after the first network since.
    """

    def __init__(self):
        self.told, self.heated, self.cooled, self.calls = [], False, False, 0

    def tell(self, line):
        self.told.append(line)
        if "waiting for a phone" in line:
            plug(0)

    def has_told(self, words):
        return any(words in line for line in self.told)

    def accuracy(self, network):
        self.calls += 1
        if self.calls == 2:
            threading.Thread(target=self.unplug_when_busy, daemon=True).start()
        elif self.has_told("going on with phone") and not self.cooled:
            self.cooled = True
            heat(1, 300)
            time.sleep(0.3)  # so that the shelf looks at it again
        elif self.has_told("went away") and not self.heated:
            self.heated = True
            heat(1, 455)
        return 0.5

    def unplug_when_busy(self):
        at_work = folder(0) / "data" / "local" / "tmp" / "tflite_bench" / "pid"
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not at_work.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.1)
        unplug(0)


# Networks are converted as in a search: a second or two of CPU time each.
@beside_phones(2, timeout=300)
def test_phones_that_go_and_grow_hot_cost_a_search_no_trial():
    device = DeviceConfig(
        on_phones=True,
        benchmark_model=os.environ["LAB_BENCHMARK_MODEL"],
        # On a shared machine repeats lie far apart, and phones seem to drift.
        tool=ToolConfig(min_seconds=0.3, repeats=2, max_tries=2, max_spread=50.0),
        limits=Limits(poll_seconds=0.1),
        shelf=ShelfConfig(
            poll_seconds=0.1, aside_seconds=0.2, drift=DriftConfig(every=100, max_drift=0.99)
        ),
    )
    config = LatencyConfig(kind="phone", image_size=16, device=device)
    accidents, journal = Accidents(), PhoneJournal()
    latency = make_latency(
        config, SPACE.architecture, None, 10, make_timer(config, num_classes=10, journal=journal)
    )
    search = SearchConfig(
        reward=RewardConfig(target_latency_ms=0.5),
        max_trials=TRIALS,
        batch_size=1,
        algorithm="random",
    )
    with (
        pytest.MonkeyPatch.context() as patch,
        tempfile.TemporaryDirectory() as path,
        Workdir(path) as workdir,
    ):
        attempts = counted_attempts(patch)
        journal.attach(workdir.store, accidents.tell)
        trials = run_search(SPACE, accidents.accuracy, latency, search, workdir=workdir).trials
        events = workdir.store.events()
        report = write_report(workdir.path, workdir.store).read_text(encoding="utf-8")

    assert [trial.status for trial in trials] == [COMPLETED] * TRIALS
    records = [trial.measured.records["latency"] for trial in trials]
    assert all(record["latency_ms"] > 0 for record in records)
    assert {record["phone"]["hardware_serial"] for record in records} == {"LAB0", "LAB1"}
    # One attempt was cut off; apart from it each network was timed once.
    errors = [error for _, error in attempts if error]
    assert [type(error) for error in errors] == [PhoneGoneError]
    times = collections.Counter(sha256 for sha256, error in attempts if not error)
    assert [times[record["model_sha256"]] for record in records] == [1] * TRIALS

    told = [(event["kind"], event["serial"]) for event in events]
    zero, one = serials()
    happened = [
        ("gone", zero),
        ("hot", one),
        ("waiting", ""),
        ("found", zero),
        ("going_on", zero),
        ("found", one),
    ]
    assert [event for event in told[2:] if event[0] not in ("set_aside", "drift")] == happened
    assert accidents.told == [event["message"] for event in events]
    for words in ("went away", "cools down", "waiting for a phone", "serves again"):
        assert words in report


def counted_attempts(patch):
    """(sha256 of the network, None or the error) of each measurement on any phone, as they come."""
    made, measure = [], PhoneClock.measure

    def counted(self, tflite):
        error = None
        try:
            return measure(self, tflite)
        except Exception as raised:
            error = raised
            raise
        finally:
            made.append((hashlib.sha256(tflite).hexdigest(), error))

    patch.setattr(PhoneClock, "measure", counted)
    return made
