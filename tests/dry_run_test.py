"""Tests of search.main --dry_run: what it says, and that it does nothing."""

import subprocess
import sys

import made_up_nasbench
import pytest

from search.dry_run import Cost, _cost_of, _side_by_side
from search.executors.config import ExecutorConfig
from search.trials import Measured, Trial, TrialStore

pytestmark = pytest.mark.tensorflow

DIGITS = (
    "--dataset=digits",
    "--proxy_epochs=1",
    "--proxy_image_size=16",
    "--proxy_batch_size=256",
    "--latency=estimate:pixel1",
    "--references=",
    "--batch_size=4",
    "--max_trials=12",
)


def dry_run(*arguments):
    done = subprocess.run(
        [sys.executable, "-m", "search.main", "--dry_run", *arguments],
        capture_output=True,
        text=True,
        timeout=300,
    )
    return done.returncode, done.stdout, done.stderr


def test_where_nothing_is_measured_yet_one_network_is(tmp_path):
    workdir = tmp_path / "w"
    status, out, err = dry_run(
        *DIGITS, "--executor=processes", "--num_workers=2", f"--workdir={workdir}"
    )
    assert (status, err) == (0, "")
    lines = dict(line.split(maxsplit=1) for line in out.splitlines() if line[0] != " ")
    assert lines["Space"].startswith("mnasnet: 2.81e18 networks, 42 decisions")
    assert "1,438 images to train" in lines["Data"]
    assert lines["Budget"] == "12 trials, of which ppo learns in 3 updates of 4 (--update=batch)"
    assert lines["Workers"].startswith("processes: 2 workers of 1 thread")
    assert lines["Workdir"] == f"{workdir}, which will be made"
    # 1,438 images make 5 whole batches of 256.
    assert lines["Time"].endswith("estimate from 5 steps of one random network, on this host")
    assert "12 trials of " in out
    assert not workdir.exists()


def test_where_trials_are_there_their_costs_are_taken_and_other_settings_refused(tmp_path):
    data = made_up_nasbench.write(tmp_path / "data")
    arguments = (
        "--accuracy=surrogate",
        f"--surrogate_data={data}",
        "--search_space=accel_nasbench",
        "--latency=estimate:pixel1",
        "--batch_size=10",
        f"--workdir={tmp_path / 'w'}",
    )
    command = [sys.executable, "-m", "search.main", *arguments, "--max_trials=20"]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    with_ten_more = (*arguments, "--max_trials=30")
    status, out, _ = dry_run(*with_ten_more)
    assert status == 0
    assert "with 20 trials: the search goes on" in out
    assert "10 trials of" in out
    assert "networks measured so far" in out
    status, out, _ = dry_run(*arguments, "--max_trials=20")
    assert (status, out.splitlines()[-1]) == (0, "Time      none, all is done")
    status, _, err = dry_run(*with_ten_more, "--seed=5")
    assert status == 2
    assert "search.seed is 0 there, 5 now" in err
    assert len(TrialStore(tmp_path / "w" / "search.sqlite", read_only=True).trials()) == 20


def test_without_a_phone_it_says_why_and_goes_on(tmp_path):
    tool = tmp_path / "benchmark_model"
    tool.write_bytes(b"\x7fELF" + bytes(60))
    status, out, err = dry_run(
        *(argument for argument in DIGITS if not argument.startswith("--latency")),
        "--latency=phone",
        f"--benchmark_model={tool}",
        f"--adb={tmp_path / 'adb'}",
    )
    assert (status, err) == (0, "")
    assert "Phones    none: " in out
    assert out.splitlines()[-1] == "The search would not start: there is no phone to time on."


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--dataset=imagenet", "--data_dir=/nowhere"), "/nowhere"),
        (("--executor=processes", "--num_workers=1", "--worker_gpus=64"), "worker_gpus is 64"),
    ],
)
def test_what_the_search_would_refuse_is_refused_in_one_line(arguments, told):
    status, _, err = dry_run(*arguments)
    assert status == 2
    assert told in err
    assert len(err.splitlines()) == 1


def test_timing_hides_behind_training_where_several_work():
    cost = Cost(train_seconds=10.0, latency_seconds=4.0, source="")
    assert cost.seconds(workers=1, timers=None) == 14.0  # one after the other
    assert cost.seconds(workers=2, timers=1) == 5.0  # 10 / 2 over 4
    assert cost.seconds(workers=5, timers=1) == 4.0  # the one clock is the bottleneck
    assert cost.seconds(workers=5, timers=4) == 2.0


def test_the_cost_of_a_trial_is_the_mean_of_those_that_were_measured():
    def trial(number, train, latency, reused=None):
        one = Measured(("a",), 0.5, 1.0, 0.5, train_seconds=train, latency_seconds=latency)
        return Trial(number, (0,), one, reused_from=reused)

    cost = _cost_of([trial(0, 4.0, 1.0), trial(1, 8.0, 2.0), trial(2, 4.0, 1.0, reused=0)])
    assert (cost.train_seconds, cost.latency_seconds) == (6.0, 1.5)
    assert cost.source == "mean of the 2 networks measured so far"
    assert _cost_of([]) is None


def test_workers_without_a_core_of_their_own_speed_nothing_up(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {0, 1, 2, 3})
    assert _side_by_side(ExecutorConfig("processes", num_workers=2), 2) == 2
    assert _side_by_side(ExecutorConfig("processes", num_workers=9), 9) == 4
    assert _side_by_side(ExecutorConfig("processes", num_workers=9, threads=0), 9) == 1
    assert _side_by_side(ExecutorConfig("ray", num_workers=9), 9) == 9
