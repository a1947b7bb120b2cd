"""What the command of latency tables says of wrong arguments, before anything is timed."""

import subprocess
import sys

import pytest
from phone_lab import ROOT


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "search.latency_table", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "the command is '', must be build or check: "),
        (["make"], "the command is 'make', must be build or check: "),
        (["build"], "--output is missing: name the file of the table, --output=FILE"),
        (["check"], "--table is missing: name the file of the table, --table=FILE"),
        (["build", "--output=/proc/t.json"], "--output=/proc/t.json cannot be written: "),
        (["check", "--table=/proc/version"], "--table=/proc/version cannot be written: "),
        (["build", "--output=docs"], "--output=docs is a folder, name a file"),
        (["build", "--output=no/folder/t.json"], "there is no folder no/folder"),
        (["check", "--table=no.json"], "the table no.json cannot be read: No such file"),
        (["check", "--table=README.md"], "README.md is no whole latency table"),
        (["build", "--output=t.json"], "a table needs --benchmark_model=PATH, TFLite's binary"),
        (["build", "--output=t.json", "--device=auto"], "a table needs --benchmark_model=PATH"),
        (["build", "--output=t.json", "--benchmark_model=README.md"], "is no binary for Android"),
        (["build", "--output=t.json", "--profiles=0"], "--profiles is 0, must be 1 or more"),
        (
            ["build", "--output=t.json", "--latency_quantization=none,int8"],
            "--latency_quantization=none,int8, a table is of one of them",
        ),
        (["build", "--output=t.json", "--search_space=x"], "unknown search space 'x'"),
        (["check", "--table=t.json", "--max_table_error=-1"], "--max_table_error is -1.0, must be"),
    ],
)
def test_a_wrong_argument_is_told_in_one_line_and_nothing_is_written(arguments, complaint):
    done = run(*arguments)
    assert done.returncode == 2, done.stderr
    assert complaint in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (ROOT / "t.json").exists()


def test_help_names_both_commands():
    done = run("build", "--help")
    assert done.returncode == 0
    assert "search.latency_table check --table=FILE" in done.stdout
    assert "--calibration_networks" in done.stdout
