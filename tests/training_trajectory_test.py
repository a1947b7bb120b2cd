"""Steps of the official training (TensorFlow 1.15.5), done again by our training task."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

pytestmark = pytest.mark.tensorflow

_SHARED = pathlib.Path(os.environ.get("MNASNET_SHARED", "../shared")).resolve()


def _trajectory(name: str) -> tuple[list[float], dict]:
    """(official losses, what tests/official_trajectory.py says)."""
    fixture = _SHARED / "fixtures" / "official" / name
    if not fixture.is_dir():
        pytest.skip(f"{fixture} is missing, set MNASNET_SHARED")
    here = pathlib.Path(__file__).parent
    finished = subprocess.run(
        [sys.executable, here / "official_trajectory.py", fixture],
        env={**os.environ, "PYTHONPATH": f"{here.parent}:{here}"}, capture_output=True, text=True,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr[-2000:]
    facts = json.loads((fixture / "golden.json").read_text())
    return facts["losses_before_each_step"], json.loads(finished.stdout)


def test_three_steps_at_the_default_learning_rate_are_the_official_ones():
    official, ours = _trajectory("train_default_lr")
    assert ours["losses"] == pytest.approx(official, rel=1e-5)
    # The weights, averages and slots of stem, three blocks and head that the fixture keeps.
    assert len(ours["errors"]) == 86
    assert max(ours["errors"].values()) < 2e-3
    # Two biases stand before a batch norm, which takes them out: their gradients are rounding.
    assert [name.split("/", 1)[1] for name, _ in ours["nothing"]] == [
        "mnas_blocks_0/batch_normalization_1/beta/RMSProp_1",
        "mnas_blocks_13/batch_normalization_2/beta/RMSProp_1",
    ]
    assert max(largest for _, largest in ours["nothing"]) < 1e-8


def test_a_training_from_step_0_starts_like_the_official_one():
    official, ours = _trajectory("train_from_0")
    assert ours["losses"][:2] == pytest.approx(official[:2], rel=1e-5)
    assert max(ours["errors"].values()) < 2e-3
    # The learning rate of step 0 is zero, so it leaves no momentum at all.
    assert all(largest == 0 for _, largest in ours["nothing"])
