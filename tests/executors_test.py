import dataclasses
import functools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from planted_evaluators import (
    PlantedAccuracy,
    PlantedLatency,
    accuracy_of,
    dies_at_once,
    latency_of,
    no_data,
)

from search.executors.config import ExecutorConfig
from search.executors.measuring import Workload
from search.executors.open import open_executor
from search.executors.processes import Processes
from search.executors.tasks import WorkersFailed
from search.loop import SearchConfig, run_search
from search.reward import RewardConfig
from search.search_space import Decision, SearchSpace
from search.trials import COMPLETED, INFEASIBLE, TrialStore

REWARD = RewardConfig(target_latency_ms=20.0, infeasible_reward=-0.25)
SPACE = SearchSpace([Decision(name, (0, 1, 2)) for name in "abcd"], name="toy")


def rows(result):
    return [
        (t.trial, t.tokens, t.network, t.measured.accuracy, t.measured.latency_ms, t.reused_from)
        for t in result.trials
    ]


def search(accuracy=None, make=None, latency=None, workdir=None, observers=(), **fields):
    """A random search by two processes, or as the fields of ExecutorConfig say."""
    config = {
        field.name: fields.pop(field.name)
        for field in dataclasses.fields(ExecutorConfig)
        if field.name in fields
    }
    settings = {"algorithm": "random", "max_trials": 30, "batch_size": 10} | fields
    accuracy = accuracy or PlantedAccuracy()
    latency = latency or PlantedLatency()
    executor_config = ExecutorConfig(**{"kind": "processes", "num_workers": 2} | config)
    with open_executor(executor_config) as executor:
        workers = executor.workers(
            accuracy,
            latency,
            make or functools.partial(_same, accuracy),
            functools.partial(_same, latency),
        )
        return run_search(
            SPACE,
            accuracy,
            latency,
            SearchConfig(REWARD, **settings),
            workdir=workdir,
            observers=observers,
            measuring=workers.measuring,
        )


def _same(evaluator):
    return evaluator


def alone(**fields):
    settings = {"algorithm": "random", "max_trials": 30, "batch_size": 10} | fields
    return run_search(SPACE, accuracy_of, latency_of, SearchConfig(REWARD, **settings))


@pytest.mark.parametrize("num_workers", [1, 3])
def test_processes_give_the_trials_of_a_search_without_them(num_workers, tmp_path):
    # Networks take up to 50 ms, each another time, so they finish in another order.
    accuracy = PlantedAccuracy(seconds=0.05, meet=str(tmp_path), processes=num_workers)
    result = search(accuracy, num_workers=num_workers)
    assert rows(result) == rows(alone())
    workers = {t.measured.records["accuracy"]["process"] for t in result.trials}
    assert len(workers) == num_workers
    timers = {t.measured.records["latency"]["process"] for t in result.trials}
    assert len(timers) == 1 and not timers & workers


def test_a_network_that_kills_its_worker_is_infeasible_and_harms_no_other():
    result = search(PlantedAccuracy("a=1", "crash"), max_retries=2, max_trials=20)
    planted = [t for t in result.trials if t.network[0] == "a=1"]
    assert planted and all(t.status == INFEASIBLE for t in planted)
    measured = planted[0].measured
    assert measured.reward == -0.25
    assert measured.reason.startswith("accuracy failed 3 times: ")
    assert "was killed by SIGKILL" in measured.reason
    assert len(measured.records["lost_workers"]) == 3
    others = [row for row in rows(alone(max_trials=20)) if row[2][0] != "a=1"]
    assert [row for row in rows(result) if row[2][0] != "a=1"] == others


def test_a_network_that_hangs_is_infeasible_and_its_worker_ended():
    result = search(PlantedAccuracy("a=2", "hang"), max_retries=0, trial_timeout=3.0, max_trials=10)
    planted = [t for t in result.trials if t.network[0] == "a=2"]
    assert planted
    for trial in planted:
        assert trial.measured.reason.startswith("accuracy failed once: ")
        assert trial.measured.reason.endswith("took longer than 3 s (--trial_timeout)")
    assert all(t.status == COMPLETED for t in result.trials if t.network[0] != "a=2")


def test_a_worker_without_memory_is_replaced_and_the_network_tried_elsewhere():
    result = search(PlantedAccuracy("a=1", "starve"), max_retries=1, max_trials=10)
    [reason] = {t.measured.reason for t in result.trials if t.network[0] == "a=1"}
    assert reason == "accuracy failed 2 times: MemoryError"


def test_what_an_evaluator_refuses_is_not_tried_again():
    result = search(PlantedAccuracy("a=0", "refuse"), max_trials=10)
    reasons = {t.measured.reason for t in result.trials if t.network[0] == "a=0"}
    assert reasons == {"the loss is not finite"}


