import json
import os
import pathlib
import subprocess
import sys

import pytest

pytestmark = pytest.mark.tensorflow


def test_two_replicas_take_the_steps_of_one_and_train_on(tmp_path):
    here = pathlib.Path(__file__).parent
    finished = subprocess.run(
        [sys.executable, here / "mirrored_training.py", tmp_path],
        env={**os.environ, "PYTHONPATH": str(here.parent)}, capture_output=True, text=True,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr[-2000:]
    found = json.loads(finished.stdout)
    # Losses before and after a step, which is that of the same 16 images; batch norms frozen.
    assert found["two"] == pytest.approx(found["one"], rel=1e-5)
    assert found["one"][1] < found["one"][0]
    assert found["step"] == 20
    assert "replicas: 2" in finished.stderr
