"""Tests of --sweep by the command: its files, its page, kills, and mistakes."""

import csv
import json
import random
import re
import signal
import subprocess
import sys
import time
from html.parser import HTMLParser

import made_up_nasbench
import pytest
from absl import flags

from search.loop import SearchConfig
from search.report import report_on
from search.reward import RewardConfig
from search.search_space import Decision, SearchSpace
from search.sweeping import flags as sweep_flags
from search.sweeping.sweep import Sweep, SweepConfig
from search.tables import COLUMNS

pytestmark = pytest.mark.tensorflow

VALUES = "-0.05,-0.2,-0.6"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return made_up_nasbench.write(tmp_path_factory.mktemp("data"))


def start(data, workdir, *arguments):
    defaults = (
        "--accuracy=surrogate",
        f"--surrogate_data={data}",
        "--search_space=accel_nasbench",
        "--latency=estimate:pixel1",
        "--algorithm=evolution",
        "--batch_size=10",
        "--max_trials=300",
        "--sweep=exponents",
        f"--sweep_values={VALUES}",
    )
    return subprocess.Popen(
        [sys.executable, "-m", "search.main", *defaults, f"--workdir={workdir}", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(*arguments):
    process = start(*arguments)
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def measures(path):
    names = ("trial", "tokens", "accuracy", "latency_ms", "reward", "reused_from", "search")
    return [[row[name] for name in names] for row in rows(path)]


@pytest.fixture(scope="module")
def finished(data, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("finished") / "sweep"
    status, out, err = run(data, workdir)
    assert (status, err) == (0, "")
    return workdir, out


class Text(HTMLParser):
    """What a page says, and which files it asks for."""

    def __init__(self, page):
        super().__init__()
        self.text, self.links = "", []
        self.feed(page)

    def handle_data(self, data):
        self.text += data

    def handle_starttag(self, tag, attributes):
        self.links += [value for name, value in attributes if name == "href" and tag == "a"]


def test_a_sweep_leaves_its_front_and_a_search_with_its_report_for_each_value(finished):
    workdir, out = finished
    trials = rows(workdir / "trials.csv")
    assert [int(row["trial"]) for row in trials] == list(range(300))
    assert tuple(trials[0]) == (*COLUMNS, "search")
    front = rows(workdir / "pareto.csv")
    accuracies = [float(row["accuracy"]) for row in front]
    latencies = [float(row["latency_ms"]) for row in front]
    assert accuracies == sorted(accuracies)
    assert latencies == sorted(latencies)
    assert accuracies[-1] == max(float(row["accuracy"]) for row in trials)
    ranked = json.loads((workdir / "top.json").read_text())
    assert [row["trial"] for row in ranked] == [int(row["trial"]) for row in front]
    assert [row["search"] for row in ranked] == [row["search"] for row in front]
    for name in ("exponent-0.05", "exponent-0.2", "exponent-0.6"):
        assert len(rows(workdir / name / "trials.csv")) == 100
        assert (workdir / name / "report.html").is_file()
    assert f"Front of {len(front)} networks" in out


def test_the_page_tells_of_the_front_the_searches_and_what_the_numbers_are(finished):
    workdir, _ = finished
    page = Text((workdir / "sweep.html").read_text())
    front = rows(workdir / "pareto.csv")
    assert f"{len(front)}networks on the front" in page.text
    assert page.text.count("analytic estimate (Pixel 1") == 1
    assert page.text.count("predicted by a regression") == 1
    assert "latency, estimated for Pixel 1, ms" in page.text
    assert "accuracy, top-1, predicted, %" in page.text
    assert "exponent-0.2/report.html" in page.links
    for heading in ("The union front", "What each search contributed", "How the front grew"):
        assert heading in page.text


def test_a_finished_sweep_says_so_and_its_report_can_be_made_again(finished, data):
    workdir, _ = finished
    before = (workdir / "trials.csv").read_text()
    status, out, _ = run(data, workdir)
    assert status == 0
    assert "Nothing was left to do: all 300 trials were there" in out
    (workdir / "sweep.html").unlink()
    assert report_on(str(workdir)) == workdir / "sweep.html"
    assert (workdir / "trials.csv").read_text() == before


def test_a_sweep_killed_at_random_equals_one_left_alone(finished, data, tmp_path):
    moments = random.Random(20180731)
    for _ in range(3):
        process = start(data, tmp_path / "killed")
        deadline = time.monotonic() + 60
        while not (tmp_path / "killed" / "exponent-0.6" / "search.sqlite").exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(moments.uniform(0, 1.5))
        process.send_signal(signal.SIGKILL)
        process.communicate()
    status, _, _ = run(data, tmp_path / "killed")
    assert status == 0
    assert measures(tmp_path / "killed" / "trials.csv") == measures(finished[0] / "trials.csv")


def test_the_controller_goes_on_in_a_sweep_that_was_stopped(tmp_path):
    space = SearchSpace([Decision(name, (0, 1, 2)) for name in "abcdefgh"], name="toy")
    search = SearchConfig(RewardConfig(50.0), max_trials=24, batch_size=6)
    config = SweepConfig("exponents", (-0.1, -0.9), search)

    def total(network):
        return sum(int(string[-1]) for string in network)

    def sweep(path, turns=None):
        with Sweep(
            space, lambda n: 0.3 + total(n) / 32, lambda n: 20.0 + total(n), config, path=path
        ) as running:
            while not running.done and turns != 0:
                running.advance()
                turns = None if turns is None else turns - 1
            return [(trial.tokens, trial.reward) for trial in running.trials()]

    alone = sweep(None)
    for turns in (1, 2):
        sweep(tmp_path, turns)
    assert sweep(tmp_path) == alone
    # The memory of each controller holds what either was told, so that nothing is asked twice.
    assert len({tokens for tokens, _ in alone}) == 24


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--sweep_values=-0.07"], "two or more different exponents, got -0.07"),
        (["--sweep_values=-0.07,0.1"], "exponent 0.1 of the sweep must be below 0"),
        (["--sweep_values=-0.07,x"], "--sweep_values=-0.07,x must be numbers"),
        (["--max_trials=29"], "max_trials is 29, a sweep of 3 searches with batches of 10"),
        (["--alpha=-0.1"], "--alpha=-0.1 is given, but --sweep=exponents sets it"),
        (["--reward=hard"], "--reward=hard has two exponents"),
        (["--sweep_reference=0.43"], "must be an accuracy and a latency"),
        (["--sweep_reference=43,200"], "reference accuracy is 43.0"),
        (["--sweep=targets", "--sweep_values=40,60"], "the target changes no ranking"),
        (
            ["--sweep=targets", "--reward=hard", "--sweep_values=-40,60"],
            "target -40 ms of the sweep must be over 0",
        ),
    ],
)
def test_mistakes_are_one_line_and_exit_2(arguments, told, parse):
    parse("--sweep=exponents", f"--sweep_values={VALUES}", "--batch_size=10", *arguments)
    with pytest.raises(ValueError, match=re.escape(told)) as raised:
        sweep_flags.sweep_config()
        sweep_flags.reference_point()
    assert "\n" not in str(raised.value)


@pytest.fixture
def parse():
    yield lambda *arguments: flags.FLAGS(["test", *arguments])
    flags.FLAGS.unparse_flags()
    for module_flags in flags.FLAGS.flags_by_module_dict().values():
        for flag in module_flags:
            flag.unparse()


def test_the_workdir_of_another_sweep_is_refused_in_one_line(finished, data):
    status, _, err = run(data, finished[0], "--sweep_values=-0.05,-0.3")
    assert status == 2
    assert err.count("\n") == 1
    assert "sweep.values is [-0.05, -0.2, -0.6] there, [-0.05, -0.3] now" in err


def test_a_mistake_exits_2_and_makes_no_folder(data, tmp_path):
    status, _, err = run(data, tmp_path / "new", "--sweep_values=-0.07")
    assert (status, err.count("\n")) == (2, 1)
    assert not (tmp_path / "new").exists()