def test_a_failure_of_the_surroundings_ends_the_search_and_makes_no_trial(tmp_path):
    with pytest.raises(OSError, match="no space left on device"):
        search(PlantedAccuracy("a=1", "raise"), workdir=tmp_path)
    kept = TrialStore(tmp_path / "search.sqlite", read_only=True).trials()
    assert all(t.network[0] != "a=1" and t.status == COMPLETED for t in kept)
    assert rows(search(workdir=tmp_path)) == rows(alone())


def test_data_that_a_worker_lacks_ends_the_search_before_any_trial(tmp_path):
    with pytest.raises(ValueError, match="data_dir /nowhere: no such folder"):
        search(make=no_data, workdir=tmp_path)
    assert TrialStore(tmp_path / "search.sqlite", read_only=True).trials() == []


def test_workers_that_never_start_end_the_search():
    with pytest.raises(WorkersFailed, match=r"^3 workers in a row died: .* exit status 3$"):
        search(make=dies_at_once)


def test_a_worker_that_grows_is_replaced():
    # 300 MB a network, over the limit each time: every network gets a new process.
    result = search(
        PlantedAccuracy("a=1", "grow"), num_workers=1, worker_memory_mb=250, max_trials=10
    )
    assert rows(result) == rows(alone(max_trials=10))
    processes = [
        t.measured.records["accuracy"]["process"]
        for t in result.trials
        if t.network[0] == "a=1" and t.reused_from is None
    ]
    assert len(processes) > 1 and len(set(processes)) == len(processes)
    assert not any("lost_workers" in t.measured.records for t in result.trials)


def test_a_network_over_the_limit_of_latency_is_never_trained():
    # Latency is 20 plus the digits: 24 and over are too slow.
    result = search(max_latency_ms=23.0)
    slow = [t for t in result.trials if latency_of(t.network) > 23]
    assert slow and all("accuracy" not in t.measured.records for t in slow)
    assert all("is over 23 ms" in t.measured.reason for t in slow)


def test_a_killed_worker_costs_a_retry_and_no_trial():
    class Killer:
        """Kills a worker after the first trials."""

        killed = 0

        def on_start(self, number, network):
            pass

        def on_update(self, update, metrics):
            self.retries = metrics["retries"]

        def on_trial(self, trial):
            if trial.trial in (3, 12):
                os.kill(trial.measured.records["accuracy"]["process"], signal.SIGKILL)
                self.killed += 1

    killer = Killer()
    result = search(PlantedAccuracy(seconds=0.1), observers=[killer])
    assert rows(result) == rows(alone())
    assert killer.killed and killer.retries <= killer.killed


def test_workers_get_gpus_of_their_own(monkeypatch, tmp_path):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,6,7")
    result = search(PlantedAccuracy(meet=str(tmp_path), processes=2), gpus=2)
    assert {t.measured.records["accuracy"]["gpus"] for t in result.trials} == {"4,5", "6,7"}
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "4,5,6,7"
    with pytest.raises(ValueError, match=r"3 workers would need 6 GPUs: .* has 4"):
        Processes(ExecutorConfig("processes", num_workers=3, gpus=2))
    assert Processes(ExecutorConfig("processes", gpus=2)).num_workers == 2


_DRIVER = """
import functools, sys, time
sys.path.insert(0, {tests!r})
from planted_evaluators import PlantedAccuracy
from executors_test import search

if __name__ == "__main__":
    class Tell:
        def on_start(self, number, network): pass
        def on_update(self, update, metrics): pass
        def on_trial(self, trial):
            print(trial.measured.records["accuracy"]["process"],
                  trial.measured.records["latency"]["process"], flush=True)
    search(PlantedAccuracy(seconds=0.2), observers=[Tell()], max_trials=1000)
"""


def test_workers_die_with_a_driver_that_is_killed(tmp_path):
    script = tmp_path / "driver.py"
    script.write_text(_DRIVER.format(tests=str(Path(__file__).parent)))
    root = Path(__file__).parent.parent
    driver = subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root)},
    )
    processes = {int(word) for _ in range(6) for word in driver.stdout.readline().split()}
    driver.kill()
    driver.wait()
    assert len(processes) == 3
    deadline = time.monotonic() + 20
    while any(map(_runs, processes)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(_runs, processes))


def _runs(process):
    try:
        return "\nState:\tZ" not in Path(f"/proc/{process}/status").read_text()
    except OSError:
        return False


