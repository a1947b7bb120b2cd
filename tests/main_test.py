import os
import random
import signal
import subprocess
import sys
import time

import pytest

from search.trials import TrialStore

pytestmark = pytest.mark.tensorflow

# Digits at 16 px for an epoch: the real thing, as short as it gets.
SEARCH = (
    "--dataset=digits",
    "--proxy_epochs=1",
    "--proxy_image_size=16",
    "--proxy_batch_size=128",
    "--latency=estimate:pixel1",
    "--references=",
    "--batch_size=3",
    "--max_trials=7",
)


def start(*arguments, environment=None):
    return subprocess.Popen(
        [sys.executable, "-m", "search.main", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | (environment or {}),
    )


def run(*arguments, environment=None):
    process = start(*arguments, environment=environment)
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


def rows(workdir):
    store = TrialStore(workdir / "search.sqlite", read_only=True)
    return [
        (t.trial, t.tokens, t.network, t.measured.accuracy, t.measured.latency_ms, t.reward)
        for t in store.trials()
    ]


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("alone")
    status, _, err = run(*SEARCH, f"--workdir={workdir}")
    assert (status, err) == (0, "")
    assert len(rows(workdir)) == 7
    return workdir


def test_a_search_killed_four_times_equals_one_left_alone(alone, tmp_path):
    moments = random.Random(20180731)
    for _ in range(4):
        process = start(*SEARCH, f"--workdir={tmp_path / 'killed'}")
        time.sleep(moments.uniform(5, 14))
        process.send_signal(signal.SIGKILL)
        process.communicate()
    status, out, _ = run(*SEARCH, f"--workdir={tmp_path / 'killed'}")
    assert status == 0
    assert "Best of 7 trials is trial" in out
    assert rows(tmp_path / "killed") == rows(alone)
    assert (tmp_path / "killed" / "best.tflite").stat().st_size > 100_000
    assert (tmp_path / "killed" / "report.html").exists()

    # The same command once more finds nothing to do; other settings are refused.
    status, out, _ = run(*SEARCH, "--worker_threads=2", f"--workdir={tmp_path / 'killed'}")
    assert (status, "Nothing was left to do: all 7 trials" in out) == (0, True)
    assert "inline: this process, on 2 threads" in out
    assert "--worker_threads was 1 so far" in out
    status, _, err = run(*SEARCH, "--seed=5", f"--workdir={tmp_path / 'killed'}")
    assert status == 2
    assert "search.seed is 0 there, 5 now" in err
    assert len(err.splitlines()) == 1


def test_two_processes_find_the_same_and_do_all_the_training(alone, tmp_path):
    status, out, err = run(
        *SEARCH,
        "--references=mnasnet-small",
        "--executor=processes",
        "--worker_gpus=1",
        "--worker_threads=1",
        f"--workdir={tmp_path}",
        environment={"CUDA_VISIBLE_DEVICES": "0,1"},  # which are not there: TensorFlow does without
    )
    assert (status, err) == (0, "")
    assert "workers 2  busy " in out
    assert rows(tmp_path) == rows(alone)
    # Trained and converted by a worker, to the same bits.
    assert (tmp_path / "best.tflite").read_bytes() == (alone / "best.tflite").read_bytes()
    store = TrialStore(tmp_path / "search.sqlite", read_only=True)
    [small] = store.landmarks().values()
    by = {t.measured.records["accuracy"]["worker"]["process"] for t in store.trials()}
    assert small.records["accuracy"]["worker"]["process"] in by
    assert store.settings()["workload"]["workers"] == 2
    assert "trials per hour" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "--workdir is missing"),
        (("--workdir=",), "--workdir is missing"),
        (("--reference=mnasnet-z9",), "unknown model 'mnasnet-z9', known are mnasnet-a1"),
        (("--search_space=nasbench",), "unknown search space 'nasbench', known are mnasnet"),
        (("--latency=estimate:pixel9",), "unknown latency 'estimate:pixel9'"),
        (("--max_trials=0",), "max_trials is 0, must be 1 or more"),
        (("--reward=firm",), "firm"),
        (("--target_latency_ms=0",), "target_latency_ms is 0.0"),
        (("--dataset=imagenet", "--data_dir=/nowhere"), "/nowhere"),
        (("--proxy_epochs=many",), "must be a whole number, got 'many'"),
    ],
)
def test_a_mistake_gets_one_line_and_leaves_nothing_behind(arguments, told, tmp_path):
    workdir = tmp_path / "w"
    named = () if told.startswith("--workdir is missing") else (f"--workdir={workdir}",)
    status, _, err = run(*arguments, *named)
    assert status == 2
    assert told in err
    assert len(err.splitlines()) == 1
    assert not workdir.exists()


def test_a_workdir_that_nobody_may_write_is_told_with_its_flag():
    status, _, err = run(*SEARCH, "--workdir=/proc/w")
    assert status == 2
    assert "--workdir=/proc/w cannot be written: " in err
    assert len(err.splitlines()) == 1


def test_a_workdir_that_is_a_file_is_told_as_such(tmp_path):
    (tmp_path / "file").touch()
    status, _, err = run(*SEARCH, f"--workdir={tmp_path / 'file' / 'w'}")
    assert status == 2
    assert f"{tmp_path / 'file'} is a file" in err
    assert len(err.splitlines()) == 1
