"""Tests of search.tables: fronts and rankings worked out by hand, files read back."""

import csv
import json
import os

import pytest

from search import tables
from search.trials import Measured, Trial


def trial(number, accuracy, latency_ms, *, network=None, reward=None, reason=None, reused=None):
    strings = (network or f"network={number}",)
    measured = Measured(
        strings, accuracy, latency_ms, accuracy or 0.0 if reward is None else reward, reason=reason
    )
    return Trial(number, (number, 1), measured, reused_from=reused)


def numbers(trials):
    return [trial.trial for trial in trials]


def test_front_holds_what_nothing_beats_fastest_first():
    trials = [
        trial(0, 0.70, 50.0),  # on the front: nothing is as accurate as fast
        trial(1, 0.60, 50.0),  # beaten by 0 at the same latency
        trial(2, 0.70, 60.0),  # beaten by 0 at the same accuracy
        trial(3, 0.75, 80.0),  # on the front: the most accurate
        trial(4, 0.40, 10.0),  # on the front: the fastest
        trial(5, 0.69, 70.0),  # beaten by 0 in both
    ]
    assert numbers(tables.pareto_front(trials)) == [4, 0, 3]


def test_front_keeps_different_networks_that_are_equal_in_both_measures():
    trials = [trial(0, 0.7, 50.0), trial(1, 0.7, 50.0), trial(2, 0.6, 50.0)]
    assert numbers(tables.pareto_front(trials)) == [0, 1]


def test_front_and_top_leave_out_repeats_and_infeasible_networks():
    trials = [
        trial(0, 0.7, 50.0, network="a"),
        trial(1, 0.7, 50.0, network="a", reused=0),
        trial(2, None, 1.0, reward=0.0, reason="loss is not finite"),
    ]
    assert numbers(tables.pareto_front(trials)) == [0]
    assert numbers(tables.top(trials, 10)) == [0]


def test_front_and_top_of_no_trials_are_empty():
    assert tables.pareto_front([]) == []
    assert tables.top([], 3) == []


def test_top_is_ordered_by_reward_with_the_earlier_of_equals_first():
    trials = [trial(i, 0.5, 10.0, reward=r) for i, r in enumerate((0.2, 0.9, 0.5, 0.9))]
    assert numbers(tables.top(trials, 3)) == [1, 3, 2]


def test_trials_csv_has_the_promised_columns_and_exact_values(tmp_path):
    measured = Measured(
        ("r1_k3_s11_e1_i32_o16", "r2_k3_s22_e6_i16_o24"),
        accuracy=1 / 3,
        latency_ms=12.5,
        reward=0.25,
        params=1234,
        multiply_adds=56789,
        train_seconds=1.5,
        latency_seconds=0.5,
    )
    bad = Measured(("x",), None, None, 0.0, reason='says "no", twice')
    trials = [Trial(0, (3, 0, 1), measured), Trial(1, (1,), bad), Trial(2, (3, 0, 1), measured, 0)]
    tables.write_tables(tmp_path, trials, {})
    with open(tmp_path / "trials.csv", newline="") as file:
        rows = list(csv.reader(file))
    assert ",".join(rows[0]) == (
        "trial,status,network,tokens,accuracy,latency_ms,reward,params,multiply_adds,reused_from,"
        "reason,train_seconds,latency_seconds"
    )
    network = "r1_k3_s11_e1_i32_o16 r2_k3_s22_e6_i16_o24"
    assert rows[1] == ["0", "completed", network, "3 0 1", repr(1 / 3), "12.5", "0.25", "1234",
                       "56789", "", "", "1.5", "0.5"]  # fmt: skip
    assert rows[2] == ["1", "infeasible", "x", "1", "", "", "0.0", "", "", "",
                       'says "no", twice', "", ""]  # fmt: skip
    assert rows[3][9] == "0"


def test_pareto_csv_has_the_columns_of_trials_csv_and_the_front_only(tmp_path):
    tables.write_tables(tmp_path, [trial(0, 0.7, 50.0), trial(1, 0.6, 60.0)], {})
    with open(tmp_path / "pareto.csv", newline="") as file:
        header, *rows = csv.reader(file)
    assert tuple(header) == tables.COLUMNS
    assert [row[0] for row in rows] == ["0"]


def test_top_json_names_rank_measures_and_what_makes_a_whole_network(tmp_path):
    architecture = {"name": "a", "stem_filters": 32, "head_filters": 1280, "dropout_rate": 0.2,
                    "image_size": 224}  # fmt: skip
    trials = [trial(0, 0.5, 50.0), trial(1, 0.7, 60.0, network="best")]
    context = {"architecture": architecture, "notes": ["Accuracy: predicted."]}
    tables.write_tables(tmp_path, trials, context)
    best, second = json.loads((tmp_path / "top.json").read_text())
    assert best == {
        "rank": 1,
        "trial": 1,
        "network": ["best"],
        "accuracy": 0.7,
        "latency_ms": 60.0,
        "reward": 0.7,
        "params": None,
        "multiply_adds": None,
        "architecture": architecture,
        "notes": ["Accuracy: predicted."],
    }
    assert (second["rank"], second["trial"]) == (2, 0)


def test_top_json_holds_fifty_networks_at_most_and_null_where_no_architecture_is_known(tmp_path):
    tables.write_tables(tmp_path, [trial(i, i / 100, 10.0) for i in range(60)], {})
    best = json.loads((tmp_path / "top.json").read_text())
    assert [entry["trial"] for entry in best] == list(range(59, 9, -1))
    assert best[0]["architecture"] is None


def test_tables_of_no_trials_are_headers_and_an_empty_list(tmp_path):
    tables.write_tables(tmp_path, [], {})
    assert (tmp_path / "trials.csv").read_text() == ",".join(tables.COLUMNS) + "\n"
    assert json.loads((tmp_path / "top.json").read_text()) == []


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "trials.csv"
    tables.write_atomically(path, "old")

    def full(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="no space"):
        tables.write_atomically(path, "new")
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["trials.csv"]
