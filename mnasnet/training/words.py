"""What happened to a training, and how to go on, for people. Nothing here imports TensorFlow."""

import os
import re

from mnasnet import storage

# What TensorFlow says before it says what was wrong.
_PREFACES = ("Graph execution error", "Detected at", "<stack traces", "File ")
# What it says of its own inside, around that.
_OPERATION = r"^\{\{function_node [^}]*\}\} | \[Op:\w+\]$"


def in_a_line(error: BaseException) -> str:
    """The line of an error's text that says what was wrong."""
    lines = [" ".join(line.split()) for line in str(error).splitlines()]
    telling = [line for line in lines if line and not line.startswith(_PREFACES)]
    line = (telling or lines or [type(error).__name__])[0]
    return re.sub(_OPERATION, "", line)


def kept(model_dir: str) -> str:
    """What the folder of a training has, for a sentence; empty where the folder cannot be read.

    It raises nothing: the sentence is about another error, which often is why the folder cannot be
    read.
    """
    try:
        step = _newest_step(model_dir)
    except Exception:  # a cloud's file system has errors of its own, by the name of TensorFlow
        return ""
    return f"{'no step' if step is None else f'step {step:,}'} is saved in {model_dir}"


def _newest_step(model_dir: str) -> int | None:
    """The step of the checkpoint that a training goes on from, None where there is none."""
    try:
        text = storage.read_text(os.path.join(model_dir, "checkpoint"))
    except FileNotFoundError:
        if not storage.exists(model_dir):
            raise
        return None
    found = re.match(r'model_checkpoint_path: ".*-(\d+)"', text)
    return int(found[1]) if found else None
