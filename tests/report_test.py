"""Tests of search.report: what the page says, for searches of every kind, and the command."""

import contextlib
import dataclasses
import errno
import html as html_module
import math
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from html_pages import assert_stands_alone

from search.quantities import amount, counted, duration, magnitude, milliseconds
from search.report import report_on, write_report, write_sweep_report
from search.reporting import sections
from search.reporting.clock import clock_name
from search.reporting.findings import Findings
from search.reporting.page import command
from search.reward import RewardConfig, reward
from search.search_space import get_space
from search.trials import Measured, Trial, TrialStore
from tflite_bench.command_line import SurroundingsError, UsageError

NOTE = "Latency: an estimate, mean error 1 %."
CONFIG = RewardConfig(target_latency_ms=60.0)


def measured(network, accuracy, latency_ms, **fields):
    value = reward(accuracy, latency_ms, CONFIG)
    return Measured(network, accuracy, latency_ms, value, **fields)


def fill(store, count, *, feasible=True, settings=True):
    """A small search of random networks of the paper's space."""
    space, rng = get_space("mnasnet"), np.random.default_rng(0)
    for number, tokens in enumerate(space.sample_uniform(rng, count)):
        network = space.decode(tokens)
        counts = {"params": 3_887_038, "multiply_adds": 311_600_000}
        timing = {"latency": {"clock": "cpu", "num_threads": 1, "spread": 0.02, "runs": 50}}
        if feasible:
            found = measured(
                network, rng.uniform(0.5, 0.8), rng.uniform(20, 90), **counts, records=timing
            )
        else:
            reason = f"latency {number}.5 ms is over 1 ms"
            found = Measured(network, None, None, 0.0, reason=reason)
        store.append([Trial(number, tuple(map(int, tokens)), found)])
    if settings:
        store.save_settings(
            {
                "max_trials": count,
                "batch_size": 5,
                "reward": dataclasses.asdict(CONFIG),
                "decisions": [[d.name, list(d.choices)] for d in space.decisions],
                "space": {"name": "mnasnet", "size": space.size, "per_layer_size": 10**400},
                "architecture": {"name": "candidate", "stem_filters": 32, "head_filters": 1280,
                                 "dropout_rate": 0.2, "image_size": 224},
                "notes": [NOTE],
                "flags": "--seed=0\n",
                "command": "python -m search.main --seed=0",
                "versions": {"python": "3.11.9"},
                "device": "Some <CPU> & more",
                "settings": {"search": {"seed": 0}, "accuracy": {"kind": "proxy", "epochs": 5}},
            }
        )  # fmt: skip


@pytest.fixture
def store(tmp_path):
    store = TrialStore(tmp_path / "search.sqlite")
    yield store
    store.close()


def report(tmp_path, store):
    path = write_report(tmp_path, store)
    assert path == tmp_path / "report.html"
    return path.read_text(encoding="utf-8")


def headings(html):
    return re.findall("<h2>(.*?)</h2>", html)


def test_report_of_a_search_has_all_parts_and_stands_alone(tmp_path, store):
    fill(store, 12)
    store.add_landmark("mnasnet-a1", measured(("x",), 0.7, 50.0, params=1, multiply_adds=1))
    store.add_update(1, {"reward": 0.6, "entropy": 42.0, "approx_kl": 0.01, "clip_fraction": 0.1})
    html = report(tmp_path, store)
    assert_stands_alone(html)
    assert headings(html) == [
        "Accuracy and latency",
        "Best networks",
        "Beside published networks",
        "The course of the search",
        "What the controller decides",
        "What the run was",
    ]


def test_headline_names_the_best_network_and_the_command_to_train_it(tmp_path, store):
    fill(store, 12)
    best = max(store.trials(), key=lambda trial: trial.reward)
    card = report(tmp_path, store).partition("<h2>")[0].replace(" \\\n    ", " ")
    for text in (f"{best.reward:.4f}", f"{100 * best.measured.accuracy:.2f} %", "3.89 M", "312 M",
                 f"Found in trial {best.trial}.", *best.network,
                 f"python -m mnasnet.train --from_search={tmp_path} --rank=1"):  # fmt: skip
        assert text in card, text