def test_async_updates_learn_from_what_is_measured_first(tmp_path):
    order = []

    class Steps:
        def on_start(self, number, network):
            pass

        def on_trial(self, trial):
            order.append(trial.trial)

        def on_update(self, update, metrics):
            order.append("update")

    # Networks take up to 200 ms, each another time.
    result = search(
        PlantedAccuracy(seconds=0.2),
        update="async",
        batch_size=5,
        max_trials=40,
        observers=[Steps()],
        workdir=tmp_path,
    )
    assert sorted(t.trial for t in result.trials) == list(range(40))
    # Eight updates, the first after any five trials: some of the next batch are among them.
    assert order.count("update") == 8
    assert 5 <= order.index("update") < 10
    assert set(order[:10]) - {"update"} != set(range(9))
    measured = [t for t in result.trials if t.reused_from is None]
    assert len({t.network for t in measured}) == len(measured)
    for trial in result.trials:
        assert trial.measured.accuracy == accuracy_of(trial.network)


def test_an_async_search_stopped_anywhere_goes_on_with_every_trial_once(tmp_path):
    class Stop:
        def __init__(self, after):
            self.left = after

        def on_start(self, number, network):
            pass

        def on_update(self, update, metrics):
            pass

        def on_trial(self, trial):
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt

    fields = {
        "update": "async",
        "batch_size": 5,
        "max_trials": 40,
        "workdir": tmp_path,
        "algorithm": "evolution",
    }
    for after in (3, 12):
        with pytest.raises(KeyboardInterrupt):
            search(PlantedAccuracy(seconds=0.05), observers=[Stop(after)], **fields)
    (tmp_path / "checkpoints" / "algorithm.npz").unlink()  # as a power cut may leave it
    with pytest.raises(KeyboardInterrupt):
        search(PlantedAccuracy(seconds=0.05), observers=[Stop(7)], **fields)
    result = search(PlantedAccuracy(seconds=0.05), **fields)
    assert sorted(t.trial for t in result.trials) == list(range(40))
    measured = [t.network for t in result.trials if t.reused_from is None]
    assert len(set(measured)) == len(measured)
    again = search(PlantedAccuracy(seconds=0.05), **fields)
    assert rows(again) == rows(result)


class LastFirst:
    """Measures here, as so many workers would that begin with what was handed in last."""

    def __init__(self, evaluator, on_start, num_workers):
        self.evaluator, self.workers, self.waiting = evaluator, num_workers, []

    def submit(self, networks):
        self.waiting += networks

    def finished(self):
        return [self.evaluator.measure(self.waiting.pop())]

    def workload(self):
        return Workload(self.workers)


def test_an_async_search_goes_on_with_fewer_workers(tmp_path):
    class Stop:
        heard = 0

        def on_start(self, number, network):
            pass

        def on_update(self, update, metrics):
            pass

        def on_trial(self, trial):
            self.heard += 1
            if self.heard == 68:
                raise KeyboardInterrupt

    space = SearchSpace([Decision(name, (0, 1, 2)) for name in "abcdef"], name="toy")
    config = SearchConfig(
        REWARD, max_trials=150, batch_size=5, algorithm="evolution", update="async"
    )

    def run(num_workers, observers=()):
        measuring = functools.partial(LastFirst, num_workers=num_workers)
        return run_search(
            space,
            accuracy_of,
            latency_of,
            config,
            workdir=tmp_path,
            observers=observers,
            measuring=measuring,
        )

    with pytest.raises(KeyboardInterrupt):
        run(40, [Stop()])
    before = TrialStore(tmp_path / "search.sqlite", read_only=True).trials()
    result = run(2)
    assert [t.trial for t in result.trials] == list(range(150))
    assert {t.trial: t.network for t in result.trials}.items() >= {
        t.trial: t.network for t in before
    }.items()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"kind": "threads"}, "unknown executor 'threads'"),
        ({"kind": "processes", "num_workers": 0}, "num_workers is 0"),
        ({"kind": "inline", "num_workers": 2}, "for --executor=processes or --executor=ray only"),
        ({"kind": "processes", "gpus": 0.5}, "worker_gpus is 0.5, must be a whole number"),
        ({"kind": "processes", "trial_timeout": 0.0}, "trial_timeout is 0 s"),
        ({"kind": "processes", "ray_address": "auto"}, "ray_address is 'auto'"),
        ({"kind": "ray", "worker_memory_mb": 5}, "worker_memory_mb is 5"),
        ({"kind": "ray", "worker_resources": (("TPU", 0.0),)}, "worker_resources has TPU=0"),
        ({"kind": "processes", "worker_resources": (("TPU", 4.0),)}, "is 'TPU=4', which is for"),
        ({"kind": "ray", "threads": -1}, "worker_threads is -1"),
    ],
)
def test_an_executor_that_makes_no_sense_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        ExecutorConfig(**fields)
