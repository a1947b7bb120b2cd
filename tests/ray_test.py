"""Searches on a Ray cluster: nodes of this machine, started for the tests."""

import contextlib
import http.server
import os
import signal
import threading
import time
import types
from pathlib import Path

import pytest
from executors_test import alone, rows, search
from planted_evaluators import PlantedAccuracy, no_data

from search.executors.config import ExecutorConfig
from search.executors.open import open_executor
from search.executors.tasks import WorkersFailed
from search.trials import COMPLETED, INFEASIBLE

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install -e '.[ray]'")


@pytest.fixture(autouse=True, scope="module")
def tests_can_be_imported():
    # The evaluators of these tests are no part of what is shipped.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parent))
        yield


class Deeds:
    """An observer that does something after a trial."""

    def __init__(self, trial, deed):
        self.trial, self.deed, self.metrics = trial, deed, {}

    def on_start(self, number, network):
        pass

    def on_update(self, update, metrics):
        self.metrics = metrics

    def on_trial(self, trial):
        if trial.trial == self.trial:
            self.deed(trial)


def test_ray_gives_the_trials_of_a_search_without_it_and_outlives_killed_workers():
    killed = []

    def kill(trial):
        killed.append(trial.measured.records["accuracy"]["process"])
        os.kill(killed[0], signal.SIGKILL)

    observer = Deeds(5, kill)
    result = search(PlantedAccuracy("a=1", "refuse", seconds=0.1), kind="ray", observers=[observer])
    expected = rows(alone())
    assert [row[1] for row in rows(result)] == [row[1] for row in expected]
    for trial, row in zip(result.trials, expected, strict=True):
        if trial.network[0] == "a=1":
            assert trial.measured.reason == "the loss is not finite"
        else:
            assert rows_of(trial) == row
    assert killed


def rows_of(trial):
    [row] = rows(type("Result", (), {"trials": [trial]}))
    return row


def test_a_network_that_kills_its_ray_worker_or_hangs_is_infeasible():
    result = search(PlantedAccuracy("a=1", "crash"), kind="ray", max_retries=1, max_trials=10)
    planted = [t for t in result.trials if t.network[0] == "a=1"]
    assert planted and all(t.status == INFEASIBLE for t in planted)
    assert planted[0].measured.reason.startswith("accuracy failed 2 times: ")
    assert all(t.status == COMPLETED for t in result.trials if t.network[0] != "a=1")

    result = search(
        PlantedAccuracy("a=2", "hang"), kind="ray", max_retries=0, trial_timeout=1, max_trials=10
    )
    planted = [t for t in result.trials if t.network[0] == "a=2"]
    assert planted and planted[0].measured.reason.endswith("took longer than 1 s (--trial_timeout)")