def test_headline_says_accuracy_at_which_latency_by_which_clock_and_whether_the_target_is_met(
    tmp_path, store
):
    # Rewards by 'soft': 0.7 * (90 / 60)^-0.07 = 0.6804 is over 0.6 * (30 / 60)^-0.07 = 0.6298.
    for number, (accuracy, latency_ms) in enumerate([(0.7, 90.0), (0.6, 30.0), (0.5, 50.0)]):
        store.append([Trial(number, (number,), measured((f"{number}",), accuracy, latency_ms))])
    clock = {"kind": "phone", "device": "Google Pixel"}
    reward_settings = dataclasses.asdict(CONFIG)
    store.save_settings({"reward": reward_settings, "settings": {"latency": clock}})
    card = report(tmp_path, store).partition("<h2>")[0]
    assert "<b>60 ms</b><span>target latency, missed</span>" in card
    assert "<span>latency, on Google Pixel</span>" in card
    assert (
        "70.00 % top-1 at 90.0 ms, on Google Pixel: over the target of 60 ms, 1.50 times it. "
        "The most accurate within it: 60.00 % at 30.0 ms, trial 1."
    ) in card


@pytest.mark.parametrize(
    ("target_ms", "told"),
    [
        (90.0, "<b>90 ms</b><span>target latency, met</span>"),
        (90.0, "70.00 % top-1 at 90.0 ms: within the target of 90 ms.</p>"),
        (89.0, "<b>89 ms</b><span>target latency, missed</span>"),
        (89.0, "1.01 times it. No network is within it, the fastest takes 90.0 ms.</p>"),
    ],
)
def test_a_latency_that_equals_the_target_meets_it(tmp_path, store, target_ms, told):
    store.append([Trial(0, (0,), measured(("a",), 0.7, 90.0))])
    store.save_settings({"reward": dataclasses.asdict(RewardConfig(target_ms))})
    assert told in report(tmp_path, store).partition("<h2>")[0]


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ({"kind": "host", "device": "AMD EPYC"}, "on the host (AMD EPYC)"),
        ({"kind": "phone", "device": "Google Pixel"}, "on Google Pixel"),
        (
            {"kind": "phone", "device": "Pixel 2, Pixel 6", "over_devices": {"how": "max"}},
            "max over Pixel 2, Pixel 6",
        ),
        ({"kind": "estimate:pixel1"}, "estimated for Pixel 1"),
        (
            {"kind": "table:0123", "device": {"device": "Pixel 6"}},
            "predicted for Pixel 6 by a table",
        ),
        ({}, ""),
    ],
)
def test_each_clock_has_a_name(told, name):
    assert clock_name(findings(settings={"latency": told})) == name


def test_notes_are_said_once_and_the_picture_names_the_clock(tmp_path, store):
    fill(store, 12)
    store.add_landmark("mnasnet-a1", measured(("x",), 0.7, 50.0))
    settings = store.settings()["settings"]
    store.save_settings({"settings": {**settings, "latency": {"kind": "estimate:pixel1"}}})
    html = report(tmp_path, store)
    assert NOTE in html.partition("<h2>")[0]
    assert html.count(NOTE) == 1
    picture = html.partition("<h2>Accuracy and latency</h2>")[2].partition("</section>")[0]
    assert "latency, estimated for Pixel 1, ms" in picture
    assert "accuracy, top-1, proxy task, %" in picture


def test_no_caption_or_note_is_repeated(tmp_path, store):
    fill(store, 60)
    store.add_landmark("mnasnet-a1", measured(("x",), 0.7, 50.0))
    store.add_update(1, {"reward": 0.6, "entropy": 42.0, "approx_kl": 0.01, "clip_fraction": 0.1})
    told = re.findall(r'class="(?:caption|note)">(.*?)</', report(tmp_path, store))
    assert len(told) >= 8
    assert len(set(told)) == len(told)


def test_run_part_shows_settings_escaped(tmp_path, store):
    fill(store, 3)
    run = report(tmp_path, store).partition("What the run was</h2>")[2]
    for text in ("Some &lt;CPU&gt; &amp; more", "python 3.11.9", "--seed=0", "search.seed",
                 "2.81e18 networks", "1.00e400 were each layer to choose for itself",
                 "2.00 %"):  # fmt: skip
        assert text in run, text


@pytest.mark.parametrize(
    ("accuracy", "latency", "worker", "host"),
    [
        ("proxy", "host", None, "host, which trained and timed"),
        ("proxy", "phone", None, "host, which trained"),
        ("proxy", "host", {"host": "a", "process": None}, "host, which trained and timed"),
        ("proxy", "host", {"host": "b", "process": 7}, "host of the search"),
        ("surrogate", "estimate:pixel1", None, "host of the search"),
    ],
)
def test_run_part_calls_the_host_by_what_it_did(accuracy, latency, worker, host):
    records = {"accuracy": {"worker": worker} if worker else {}}
    trial = Trial(0, (0,), measured(("a",), 0.7, 50.0, records=records))
    kinds = {"accuracy": {"kind": accuracy}, "latency": {"kind": latency}}
    run = sections.run(findings([trial], device="Some CPU", settings=kinds))
    assert f'<td class="">{host}</td><td class="">Some CPU</td>' in run


