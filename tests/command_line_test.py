"""Scripts behind the door, run as a user runs them."""

import errno
import os
import pathlib
import subprocess
import sys

import pytest

from tflite_bench import command_line

ROOT = pathlib.Path(__file__).parent.parent
SCRIPT = '''"""What the script does."""
import os, signal
from absl import flags
from tflite_bench import command_line

_COUNT = flags.DEFINE_integer("count", 1, "how many")
_RATE = flags.DEFINE_float("rate", 0.5, "how fast")

def main():
    {body}

if __name__ == "__main__":
    command_line.run(main)
'''


def run(*command):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        capture_output=True,
        text=True,
        env=environment,
        cwd=ROOT,
        timeout=60,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def script(tmp_path):
    """Runs a script with that body of main and those arguments."""

    def run_body(body, *arguments):
        path = tmp_path / "script.py"
        path.write_text(SCRIPT.format(body=body))
        return run(path, *arguments)

    return run_body


def test_work_done_is_zero(script):
    assert script("print('done', _COUNT.value)", "--count=3") == (0, "done 3\n", "")


def test_a_status_that_main_returns_is_the_exit_status(script):
    assert script("return 3")[0] == 3


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ("raise command_line.UsageError('bad value')", 2, "error: bad value\n"),
        ("raise command_line.UsageError('two\\n  lines')", 2, "error: two lines\n"),
        ("raise command_line.SurroundingsError('disk full')", 1, "error: disk full\n"),
        ("raise KeyboardInterrupt", 130, "interrupted\n"),
        ("os.kill(os.getpid(), signal.SIGINT)", 130, "interrupted\n"),
    ],
)
def test_a_failure_is_its_status_and_one_line(script, body, status, message):
    assert script(body) == (status, "", message)


@pytest.mark.parametrize(("name", "status"), [("ENOSPC", 1), ("EIO", 1), ("ENOENT", 2)])
def test_a_disk_that_fails_while_arguments_are_checked_is_no_mistake_of_the_user(name, status):
    errors = command_line.SurroundingsError, command_line.UsageError
    with pytest.raises(errors) as raised, command_line.usage_errors():
        raise OSError(getattr(errno, name), "there is none")
    told = isinstance(raised.value, command_line.SurroundingsError)
    assert told == (status == 1)
    assert ("start the same command again" in str(raised.value)) == told


@pytest.mark.parametrize(
    ("name", "status"),
    [("EACCES", 2), ("EROFS", 2), ("ENOTDIR", 2), ("ENOSPC", 1), ("EIO", 1)],
)
def test_a_path_where_nobody_may_write_is_a_mistake_told_by_its_flag(script, name, status):
    body = (
        "import errno\n"
        "    with command_line.writes_to('output', 'a/b'): "
        f"raise OSError(errno.{name}, 'words', 'a/b')"
    )
    found, _, stderr = script(body)
    assert found == status
    assert stderr.startswith("error: --output=a/b cannot be written: [Errno ")
    assert stderr.count("\n") == 1


@pytest.mark.parametrize(
    "error", ["ValueError('x is 3, must be 4')", "OSError('x is 3, must be 4')"]
)
def test_a_wrong_argument_is_a_users_mistake(script, error):
    body = f"with command_line.usage_errors(): raise {error}"
    assert script(body) == (2, "", "error: x is 3, must be 4\n")


def test_a_bug_shows_its_traceback(script):
    status, _, stderr = script("raise ValueError('ours')")
    assert status == 1
    assert "Traceback" in stderr
    assert "ValueError: ours" in stderr


@pytest.mark.parametrize(
    ("argument", "told"),
    [
        ("--count=many", "--count=many: must be a whole number, got 'many'"),
        ("--rate=fast", "--rate=fast: must be a number, got"),
        ("--cuont=3", "'cuont'"),
        ("stray", "unexpected argument 'stray'"),
        ("--flagfile=no_such_file", "no_such_file"),
    ],
)
def test_a_bad_flag_is_a_users_mistake_told_in_one_line(script, argument, told):
    status, stdout, stderr = script("print('ran')", argument)
    assert (status, stdout) == (2, "")
    assert told in stderr
    assert stderr.startswith("error: ")
    assert stderr.count("\n") == 1


def test_flags_come_from_a_flagfile(script, tmp_path):
    flagfile = tmp_path / "some.flags"
    flagfile.write_text("# a comment\n--count=7\n")
    assert script("print(_COUNT.value)", f"--flagfile={flagfile}") == (0, "7\n", "")


@pytest.mark.parametrize("help_flag", ["--help", "-h", "--helpfull"])
def test_help_says_what_the_program_does_and_which_flags_it_has(script, help_flag):
    status, stdout, stderr = script("print('ran')", help_flag)
    assert (status, stderr) == (0, "")
    assert "What the script does." in stdout
    assert "--count  (default '1')\n      how many" in stdout
    assert "ran" not in stdout


def test_help_shows_the_flags_of_flags_modules():
    status, stdout, _ = run("-m", "mnasnet.describe", "--help")
    assert status == 0
    assert "--model_name" in stdout  # of mnasnet.model_flags


@pytest.mark.parametrize(
    "body",
    [
        "for n in range(100_000): print(n)",
        # Taken for a wrong argument, or for a disk that fails.
        "with command_line.usage_errors():\n        for n in range(100_000): print(n)",
        # Still in the buffer when main returns.
        "print(0, flush=True); sys.stdin.read(); print('more')",
        "print(0, flush=True); sys.stdin.read(); sys.stdout.write('x'); raise KeyboardInterrupt",
        # As with 2>&1.
        "os.dup2(1, 2); print(0, flush=True); sys.stdin.read(); raise command_line.UsageError('x')",
    ],
    ids=["many lines", "of checks", "the last line", "interrupted", "errors"],
)
def test_a_reader_that_leaves_ends_the_program_without_a_word(tmp_path, body):
    path = tmp_path / "script.py"
    path.write_text(SCRIPT.format(body=body).replace("import os", "import sys, os"))
    process = subprocess.Popen(
        [sys.executable, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout.readline() == b"0\n"
    process.stdout.close()
    process.stdin.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(60) == 141


def test_a_reader_that_leaves_takes_nothing_from_that_of_the_other_stream(tmp_path):
    path = tmp_path / "script.py"
    body = "print('result'); print(0, file=sys.stderr); sys.stdin.read(); print(1, file=sys.stderr)"
    path.write_text(SCRIPT.format(body=body).replace("import os", "import sys, os"))
    process = subprocess.Popen(
        [sys.executable, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": ""},
    )
    assert process.stderr.readline() == b"0\n"
    process.stderr.close()
    process.stdin.close()
    assert process.stdout.read() == b"result\n"
    process.stdout.close()
    assert process.wait(60) == 141


def test_a_pipe_to_another_than_our_reader_that_breaks_is_no_reader_that_left(script):
    status, _, stderr = script("raise BrokenPipeError('worker')")
    assert status == 1
    assert "BrokenPipeError: worker" in stderr
