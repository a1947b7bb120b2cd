"""Tests of search.guard: processes that are killed and stopped, and a machine that locks skip."""

import os
import signal
import subprocess
import sys
import time

import pytest

from search.guard import Guard
from search.trials import Measured, Trial
from search.workdir import Workdir

BEAT, PATIENCE = 0.05, 1.0

# Holds the guard of the folder argv[1] as host argv[2]. The kernel's locks do not reach it, as on
# another machine, where argv[3] says so.
HOLDER = f"""
import errno, fcntl, sys, time
from pathlib import Path
from search.guard import Guard

def no_locks(*_):
    raise OSError(errno.ENOLCK, "no locks available")

if sys.argv[3] == "unlocked":
    fcntl.flock = no_locks
guard = Guard(Path(sys.argv[1]), host=sys.argv[2], beat_seconds={BEAT}, patience_seconds={PATIENCE})
print("held", flush=True)
while True:
    time.sleep({BEAT})
    guard.check()
"""


@pytest.fixture
def hold(tmp_path):
    """Starts a holder, and ends all in the end."""
    started = []

    def start(host="there", locks="unlocked"):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(tmp_path), host, locks],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def guard(folder, host="here", **more):
    return Guard(folder, host=host, beat_seconds=BEAT, patience_seconds=PATIENCE, **more)


def test_a_holder_on_this_machine_is_named_and_its_death_frees_the_folder_at_once(
    hold, tmp_path, capsys
):
    holder = hold("here", "locked")
    with pytest.raises(
        ValueError, match=f"in use by another search .host here, process {holder.pid},"
    ):
        guard(tmp_path)
    holder.kill()
    holder.wait()
    with guard(tmp_path):
        assert str(os.getpid()) in (tmp_path / "lock").read_text()
    assert capsys.readouterr().err == ""  # nothing was waited for


def test_a_stopped_holder_on_this_machine_keeps_the_folder(hold, tmp_path):
    holder = hold("here", "locked")
    holder.send_signal(signal.SIGSTOP)
    time.sleep(1.5 * PATIENCE)
    with pytest.raises(ValueError, match=r"last sign of life [12] s ago"):
        guard(tmp_path)


def test_a_holder_on_another_machine_that_lives_keeps_the_folder(hold, tmp_path, capsys):
    holder = hold()
    with pytest.raises(
        ValueError, match=f"host there, process {holder.pid}, last sign of life 0 s"
    ):
        guard(tmp_path)
    (told,) = capsys.readouterr().err.splitlines()
    assert "waiting up to 1 s whether it is alive" in told
    assert holder.poll() is None


def test_a_holder_on_another_machine_that_died_is_waited_for_and_followed(hold, tmp_path, capsys):
    holder = hold()
    holder.kill()
    holder.wait()
    with guard(tmp_path):
        assert "waiting up to 1 s" in capsys.readouterr().err
        assert '"here"' in (tmp_path / "lock").read_text()


def test_nobody_waits_for_a_holder_that_died_long_ago(hold, tmp_path, capsys):
    holder = hold()
    holder.kill()
    holder.wait()
    hour_ago = time.time() - 3600
    os.utime(tmp_path / "lock", (hour_ago, hour_ago))
    with guard(tmp_path):
        assert capsys.readouterr().err == ""


def test_who_was_taken_for_dead_writes_no_more_when_it_wakes(hold, tmp_path):
    holder = hold()
    holder.send_signal(signal.SIGSTOP)
    time.sleep(1.5 * PATIENCE)
    with guard(tmp_path) as ours:
        holder.send_signal(signal.SIGCONT)
        _, err = holder.communicate(timeout=30)
        assert f"host here, process {os.getpid()} took it over" in err.splitlines()[-1]
        ours.check()  # and it left us alone
        assert '"here"' in (tmp_path / "lock").read_text()


def test_a_clean_end_leaves_nothing_to_wait_for(tmp_path, capsys):
    with guard(tmp_path, host="there"):
        assert (tmp_path / "lock").read_text()
    assert (tmp_path / "lock").read_text() == ""
    with guard(tmp_path):
        assert capsys.readouterr().err == ""


def test_a_store_takes_nothing_once_its_folder_is_anothers(tmp_path):
    with Workdir(tmp_path) as workdir:
        ours = Trial(0, (0,), Measured(("a",), 0.5, 10.0, 0.5))
        workdir.store.append([ours])
        (tmp_path / "lock").write_text(
            '{"host": "there", "boot": "", "process": 7, "token": "another"}'
        )
        workdir._guard._beat()
        with pytest.raises(OSError, match="host there, process 7 took it over"):
            workdir.store.append([Trial(1, (1,), Measured(("b",), 0.5, 10.0, 0.5))])
        with pytest.raises(OSError, match="took it over"):
            workdir.save_checkpoint(1, {})
        assert workdir.store.trials() == [ours]
    assert '"another"' in (tmp_path / "lock").read_text()  # the end of one is not the other's


@pytest.mark.parametrize("content", ["4711", "", "{", '{"host": "there"}'])
def test_a_lock_file_that_names_nobody_binds_nobody(content, tmp_path):
    (tmp_path / "lock").write_text(content)
    with guard(tmp_path):
        assert '"here"' in (tmp_path / "lock").read_text()