def test_a_long_command_goes_on_in_lines_that_a_shell_reads_as_one():
    words = ["python", "-m", "search.main", *(f"--flag_{n}=a b" for n in range(30))]
    shown = re.fullmatch("<pre>(.*)</pre>", command(shlex.join(words)), re.DOTALL)[1]
    lines = html_module.unescape(shown).splitlines()
    assert len(lines) > 1
    assert max(map(len, lines)) <= 110
    printed = subprocess.run(
        ["sh", "-c", f"printf '%s\\n' {html_module.unescape(shown)}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert printed.stdout.splitlines() == words


def test_report_writes_the_tables_too(tmp_path, store):
    fill(store, 3)
    report(tmp_path, store)
    assert len((tmp_path / "trials.csv").read_text().splitlines()) == 4
    assert '"stem_filters": 32' in (tmp_path / "top.json").read_text()


def test_report_of_one_trial(tmp_path, store):
    fill(store, 1)
    html = report(tmp_path, store)
    assert_stands_alone(html)
    assert "1 trial, finished" in html


def test_report_of_no_trials(tmp_path, store):
    html = report(tmp_path, store)
    assert_stands_alone(html)
    assert "No network has been measured yet." in html


def test_report_of_a_search_where_nothing_is_feasible_says_why(tmp_path, store):
    fill(store, 7, feasible=False)
    html = report(tmp_path, store)
    assert_stands_alone(html)
    assert "Of 7 trials none is feasible" in html
    # Reasons that differ in numbers only are one line, told by the first.
    assert "latency 0.5 ms is over 1 ms" in html
    assert "latency 1.5 ms is over 1 ms" not in html


def test_report_of_a_store_without_settings(tmp_path, store):
    fill(store, 12, settings=False)
    html = report(tmp_path, store)
    assert_stands_alone(html)
    assert "Latency: clock cpu, num threads 1, spread 0.02, runs 50." in html
    assert "mnasnet.train" not in html


def test_report_of_a_space_that_holds_no_networks(tmp_path, store):
    for number in range(4):
        found = measured((f"a={number}", "b=<x>"), 0.5 + number / 100, 30.0)
        store.append([Trial(number, (number, 0), found)])
    store.save_settings({"decisions": [["a", [0, 1, 2, 3]], ["b", ["<x>"]]]})
    html = report(tmp_path, store)
    assert_stands_alone(html)
    assert "b=&lt;x&gt;" in html
    assert "shares among the last 4 trials" in html


def test_report_of_8000_trials_is_under_3_mb(tmp_path, store):
    rng = np.random.default_rng(0)
    network = get_space("mnasnet").decode([0] * 42)
    store.append(
        Trial(n, (n,), measured((*network, f"n={n}"), rng.uniform(0.5, 0.8), rng.uniform(20, 150)))
        for n in range(8000)
    )
    store.save_settings({"batch_size": 20, "reward": dataclasses.asdict(CONFIG)})
    assert len(report(tmp_path, store).encode()) < 3_000_000


def findings(trials=(), updates=(), **settings):
    return Findings(Path("w"), list(trials), {}, list(updates), settings)


def test_random_trials_are_those_before_the_first_update():
    trials = [Trial(n, (n,), measured((str(n),), 0.5, 50.0)) for n in range(6)]
    assert findings(trials, [(1, {})], batch_size=4).random_trials == trials[:4]
    assert findings(trials, [], batch_size=4).random_trials == trials
    assert findings(trials, [(1, {})]).random_trials == []
    learns_not = {"search": {"algorithm": "random", "batch_size": 4}}
    assert findings(trials, [(1, {})], settings=learns_not).random_trials == trials


def test_largest_entropy_is_the_log_of_the_number_of_points():
    found = findings(decisions=[["a", [1, 2]], ["b", [1, 2, 3]]])
    assert found.max_entropy == pytest.approx(math.log(6))
    assert findings().max_entropy is None


def test_choice_shares_are_the_controllers_else_counted_from_trials():
    trials = [Trial(n, (int(n == 3),), measured((str(n),), 0.5, 50.0)) for n in range(4)]
    decisions = [["a", ["x", "y"]]]
    assert findings(trials, decisions=decisions).choice_shares[0] == [[0.75, 0.25]]
    told = findings(trials, decisions=decisions, probabilities=[[0.9, 0.1]])
    assert told.choice_shares[0] == [[0.9, 0.1]]


def test_what_differs_between_trials_is_not_said_of_all():
    records = [{"accuracy": {"epochs": 5, "loss": loss}} for loss in (0.1, 0.2)]
    trials = [
        Trial(n, (n,), measured((str(n),), 0.5, 50.0, records=record))
        for n, record in enumerate(records)
    ]
    assert findings(trials).how_measured("accuracy") == "epochs 5"


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (milliseconds(0.01234), "0.0123 ms"),
        (milliseconds(37.0), "37.0 ms"),
        (milliseconds(99.96), "100 ms"),
        (milliseconds(1234.4), "1,234 ms"),
        (amount(None), "-"),
        (amount(950), "950"),
        (amount(3_887_038), "3.89 M"),
        (amount(999_600), "1.00 M"),
        (amount(311_600_000), "312 M"),
        (duration(59.6), "0:01:00"),
        (duration(2 * 86400 + 3 * 3600 + 4 * 60 + 5), "2 d 3:04:05"),
        (magnitude(6561), "6,561"),
        (magnitude(432**7), "2.81e18"),
        (counted(1, "trial"), "1 trial"),
        (counted(8000, "trial"), "8,000 trials"),
    ],
)
def test_measures_are_written_with_few_digits_and_their_unit(told, expected):
    assert told == expected


