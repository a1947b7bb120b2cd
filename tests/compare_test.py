"""The command search.compare, on made-up data."""

import csv
import signal
import subprocess
import sys
import time

import made_up_nasbench as made_up
import pytest

pytestmark = pytest.mark.tensorflow

# Fails where TensorFlow is imported: random search and evolution do without.
PROGRAM = """
import runpy, sys
sys.modules["tensorflow"] = sys.modules["tf_keras"] = None
runpy.run_module("search.compare", run_name="__main__")
"""
QUICK = "--algorithms=random,evolution,paper_evolution"


@pytest.fixture(scope="module")
def arguments(tmp_path_factory):
    folder = made_up.write(tmp_path_factory.mktemp("data"))
    return (
        "--flagfile=flags/compare.flags",
        f"--surrogate_data={folder}",
        "--seeds=2",
        "--max_trials=110",
    )


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))


def run(*arguments, program=("-c", PROGRAM)):
    done = subprocess.run(
        [sys.executable, *program, *arguments], capture_output=True, text=True, timeout=200
    )
    return done.returncode, done.stdout, done.stderr


def test_a_comparison_is_made_once_and_grows(arguments, tmp_path):
    out = tmp_path / "out"
    status, told, err = run(*arguments, QUICK, f"--output={out}")
    assert (status, err) == (0, "")
    assert "3 algorithms x 2 seeds x 110 networks, in batches of 20; 0 of 6 runs done" in told
    assert "proven by branch and bound" in told
    with open(out / "comparison.csv") as file:
        rows = list(csv.DictReader(file))
    # After batches of 20, 40, ... 100 and, cut short, 110; the checkpoint of 100 is one of them.
    assert len(rows) == 3 * 2 * 6
    assert {row["trials"] for row in rows} == {"20", "40", "60", "80", "100", "110"}
    assert all(row["cpu_seconds"] for row in rows if row["trials"] == "110")
    first = (out / "comparison.csv").read_bytes()

    status, told, _ = run(*arguments, QUICK, f"--output={out}")
    assert status == 0
    assert "6 of 6 runs done" in told and "best reward 0." not in told
    assert (out / "comparison.csv").read_bytes() == first

    status, told, _ = run(*arguments, QUICK, f"--output={out}", "--seeds=3")
    assert "6 of 9 runs done" in told and told.count("seed 2: best reward 0.") == 3

    status, _, err = run(*arguments, QUICK, f"--output={out}", "--accuracy_noise=0.26")
    assert status == 2
    assert "accuracy_noise is 0.0 there, 0.26 now" in err and err.count("\n") == 1


def test_two_processes_make_the_same_runs_as_one(arguments, tmp_path):
    tables = []
    for processes in (1, 2):
        out = tmp_path / str(processes)
        status, _, err = run(
            *arguments,
            QUICK,
            "--accuracy_noise=0.5",
            f"--num_processes={processes}",
            f"--output={out}",
            program=("-m", "search.compare"),
        )
        assert (status, err) == (0, "")
        with open(out / "comparison.csv") as file:
            rows = [row[:-1] for row in csv.reader(file)]  # but for the seconds
        tables.append(sorted(rows))
    assert tables[0] == tables[1]


def test_controllers_are_compared_without_a_word_on_stderr(arguments, tmp_path):
    status, told, err = run(
        *arguments,
        "--algorithms=ppo,random",
        "--max_trials=40",
        f"--output={tmp_path / 'out'}",
        program=("-m", "search.compare"),
    )
    assert (status, err) == (0, "")
    assert "With 2 runs of each algorithm no difference can be shown" in (
        tmp_path / "out/comparison.html"
    ).read_text("utf-8")
    assert told.count("best reward 0.") == 4


def test_a_comparison_that_was_stopped_goes_on(arguments, tmp_path):
    command = [sys.executable, "-c", PROGRAM, *arguments, QUICK, f"--output={tmp_path}"]
    process = subprocess.Popen([*command, "--seeds=400"], stdout=-1, stderr=-1, text=True)
    while len(list(tmp_path.glob("runs/*.npz"))) < 3:
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the same command goes on" in err and "Traceback" not in err
    kept = len(list(tmp_path.glob("runs/*.npz")))
    status, told, _ = run(*arguments, QUICK, f"--output={tmp_path}")
    assert status == 0 and kept >= 3
    assert f"{min(kept, 6)} of 6 runs done" in told


@pytest.mark.parametrize(
    "mistake, told",
    [
        ("--algorithms=ppo,sgd", "unknown algorithm 'sgd', known are ppo, paper_ppo"),
        ("--seeds=1", "--seeds is 1, must be 2 or more"),
        ("--algorithm=random", "--algorithm=random is of search.main, here --algorithms"),
        ("--accuracy_noise=-1", "--accuracy_noise is -1.0, must be 0 or more"),
        ("--num_processes=0", "--num_processes is 0, must be 1 or more"),
        ("--output=", "--output is missing"),
        ("--output=setup.py", "output setup.py cannot be a folder: setup.py is a file"),
        ("--output=flags", "output flags is not empty and holds no comparison"),
    ],
)
def test_a_mistake_gets_one_line_and_exit_2(mistake, told, arguments, tmp_path):
    status, out, err = run(*arguments, QUICK, f"--output={tmp_path / 'out'}", mistake)
    assert (status, out) == (2, "")
    assert told in err and err.startswith("error: ") and err.count("\n") == 1
    assert not (tmp_path / "out").exists()
