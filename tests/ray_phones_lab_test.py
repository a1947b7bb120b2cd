"""A search on a Ray cluster whose phones are real adb daemons on the loopback device."""

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from phone_lab import ROOT, beside_phones
from phone_lab_test import plug, serials, unplug

from search.trials import COMPLETED, TrialStore

pytestmark = pytest.mark.tensorflow

pytest.importorskip("ray", reason="Ray is not installed: pip install -e '.[ray]'")

TRIALS = 4
PATIENCE_SECONDS = 120
# Digits at 16 px for an epoch, and repeats that may lie apart: the machine is shared.
SEARCH = (
    "--dataset=digits",
    "--proxy_epochs=1",
    "--proxy_image_size=16",
    "--proxy_batch_size=128",
    "--references=",
    "--batch_size=2",
    f"--max_trials={TRIALS}",
    "--target_latency_ms=0.5",
    "--latency=phone",
    "--latency_image_size=16",
    "--min_seconds=0.3",
    "--max_tries=3",
    "--max_spread=50",
    "--max_drift=0.99",
)


@contextlib.contextmanager
def cluster_with_phones(phones):
    """The address of a cluster of two nodes: a head that trains, and one with so many phones."""
    from ray.cluster_utils import Cluster

    # Ray's sockets lie in a folder whose path must be short, which a test's is not.
    with tempfile.TemporaryDirectory(dir="/tmp") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_TMPDIR", folder)
        cluster = Cluster(
            initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False}
        )
        try:
            cluster.add_node(num_cpus=0, resources={"phone": phones})
            cluster.wait_for_nodes()
            yield cluster.address
        finally:
            cluster.shutdown()


def waited_for(condition):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"not within {PATIENCE_SECONDS} s: {condition.__name__}"
        time.sleep(0.1)


# A cluster and a search, with TensorFlow in three of its processes: 20 to 40 s of CPU time.
@beside_phones(2, timeout=300)
def test_phones_of_a_ray_node_time_each_network_though_they_are_unplugged_meanwhile():
    with tempfile.TemporaryDirectory() as folder, cluster_with_phones(2) as address:
        workdir, output = Path(folder, "w"), Path(folder, "output")
        with output.open("wb") as file:
            search = subprocess.Popen(
                [
                    *(sys.executable, "-m", "search.main", *SEARCH, f"--workdir={workdir}"),
                    *("--executor=ray", f"--ray_address={address}", "--num_workers=1"),
                    f"--benchmark_model={os.environ['LAB_BENCHMARK_MODEL']}",
                ],
                cwd=ROOT,
                stdout=file,
                stderr=subprocess.STDOUT,
            )

        def a_trial_is_done():
            assert search.poll() is None, output.read_text()
            return (workdir / "trials.csv").exists()

        def somebody_waits():
            assert search.poll() is None, output.read_text()
            return "waiting for a phone" in output.read_text()

        try:
            waited_for(a_trial_is_done)
            for number in range(2):
                unplug(number)
            waited_for(somebody_waits)
            for number in range(2):
                plug(number)
            assert search.wait(timeout=PATIENCE_SECONDS) == 0, output.read_text()
        finally:
            search.kill()
        store = TrialStore(workdir / "search.sqlite", read_only=True)
        trials, events = store.trials(), store.events()

    assert [trial.trial for trial in trials] == list(range(TRIALS))
    assert [trial.status for trial in trials] == [COMPLETED] * TRIALS
    records = [trial.measured.records["latency"] for trial in trials]
    assert all(record["kind"] == "phone" and record["latency_ms"] > 0 for record in records)
    assert {record["phone"]["serial"] for record in records} == set(serials())
    assert {record["phone"]["hardware_serial"] for record in records} == {"LAB0", "LAB1"}
    host = socket.gethostname()
    assert {record["host"] for record in records} == {host}
    # Who has the phones tells what happens to them, and the search says where that was.
    told = [event["message"] for event in events]
    assert all(message.startswith(f"host {host}: ") for message in told)
    happened = [event["kind"] for event in events]
    for kind in ("gone", "waiting", "going_on"):
        assert kind in happened, told
