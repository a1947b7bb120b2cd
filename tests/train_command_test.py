"""`python -m mnasnet.train` from outside: killed, told to stop, and misused."""

import os
import pathlib
import shlex
import signal
import subprocess
import sys
import time

import pytest
import tensorflow as tf

from mnasnet import storage, train
from mnasnet.training.checkpoints import pass_over_broken
from mnasnet.training.folder import read_params
from mnasnet.training.run import Training
from tflite_bench import command_line

pytestmark = pytest.mark.tensorflow

_ROOT = pathlib.Path(__file__).parent.parent
_SMALL = (
    "--blocks=r1_k3_s22_e1_i8_o8_noskip", "--stem_filters=8", "--head_filters=16",
    "--image_size=8", "--dataset=digits", "--train_batch_size=16", "--eval_batch_size=100",
    "--iterations_per_loop=100", "--log_step_count_steps=50", "--steps_per_eval=100000",
)  # fmt: skip


def _start(*arguments) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "mnasnet.train", *arguments],
        cwd=_ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )  # fmt: skip


def _wait_for(path: pathlib.Path, process: subprocess.Popen) -> None:
    while not path.exists():
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.05)


def test_a_killed_training_goes_on_and_one_told_to_stop_saves_first(tmp_path):
    folder = tmp_path / "m"
    endless = (*_SMALL, "--mode=train", "--train_steps=1000000", f"--model_dir={folder}")
    killed = _start(*endless)
    _wait_for(folder / "ckpt-150.index", killed)
    killed.kill()
    killed.communicate()
    left_at = int(tf.train.latest_checkpoint(folder).rpartition("-")[2])

    told = _start(*endless)
    _wait_for(folder / f"ckpt-{left_at + 100}.index", told)
    told.send_signal(signal.SIGTERM)
    output, _ = told.communicate(timeout=60)
    assert told.returncode == 128 + signal.SIGTERM
    assert f"restored model from {folder}/ckpt-{left_at}" in output
    saved_at = int(tf.train.latest_checkpoint(folder).rpartition("-")[2])
    assert saved_at % 50 == 0

    assert f"told to stop, step {saved_at:,} is saved" in output

    config = read_params(str(folder))
    training = Training(
        type(config)(**vars(config) | {"train_steps": saved_at + 7}), str(folder), "train"
    )
    assert f"step {saved_at:,} of {saved_at + 7:,}" in training.summary
    assert training.run().step == saved_at + 7


def test_ctrl_c_says_which_step_is_saved_and_how_to_go_on(tmp_path):
    folder = tmp_path / "m m"
    process = _start(
        *_SMALL, "--mode=train", "--train_steps=1000000", "--max_to_keep=1000",
        f"--model_dir={folder}",
    )  # fmt: skip
    _wait_for(folder / "ckpt-150.index", process)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    saved = int(tf.train.latest_checkpoint(folder).rpartition("-")[2])
    assert f"\nStopped; step {saved:,} is saved in {folder}. Go on with:\n" in errors
    command = shlex.split(errors.splitlines()[-2])
    assert command[0] == sys.executable
    assert command[1:3] == ["-m", "mnasnet.train"]
    assert command[-1] == f"--model_dir={folder}"
    assert errors.splitlines()[-1] == "interrupted"


def _bucket_gone(path):
    raise tf.errors.UnavailableError(None, None, f"{path}: no answer")


def test_ctrl_c_stays_one_where_what_is_saved_cannot_be_read(tmp_path, monkeypatch, capsys):
    (tmp_path / "checkpoint").write_text('model_checkpoint_path: "ckpt-150"\n')
    monkeypatch.setattr(storage, "read_text", _bucket_gone)
    with pytest.raises(KeyboardInterrupt), train._failures(str(tmp_path), "train", several=False):
        raise KeyboardInterrupt
    assert capsys.readouterr().err.startswith("\nStopped. Go on with:\n")


def test_a_bucket_that_is_gone_is_one_line_without_a_step(tmp_path, monkeypatch):
    (tmp_path / "checkpoint").write_text('model_checkpoint_path: "ckpt-150"\n')
    monkeypatch.setattr(storage, "read_text", _bucket_gone)
    with (
        pytest.raises(command_line.SurroundingsError) as told,
        train._failures(str(tmp_path), "train", several=False),
    ):
        _bucket_gone("gs://b/m")
    assert str(told.value) == (
        "gs://b/m: no answer; start the same command again when that is mended"
    )


