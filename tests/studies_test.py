"""Tests of search.studies: what the variants are, and the command on made-up data."""

import csv
import subprocess
import sys
from types import SimpleNamespace

import made_up_nasbench
import numpy as np
import pytest

from search.front import ReferencePoint
from search.loop import SearchConfig
from search.reporting.study_page import Study
from search.reward import RewardConfig
from search.sweeping.study import STUDIES, Run, Variant
from search.trials import Measured, Trial

REWARD = RewardConfig(50.0)


def trial(number, accuracy, latency_ms):
    return Trial(number, (number,), Measured((f"n={number}",), accuracy, latency_ms, accuracy))


def run_of(name, points, landed=()):
    trials = [trial(number, *point) for number, point in enumerate(points)]
    return Run(Variant(name, REWARD), 0, trials, [trials[i] for i in landed], 1.5)


def test_the_studies_are_of_the_papers_rewards_targets_and_spaces():
    assert [(v.reward.alpha, v.reward.beta) for v in STUDIES["rewards"](75.0)] == [
        (-0.07, -0.07),
        (0.0, -1.0),
        (-0.07, -0.3),
    ]
    of_targets = STUDIES["targets"](75.0)
    assert {v.sweep for v in of_targets} == {("targets", (30.0, 52.5, 75.0, 105.0, 150.0))}
    assert [v.cells for v in STUDIES["spaces"](75.0)] == [False, True]
    fixed = [v.reward for v in STUDIES["exponents"](75.0) if v.sweep is None]
    assert all(reward.alpha == reward.beta for reward in fixed)


def test_a_summary_is_of_all_seeds_and_by_the_long_front():
    # The front's area from (0.4, 100 ms): 20 to 60 ms 0.1, to 100 ms 0.3: 4 + 12.
    front = run_of("front", [(0.5, 20.0), (0.7, 60.0)])
    # 8 = 40 x 0.2 and 12 = 40 x 0.3; at 60 ms the front has 0.7, at 50 ms it has 0.5.
    runs = [run_of("a", [(0.6, 60.0)], [0]), run_of("a", [(0.7, 60.0), (0.45, 50.0)], [1])]
    config = SearchConfig(REWARD, max_trials=2, batch_size=1)
    study = Study("rewards", runs, front, ReferencePoint(0.4, 100.0), config, [])
    (summary,) = study.summaries
    # The second run: 50 to 60 ms 0.05, to 100 ms 0.3: 0.5 + 12.
    assert summary.share == pytest.approx((8 / 16 + 12.5 / 16) / 2)
    assert summary.deviation == pytest.approx(np.std([8 / 16, 12.5 / 16], ddof=1))
    # 0.7 - 0.6 and 0.5 - 0.45, in points.
    assert summary.behind == pytest.approx((10 + 5) / 2)
    assert summary.landed_ms == (55.0,)
    assert summary.networks == 1.5


def studies(data, output, *arguments):
    command = [sys.executable, "-m", "search.studies", f"--surrogate_data={data}"]
    command += ["--max_trials=200", "--seeds=2", "--front_factor=2", "--algorithm=evolution"]
    found = subprocess.run(
        [*command, f"--output={output}", *arguments], capture_output=True, text=True, timeout=300
    )
    return SimpleNamespace(status=found.returncode, out=found.stdout, err=found.stderr)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return made_up_nasbench.write(tmp_path_factory.mktemp("data"))


@pytest.mark.parametrize("study", ["rewards", "targets", "spaces", "exponents"])
def test_a_study_leaves_a_page_with_pictures_and_a_row_per_variant_and_seed(study, data, tmp_path):
    done = studies(data, tmp_path, f"--study={study}")
    assert (done.status, done.err) == (0, "")
    page = (tmp_path / f"{study}.html").read_text()
    assert page.count("<svg") == 2
    assert "analytic estimate (Pixel 1" in page
    assert "predicted by a regression" in page
    with open(tmp_path / f"{study}.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * len(STUDIES[study](75.0))
    assert all(0 < float(row["share_of_front"]) <= 1.1 for row in rows)
    assert {row["trials"] for row in rows} == {"200"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "--study is missing"),
        (["--study=colours"], "should be one of <rewards|targets|spaces|exponents>"),
        (["--study=rewards", "--seeds=0"], "--seeds=0 must be 1 or more"),
        (["--study=rewards", "--search_space=accel_nasbench_cell"], "the studies are of the space"),
        (["--study=targets", "--max_trials=50"], "a sweep of 5 searches with batches of 20"),
        (["--study=rewards", "--sweep=exponents"], "--sweep=exponents is of search.main"),
        (["--study=rewards", "--alpha=-0.5"], "--alpha=-0.5 is of search.main, a study sets it"),
        (["--study=rewards", "--accuracy=proxy"], "the studies are of published networks"),
        (["--study=rewards", "--max_trials=40", "--front_factor=1"], "max_trials is 40, a sweep"),
        (["--study=rewards", "--output=/dev/null"], "/dev/null is a file"),
        (["--study=rewards", "--output=/proc/s"], "--output=/proc/s cannot be written: "),
    ],
)
def test_mistakes_are_one_line_and_exit_2(arguments, told, data, tmp_path):
    done = studies(data, tmp_path, *arguments)
    assert (done.status, done.err.count("\n")) == (2, 1)
    assert told in done.err
