"""Searches on published data, by the command."""

import csv
import subprocess
import sys

import made_up_nasbench as made_up
import pytest

pytestmark = pytest.mark.tensorflow

SEARCH = ("--flagfile=flags/surrogate.flags", "--algorithm=random", "--batch_size=20")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    return made_up.write(tmp_path_factory.mktemp("checkout"))


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def run(*arguments):
    command = [sys.executable, "-m", "search.main", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout, done.stderr


def rows(workdir):
    with open(workdir / "trials.csv", encoding="utf-8", newline="") as file:
        return [
            (row["network"], row["accuracy"], row["latency_ms"], row["reward"], row["params"])
            for row in csv.DictReader(file)
        ]


def test_a_search_on_published_data_says_that_nothing_was_trained(checkout, tmp_path):
    given = (*SEARCH, f"--surrogate_data={checkout}")
    status, out, err = run(*given, "--max_trials=60", f"--workdir={tmp_path / 'w'}")
    assert (status, err) == (0, "")
    assert "Space     accel_nasbench: 1.04e11 networks, 28 decisions" in out
    assert "Data      Accel-NASBench: 300 published networks to fit to, 100 to test on" in out
    assert "predicted by a regression on 300 networks" in out
    assert "mean error 2.9 % over the 25 published MnasNet-A1 latencies" in out
    assert "% (predicted), latency" in out
    assert "ms (estimate)" in out
    assert "as TFLite  none, since nothing was trained; the command below trains it" in out
    assert not (tmp_path / "w" / "best.tflite").exists()
    report = (tmp_path / "w" / "report.html").read_text("utf-8")
    assert "nothing was trained here; on 100 others R2 0." in report
    assert "analytic estimate (Pixel 1, one big core, float32)" in report
    # Who stops within a batch and goes on gets what the one left alone got.
    assert run(*given, "--max_trials=33", f"--workdir={tmp_path / 'v'}")[0] == 0
    assert run(*given, "--max_trials=60", f"--workdir={tmp_path / 'v'}")[0] == 0
    assert len(rows(tmp_path / "w")) == 60
    assert rows(tmp_path / "v") == rows(tmp_path / "w")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "--accuracy=surrogate needs --surrogate_data=DIR"),
        (("--surrogate_data=/nowhere",), "cannot read /nowhere/anb_dataset/anb_dataset_jsons"),
        (
            ("--surrogate_data=CHECKOUT", "--search_space=mnasnet"),
            "knows the networks of the space 'accel_nasbench' only, not all of 'mnasnet'",
        ),
        (
            ("--surrogate_data=CHECKOUT", "--references=mnasnet-a1"),
            "mnasnet-a1 is outside the space 'accel_nasbench', so its accuracy cannot be predicted",
        ),
        (
            ("--surrogate_data=CHECKOUT", "--reference=mnasnet-a1"),
            "the space 'accel_nasbench' is that of its data and takes no reference",
        ),
    ],
)
def test_a_mistake_gets_one_line_and_leaves_nothing_behind(arguments, told, checkout, tmp_path):
    workdir = tmp_path / "w"
    given = [argument.replace("CHECKOUT", str(checkout)) for argument in arguments]
    status, _, err = run(*SEARCH, *given, f"--workdir={workdir}")
    assert status == 2
    assert told in err
    assert len(err.splitlines()) == 1
    assert not workdir.exists()