@contextlib.contextmanager
def three_nodes():
    """A cluster of three nodes, each a raylet of its own on the loopback device."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False}
    )
    for _ in range(2):
        cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    try:
        yield cluster
    finally:
        ray.shutdown()
        cluster.shutdown()


@pytest.fixture
def cluster():
    with three_nodes() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def lasting_cluster():
    """For tests that leave it as it is."""
    with three_nodes() as cluster:
        yield cluster


def test_a_node_that_is_lost_costs_no_trial(cluster):
    lost = next(iter(cluster.worker_nodes))
    loss = threading.Thread(target=cluster.remove_node, args=[lost, False])
    observer = Deeds(8, lambda trial: loss.start())
    result = search(
        PlantedAccuracy(seconds=0.5),
        kind="ray",
        num_workers=3,
        ray_address=cluster.address,
        observers=[observer],
        max_trials=40,
    )
    loss.join()
    assert rows(result) == rows(alone(max_trials=40))
    assert len({t.measured.records["accuracy"]["process"] for t in result.trials}) >= 3
    assert sum(node["Alive"] for node in ray_nodes(cluster)) == 2


def ray_nodes(cluster):
    ray.init(address=cluster.address, logging_level="ERROR")
    deadline = time.monotonic() + 30
    while sum(node["Alive"] for node in ray.nodes()) > 2 and time.monotonic() < deadline:
        time.sleep(0.2)
    return ray.nodes()


def test_what_a_cluster_does_not_have_is_told_before_any_trial(lasting_cluster):
    cluster = lasting_cluster

    def refused(**fields):
        with (
            pytest.raises(ValueError) as raised,
            open_executor(ExecutorConfig("ray", ray_address=cluster.address, **fields)),
        ):
            pass
        assert "\n" not in str(raised.value)
        return str(raised.value)

    assert "worker_gpus is 1, no host has as many: " in refused(num_workers=2, gpus=1)
    assert " has 0, " in refused(num_workers=2, gpus=1)
    assert "num_workers is 4, there is room for 3: worker_threads is 1, " in refused(num_workers=4)
    # Three processors there are, but not side by side.
    assert "worker_threads is 2, no host has as many: " in refused(num_workers=1, threads=2)
    assert "worker_resources is TPU=4, no host has as many: " in refused(
        num_workers=1, worker_resources=(("TPU", 4.0),)
    )
    with pytest.raises(ValueError, match=r"^worker on host \S+: data_dir /nowhere: no such folder"):
        search(make=no_data, kind="ray", num_workers=1, ray_address=cluster.address)


def test_an_address_without_ray_is_refused_in_one_line():
    config = ExecutorConfig("ray", ray_address="127.0.0.1:1")
    with (
        pytest.raises(ValueError, match=r"^ray_address: no cluster at 127\.0\.0\.1:1: .*refused$"),
        open_executor(config),
    ):
        pass


def test_an_address_where_something_else_answers_is_refused_in_one_line():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"127.0.0.1:{server.server_port}"
    with (
        pytest.raises(ValueError, match=f"^ray_address: no cluster at {address}: nothing there "),
        open_executor(ExecutorConfig("ray", ray_address=address)),
    ):
        pass
    server.shutdown()
    server.server_close()


def test_that_no_host_has_room_for_a_worker_is_told_once_and_that_one_has_again():
    from search.executors.ray_watch import Watch

    workload, told = types.SimpleNamespace(training=0, waiting=3), []
    nodes = [{"Alive": False, "Resources": {"CPU": 8}}, {"Alive": True, "Resources": {"CPU": 1}}]
    watch = Watch(
        lambda: workload, {"CPU": 2}, patience=0.0, look=0.01, tell=told.append, nodes=lambda: nodes
    )
    deadline = time.monotonic() + 10
    while not told and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.1)
    workload.training = 1
    while len(told) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    watch.stop()
    assert told == [
        "no host of the cluster has room for a worker (CPU=2): 3 networks wait until one joins it",
        "going on: the cluster has room for a worker again",
    ]


def test_a_search_whose_own_ray_has_died_ends():
    def kill(trial):
        raylets = [
            int(process.parent.name)
            for process in Path("/proc").glob("[0-9]*/status")
            if {"Name:\traylet", f"PPid:\t{os.getpid()}"} <= set(process.read_text().split("\n"))
        ]
        os.kill(max(raylets), signal.SIGKILL)  # those of the other tests' cluster are older

    with pytest.raises(WorkersFailed, match=r"^(the Ray that the search had started has|Ray: )"):
        search(PlantedAccuracy(seconds=2.0), kind="ray", observers=[Deeds(3, kill)], max_trials=200)


def test_a_host_of_another_version_is_named(lasting_cluster, monkeypatch):
    from search.executors import ray_cluster

    # Here, not there.
    monkeypatch.setattr(ray_cluster.platform, "python_version", lambda: "3.9.1")
    with (
        pytest.raises(ValueError, match=r"^ray_address: host \S+ has Python \S+, this .* 3\.9\.1$"),
        open_executor(ExecutorConfig("ray", ray_address=lasting_cluster.address)),
    ):
        pass
