"""What is killed, stopped or full harms no search; each fault that random ones found, by itself."""

import dataclasses
import multiprocessing
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from benchmarks.chaos import ChaosConfig, disturb
from benchmarks.compared_searches import differences
from benchmarks.disturbances import MARK, left_over, small_disk
from search.executors.config import ExecutorConfig
from search.executors.processes import Processes, ProcessWorker
from search.executors.tasks import Task, WorkerLost
from search.trials import Measured, Trial, TrialStore

ROOT = pathlib.Path(__file__).parent.parent
DRIVER = """
import time
from search.executors.processes import ProcessWorker

if __name__ == "__main__":
    worker = ProcessWorker(object)
    print(worker.name.process, flush=True)
    time.sleep(300)
"""


def hang():
    time.sleep(300)


def test_a_worker_that_is_stopped_ends_with_its_driver(tmp_path):
    (tmp_path / "driver.py").write_text(DRIVER)
    mark = f"stopped {os.getpid()}"
    driver = subprocess.Popen(
        [sys.executable, tmp_path / "driver.py"],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {MARK: mark, "PYTHONPATH": str(ROOT)},
        start_new_session=True,  # no shell, whose end of a job would continue what is stopped
    )
    worker = int(driver.stdout.readline())
    os.kill(worker, signal.SIGSTOP)
    driver.kill()
    driver.wait()
    driver.stdout.close()
    remaining = left_over(mark, seconds=20)
    for process in remaining:
        os.kill(process, signal.SIGKILL)
    assert remaining == []


def test_a_worker_that_hangs_at_its_start_is_lost():
    with pytest.raises(WorkerLost, match=r"process \d+, took longer than 2 s"):
        ProcessWorker(hang, start_timeout=2)


class Priced:
    def measure_all(self, networks):
        raise AssertionError("nobody asks")


def test_a_search_that_ends_leaves_no_worker_that_was_still_starting():
    with Processes(ExecutorConfig(kind="processes", num_workers=1)) as executor:
        executor.workers(None, Priced(), hang, hang)
        executor._pool.submit(Task("accuracy", ("a",)))
        while not multiprocessing.active_children():
            time.sleep(0.05)
    assert multiprocessing.active_children() == []


def test_a_start_may_take_longer_than_a_short_training():
    times = {None: None, 5.0: 120.0, 900.0: 900.0}
    for trial_timeout, start_timeout in times.items():
        config = ExecutorConfig(kind="processes", trial_timeout=trial_timeout)
        assert config.start_timeout == start_timeout


@pytest.fixture
def disk(tmp_path):
    (tmp_path / "disk").mkdir()
    with small_disk(tmp_path / "disk", megabytes=1) as disk:
        if not disk.can_fill:
            pytest.skip("no file system can be mounted here")
        yield disk


def test_a_disk_that_is_full_from_the_start_is_the_surroundings_fault(disk):
    disk.fill()
    search = [sys.executable, "-m", "search.main", "--latency=estimate:pixel1", "--max_trials=1"]
    done = subprocess.run(
        [*search, f"--workdir={disk.folder / 'w'}"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert "start the same command again" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_store_on_a_full_disk_tells_of_the_disk(disk):
    TrialStore(disk.folder / "search.sqlite").close()
    disk.fill()
    with pytest.raises(OSError, match=r"other\.sqlite: (database or disk is full|disk I/O)"):
        TrialStore(disk.folder / "other.sqlite")
    disk.free()
    TrialStore(disk.folder / "other.sqlite").close()


def finished_search(folder, trials):
    folder.mkdir()
    store = TrialStore(folder / "search.sqlite")
    store.append(trials)
    store.add_update(1, {"reward": 0.5, "workers": len(folder.name)})
    store.close()
    for name in ("trials.csv", "pareto.csv", "top.json", "report.html", "best.tflite"):
        (folder / name).touch()


def test_searches_that_should_be_equal_are_compared_number_by_number(tmp_path):
    trials = [
        Trial(number, (number, 1), Measured((f"network {number}",), 0.5, 10.0, 0.4))
        for number in range(3)
    ]
    finished_search(tmp_path / "alone", trials)
    # who measured is no difference
    finished_search(tmp_path / "same", trials)
    assert differences(tmp_path / "same", tmp_path / "alone") == []

    finished_search(tmp_path / "short", trials[:2])
    assert differences(tmp_path / "short", tmp_path / "alone") == [
        "short: trials [0, 1], undisturbed there are 3"
    ]
    other = dataclasses.replace(trials[1].measured, accuracy=0.25)
    changed = [trials[0], dataclasses.replace(trials[1], measured=other), trials[2]]
    finished_search(tmp_path / "changed", changed)
    (tmp_path / "changed" / "top.json").unlink()
    assert differences(tmp_path / "changed", tmp_path / "alone") == [
        "changed, trial 1: accuracy is 0.25, undisturbed 0.5",
        "changed: there is no top.json",
    ]


@pytest.mark.tensorflow
def test_a_search_in_chaos_equals_one_left_alone(capsys):
    config = ChaosConfig(max_trials=3, pause=(2.0, 6.0))
    # 12 s of chaos, the search then ends in peace
    assert disturb(config, minutes=0.2, seed=5, searches=1), capsys.readouterr().out
    assert "1 searches, 3 trials: equal those of undisturbed searches" in capsys.readouterr().out