def test_a_pipe_of_the_storage_that_breaks_is_one_line(tmp_path):
    with (
        pytest.raises(command_line.SurroundingsError) as told,
        train._failures(str(tmp_path), "train", several=False),
    ):
        raise BrokenPipeError(32, "Broken pipe")
    assert str(told.value) == (
        f"[Errno 32] Broken pipe; no step is saved in {tmp_path}; start the same command again "
        "when that is mended"
    )


@pytest.mark.parametrize("there", [True, False])
def test_an_evaluation_waits_for_a_training_that_has_not_begun(there, tmp_path):
    folder = tmp_path / "m"
    if there:
        folder.mkdir()
    process = _start("--mode=eval", f"--model_dir={folder}", "--eval_timeout=1")
    output, errors = process.communicate(timeout=60)
    so_far = "" if there else " (no such folder so far)"
    assert output == f"waiting for the first checkpoint in {folder}{so_far}, at most 1 s\n"
    assert errors == f"error: no checkpoint came to {folder} within 1 s (--eval_timeout)\n"
    assert process.returncode == 1
    assert folder.exists() == there


def test_an_evaluation_that_began_first_follows_the_training_to_its_end(tmp_path):
    folder = tmp_path / "m"
    follower = _start("--mode=eval", f"--model_dir={folder}", "--eval_timeout=100")
    assert follower.stdout.readline().startswith(f"waiting for the first checkpoint in {folder}")
    trainer = _start(*_SMALL, "--mode=train", "--train_steps=50", f"--model_dir={folder}")
    trainer.communicate(timeout=60)
    output, errors = follower.communicate(timeout=60)
    assert follower.returncode == 0, errors
    assert output.splitlines()[-1].startswith("step 50 of 50, top_1_accuracy 0.")


@pytest.fixture
def small_disk(tmp_path):
    """A file system with room for two checkpoints of the small network and no third."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=112k", "tmpfs", str(disk)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"needs the right to mount a tmpfs: {error}")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_is_one_line_and_keeps_the_checkpoints_before(small_disk):
    folder = small_disk / "m"
    process = _start(*_SMALL, "--mode=train", "--train_steps=100000", f"--model_dir={folder}")
    _, errors = process.communicate(timeout=100)
    kept = tf.train.latest_checkpoint(folder)
    assert errors == (
        f"error: no space left on the disk of {folder}; step {kept.rpartition('-')[2]} is saved in "
        f"{folder}; start the same command again when that is mended\n"
    )
    assert process.returncode == 1
    assert pass_over_broken(str(folder)) == int(kept.rpartition("-")[2])
    assert not [path for path in folder.rglob("*") if "temp" in path.name]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--model_name=mnasnet-a1",), "no folder given: name one with --model_dir"),
        (("--model_dir=DIR",), "no network given: name one with --model_name"),
        (("--model_dir=DIR", "--mode=export_only"), "mode export_only needs --export_dir"),
        (
            ("--model_dir=DIR", "--model_name=mnasnet-a1", "--params_override=lr=1"),
            "unknown key 'lr' in params_override, known are",
        ),
        (("--model_dir=DIR", "--from_search=nowhere"), "nowhere/top.json cannot be read"),
        (("--model_dir=DIR", "--rank=1", "--model_name=mnasnet-a1"), "--rank goes with"),
        (("--model_dir=README.md", "--mode=eval"), "--model_dir 'README.md' is a file"),
        (("--model_dir=DIR/deeper", "--mode=eval"), "DIR/deeper' cannot be followed: no folder"),
        (
            ("--model_dir=DIR", "--mode=export_only", "--export_dir=DIR"),
            "DIR' holds no training: it has no params.yaml",
        ),
        (
            ("--model_dir=DIR", "--model_name=mnasnet-a1", "--config_file=no.yaml"),
            "--config_file 'no.yaml' cannot be read: No such file or directory",
        ),
    ],
)
def test_a_mistake_is_one_line_and_status_2(arguments, message, tmp_path):
    folder = tmp_path / "m"
    process = _start(*(argument.replace("DIR", str(folder)) for argument in arguments))
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert errors.startswith("error: ")
    assert message.replace("DIR", str(folder)) in errors
    assert errors.count("\n") == 1
    assert not folder.exists()


def test_a_strategy_without_devices_is_one_line_and_status_2(tmp_path):
    process = _start(*_SMALL, "--strategy=mirrored", f"--model_dir={tmp_path / 'm'}")
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (
        2, "error: strategy 'mirrored' needs a GPU, TensorFlow sees none on this machine\n",
    )  # fmt: skip
