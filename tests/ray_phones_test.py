"""Phones on hosts of a Ray cluster, by a scripted clock."""

import dataclasses
import os
import signal
import socket
import threading
import time
from pathlib import Path

import pytest

from search.evaluators import Evaluation
from search.timing.phone_journal import PhoneJournal
from tflite_bench.device_errors import NoPhoneError
from tflite_bench.measurement import MeasurementError
from tflite_bench.shelf_config import Event

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install -e '.[ray]'")


@dataclasses.dataclass
class Scripted:
    """Stands for a latency's config: what the phones of a host do.

    Attributes:
      folder: with one file per host that was asked: the first finds 'first' there.
      device: the phone model of the first host.
      other: of every further one.
    """

    folder: str
    device: str = "Pixel"
    other: str = "Pixel"


class ScriptedTimer:
    """Its networks are words that say what is to happen; their milliseconds are their length."""

    def __init__(self, config, journal):
        self.folder, self.journal = Path(config.folder), journal
        if (self.folder / "unplugged").exists():
            raise ValueError("no phone is attached")
        made = len(list(self.folder.glob("made*")))
        (self.folder / f"made{made}").touch()
        model = config.other if made else config.device
        self.settings = {"device": model}
        self.description = f"1 x {model}"

    def time(self, tflite):
        if tflite == b"refuse":
            raise MeasurementError("the tool knows no such operator")
        if tflite == b"unplug":
            raise NoPhoneError("no phone is attached")
        if tflite == b"wait":
            self.journal.on_event(Event("waiting", "", "waiting for a phone", 1.0))
            while not (self.folder / "plugged").exists():
                time.sleep(0.05)
        if tflite == b"die":
            (self.folder / "died").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        first = {"SERIAL": 2.0, **self.journal.first_ms}
        self.journal.remember(first)
        return Evaluation(float(len(tflite)), {"first_ms": first["SERIAL"]})


def scripted(config, num_classes, journal):
    assert num_classes == 10
    return ScriptedTimer(config, journal)


@pytest.fixture(scope="module")
def cluster():
    """Two nodes of this machine, one with two phones, one with one."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 0, "resources": {"phone": 2}, "include_dashboard": False},
    )
    cluster.add_node(num_cpus=0, resources={"phone": 1})
    cluster.wait_for_nodes()
    environment = {"env_vars": {"PYTHONPATH": str(Path(__file__).parent)}}
    ray.init(cluster.address, logging_level="ERROR", log_to_driver=False, runtime_env=environment)
    yield cluster
    ray.shutdown()
    cluster.shutdown()


@pytest.fixture
def phones(cluster, tmp_path, monkeypatch):
    """Makes the clock of a search on the first so many nodes, and keeps what is told."""
    from search.executors import ray_phones

    monkeypatch.setattr(ray_phones, "_LISTEN_SECONDS", 0.2)
    made = []

    def make(nodes, **fields):
        found = sorted(ray.nodes(), key=lambda node: -node["Resources"].get("phone", 0))[:nodes]
        nodes = [
            ray_phones.PhoneNode(
                f"host{i}", node["NodeManagerAddress"], int(node["Resources"]["phone"])
            )
            for i, node in enumerate(found)
        ]
        journal = Told()
        made.append(
            ray_phones.RayPhones(nodes, Scripted(str(tmp_path), **fields), 10, journal, scripted)
        )
        made[-1].told = journal.told
        return made[-1]

    yield make
    for timer in made:
        timer.close()


class Told(PhoneJournal):
    def __init__(self):
        super().__init__()
        self.told = []

    def on_event(self, event):
        self.told.append(event.message)


def waited_for(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


def test_phones_of_several_hosts_are_one_clock(phones):
    timer = phones(2)
    assert timer.at_once == 3
    assert timer.settings == {"device": "Pixel"}
    assert timer.description == "1 x Pixel (and those of 1 more host)"
    record = {"first_ms": 2.0, "host": socket.gethostname()}
    assert timer.time(b"four") == Evaluation(4.0, record)
    assert timer._journal.first_ms == {"SERIAL": 2.0}


def test_phones_of_different_models_on_two_hosts_are_refused(phones):
    message = (
        "^device: phones of a search must be of one model and timed alike: on host host1 there is "
        "1 x Galaxy, which is not 1 x Pixel$"
    )
    with pytest.raises(ValueError, match=message):
        phones(2, other="Galaxy")


def test_what_a_phone_says_of_a_network_or_of_itself_comes_back_as_it_is(phones):
    timer = phones(1)
    with pytest.raises(MeasurementError, match=r"^the tool knows no such operator$"):
        timer.time(b"refuse")
    with pytest.raises(NoPhoneError, match=r"^host host0: no phone is attached$"):
        timer.time(b"unplug")
    assert timer.time(b"next").value == 4.0


def test_who_waits_for_a_phone_is_told_while_it_is_waited_for(phones, tmp_path):
    timer = phones(1)
    waits = threading.Thread(target=timer.time, args=[b"wait"])
    waits.start()
    assert waited_for(lambda: timer.told)
    assert timer.told[0].startswith("host ") and timer.told[0].endswith(": waiting for a phone")
    (tmp_path / "plugged").touch()
    waits.join(timeout=30)
    assert not waits.is_alive()


def test_a_host_with_phones_that_is_lost_costs_a_retry_and_is_waited_for(phones, tmp_path):
    from search.executors.tasks import WorkerLost

    timer = phones(1)
    assert timer.time(b"one").value == 3.0
    (tmp_path / "unplugged").touch()  # when it comes back
    with pytest.raises(WorkerLost, match=r"^host host0 with phones was lost: "):
        timer.time(b"die")
    assert waited_for(lambda: any("no phone is attached" in line for line in timer.told))
    assert timer.told[0].endswith("; waiting for it")
    (tmp_path / "unplugged").unlink()
    # It has two phones: the place that was idle is not tried, but waited for like the other.
    assert timer.time(b"three").value == 5.0
    assert waited_for(lambda: "going on with the phones of host host0" in timer.told)
