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


# A build that keeps a part, then ends; `error` or the clock's `at_first` is what goes wrong.
BUILD = """
import functools, sys
from search import latency_table
from tflite_bench import command_line, device_errors

def clock(config):
    {at_first}

def build(space, subject, clock, convert, path, **options):
    path.write_text("a part")
    {error}

latency_table.define()
latency_table.host_clock, latency_table.build = clock, build
command_line.run(functools.partial(latency_table.main, "build"))
"""


@pytest.mark.parametrize(
    ("at_first", "error", "status", "told"),
    [
        ("raise device_errors.AdbFlagError('no adb')", "", 2, "error: no adb"),
        ("raise device_errors.NoPhoneError('no phone')", "", 1, "error: no phone"),
        ("", "raise ValueError('of another device')", 2, "error: of another device"),
        *(
            ("", f"raise {error}", 1, f"error: {told}; TABLE keeps what is timed, the same comm")
            for error, told in (
                ("device_errors.AdbFlagError('no adb')", "no adb"),
                ("device_errors.PhoneGoneError('gone')", "gone"),
                ("OSError(24, 'Too many open files')", "[Errno 24] Too many open files"),
                ("PermissionError(13, 'of another')", "[Errno 13] of another"),
            )
        ),
        (
            "",
            "class Table: write = lambda self, path: open('/proc/t', 'w')\n"
            "    options['write'](Table(), path)",
            2,
            "error: --output=TABLE cannot be written: ",
        ),
    ],
)
def test_what_ends_a_build_is_blamed_on_no_flag_but_the_one_to_blame(
    tmp_path, at_first, error, status, told
):
    path = tmp_path / "t.json"
    body = BUILD.format(at_first=at_first or "pass", error=error or "pass")
    done = subprocess.run(
        [sys.executable, "-c", body, f"--output={path}", "--benchmark_model=README.md"],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.stderr.startswith(told.replace("TABLE", str(path)))
    assert done.stderr.count("\n") == 1
    assert done.returncode == status