def test_sweep_of_targets_tells_how_each_search_s_best_stands_to_its_target(tmp_path):
    told = {"sweep": {"kind": "targets", "values": [40.0, 80.0]}, "search": {"batch_size": 1}}
    # The rewards of CONFIG, which each search would give by its own target.
    for name, latency_ms in (("target-40ms", 50.0), ("target-80ms", 60.0)):
        (tmp_path / name).mkdir()
        with contextlib.closing(TrialStore(tmp_path / name / "search.sqlite")) as of_search:
            of_search.append(
                [Trial(0, (0,), measured((name,), 0.5 + latency_ms / 1e3, latency_ms))]
            )
    with contextlib.closing(TrialStore(tmp_path / "search.sqlite")) as store:
        store.save_settings({"settings": told})
        html = write_sweep_report(tmp_path, store).read_text(encoding="utf-8")
    assert "2 searches, each with a target latency of its own" in html
    # 50 / 40 and 60 / 80.
    for cell in ("125 % of 40 ms", "75 % of 80 ms"):
        assert f'<td class="number">{cell}</td>' in html, cell


def run_command(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "search.report", *arguments],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent.parent,
        env={**os.environ, "PYTHONPATH": ""},
        check=False,
    )


def test_command_reports_beside_a_running_search(tmp_path, store):
    fill(store, 2)  # the store stays open, as that of a search that runs
    done = run_command(f"--workdir={tmp_path}")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{tmp_path / 'report.html'}\n"


def test_command_refuses_a_missing_folder_with_one_line(tmp_path):
    done = run_command(f"--workdir={tmp_path / 'nowhere'}")
    assert done.returncode == 2
    path = tmp_path / "nowhere" / "search.sqlite"
    assert done.stderr == f"error: no search found: there is no {path}\n"


def test_foreign_database_is_a_mistake_of_the_user_and_nothing_is_written(tmp_path):
    (tmp_path / "search.sqlite").write_text("no database, though it is long enough to be one" * 9)
    with pytest.raises(UsageError, match="is no search database"):
        report_on(str(tmp_path))
    assert [entry.name for entry in tmp_path.iterdir()] == ["search.sqlite"]


def test_missing_workdir_is_a_mistake_of_the_user():
    with pytest.raises(UsageError, match="--workdir is missing"):
        report_on(None)


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.EACCES, UsageError),
        (errno.EROFS, UsageError),
        (errno.ENOSPC, SurroundingsError),
        (errno.EIO, SurroundingsError),
    ],
)
def test_folder_that_cannot_be_written_is_told_by_its_flag(
    tmp_path, store, monkeypatch, number, kind
):
    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(kind, match=f"--workdir={tmp_path} cannot be written: "):
        report_on(str(tmp_path))


def test_folder_in_which_nothing_can_be_made_is_told_by_its_flag_at_once():
    with pytest.raises(UsageError, match="--workdir=/proc/self cannot be written: "):
        report_on("/proc/self")


def test_report_and_its_command_import_no_tensorflow():
    code = "import sys, search.report, search.progress; print('tensorflow' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        cwd=Path(__file__).parent.parent,
    )  # fmt: skip
    assert done.stdout == "False\n"


@pytest.mark.parametrize(
    ("kind", "name"),
    [("proxy", "top-1, proxy task"), ("surrogate", "top-1, predicted"), (None, "top-1")],
)
def test_the_headline_says_whether_accuracy_was_measured_or_predicted(tmp_path, store, kind, name):
    fill(store, 3)
    settings = store.settings()["settings"]
    settings["accuracy"] = {"kind": kind} if kind else {}
    store.save_settings({"settings": settings})
    assert f"<span>{name}</span>" in report(tmp_path, store)
