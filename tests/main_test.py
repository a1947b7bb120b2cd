import subprocess
import sys

import pytest

pytestmark = pytest.mark.tensorflow


def start(*arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "search.main", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(*arguments):
    process = start(*arguments)
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "--workdir is missing"),
        (("--reference=mnasnet-z9",), "unknown model 'mnasnet-z9', known are mnasnet-a1"),
        (("--search_space=nasbench",), "unknown search space 'nasbench', known are mnasnet"),
        (("--latency=estimate:pixel9",), "unknown latency 'estimate:pixel9'"),
        (("--max_trials=0",), "max_trials is 0, must be 1 or more"),
        (("--reward=firm",), "firm"),
        (("--target_latency_ms=0",), "target_latency_ms is 0.0"),
        (("--dataset=imagenet", "--data_dir=/nowhere"), "/nowhere"),
        (("--proxy_epochs=many",), "must be a whole number, got 'many'"),
    ],
)
def test_a_mistake_gets_one_line_and_leaves_nothing_behind(arguments, told, tmp_path):
    workdir = tmp_path / "w"
    named = () if told.startswith("--workdir") else (f"--workdir={workdir}",)
    status, _, err = run(*arguments, *named)
    assert status == 2
    assert told in err
    assert len(err.splitlines()) == 1
    assert not workdir.exists()
