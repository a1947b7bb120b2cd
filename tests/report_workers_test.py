"""Tests of search.reporting.workers: hosts, busy share, what is left, and who was lost."""

import re
from pathlib import Path

from search.reporting.findings import Findings
from search.reporting.workers import workers
from search.trials import Measured, Trial


def trial(number, worker=None, timer=None, *, seconds=10.0, lost=(), reused=None):
    records = {"accuracy": {"kind": "proxy"}, "latency": {"kind": "host"}}
    if worker:
        records["accuracy"]["worker"] = worker
    if timer:
        records["latency"]["worker"] = timer
    if lost:
        records["lost_workers"] = list(lost)
    measured = Measured(
        (f"r{number}",), 0.5, 10.0, 0.5,
        train_seconds=seconds, latency_seconds=2.0, records=records,
    )  # fmt: skip
    return Trial(number, (number,), measured, reused_from=reused)


def worker(host, process):
    return {"host": host, "process": process}


def section(trials, **settings):
    return workers(Findings(Path("w"), trials, {}, [], settings))


def text(html):
    return re.sub(r"\s+", " ", re.sub("<[^>]*>", " ", html))


def figures(html):
    return dict((name, value) for value, name in re.findall("<b>(.*?)</b><span>(.*?)</span>", html))


WORKLOAD = {"workers": 4, "busy_share": 0.5, "retries": 1}


def test_a_search_that_measures_by_itself_has_no_such_section():
    assert section([trial(0), trial(1)], workload={}) == ""
    assert section([]) == ""


def test_the_figures_are_those_that_were_kept_last_with_what_is_left():
    trials = [trial(n, worker("a", 1)) for n in range(4)]
    pace = {"trials": 2, "seconds": 10.0}
    html = section(trials, max_trials=76, pace=pace, workload=WORKLOAD)
    # 2 trials in 10 s are 720 an hour; the 72 that are left take a tenth of it.
    assert figures(html) == {
        "workers": "4",
        "busy": "50 %",
        "retries": "1",
        "trials per hour": "720",
        "trials left": "72",
        "left, at this rate": "0:06:00",
    }


def test_each_host_has_its_trials_and_mean_seconds():
    trials = [
        trial(0, worker("a", 1), worker("a", 9), seconds=10.0),
        trial(1, worker("b", 1), worker("a", 9), seconds=40.0),
        trial(2, worker("b", 2), worker("a", 9), seconds=20.0),
        trial(3, worker("b", 2), worker("a", 9), seconds=99.0, reused=2),
    ]
    html = section(trials, workload=WORKLOAD)
    rows = [text(row).split() for row in re.findall("<tr>(.*?)</tr>", html)]
    assert rows[1:] == [
        ["a", "2", "1", "10", "s", "3", "2", "s"],  # trained by process 1, timed by 9
        ["b", "2", "2", "30", "s", "-", "-"],
    ]


def test_phones_time_on_their_own_host():
    timed = trial(0, worker("a", 1), worker("a", None))
    timed.measured.records["latency"]["host"] = "b"
    html = section([timed], workload=WORKLOAD)
    rows = [text(row).split() for row in re.findall("<tr>(.*?)</tr>", html)]
    assert rows[1:] == [
        ["a", "1", "1", "10", "s", "-", "-"],
        ["b", "0", "-", "-", "1", "2", "s"],
    ]


def test_workers_are_read_that_early_searches_wrote_as_a_text():
    trials = [trial(0, "a, process 7", "a, the search itself"), trial(1, worker("a", 7))]
    html = section(trials, workload=WORKLOAD)
    [row] = [text(row).split() for row in re.findall("<tr>(.*?)</tr>", html)][1:]
    assert row == ["a", "2", "2", "10", "s", "1", "2", "s"]  # process 7 and the search itself


def test_latencies_that_took_no_worker_have_no_column():
    assert "timed" not in section([trial(0, worker("a", 1))], workload=WORKLOAD)


def test_lost_attempts_are_told_one_by_one_with_their_trial():
    killed, hung = "a, process 1, was killed by SIGKILL", "b, process <2>, took longer than 60 s"
    html = section([trial(0), trial(1, worker("a", 3), lost=[killed, hung])])
    assert "2 measurements of 1 trial lost the worker" in html
    rows = [text(row).strip() for row in re.findall("<tr>(.*?)</tr>", html)]
    assert rows[-2:] == [f"1 {killed}", f"1 {hung.replace('<', '&lt;').replace('>', '&gt;')}"]
    assert figures(html)["retries"] == "2"


def test_of_thousands_of_lost_attempts_the_last_are_shown():
    lost = [f"a, process {n}, was killed" for n in range(1000)]
    html = section([trial(0, lost=lost)])
    assert "1,000 measurements of 1 trial lost the worker, which died or hung; the last 200" in html
    assert "process 799," not in html
    assert "process 800," in html
