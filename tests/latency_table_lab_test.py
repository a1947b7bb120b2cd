"""A latency table of a small space on a loopback phone: built, checked, spoilt and refused."""

import json
import shlex
import sys

import pytest
from phone_lab import run

pytestmark = pytest.mark.tensorflow

# At 32 px, once each: on a shared machine repeats lie far apart, and nothing here is about figures.
FLAGS = (
    "--search_space=accel_nasbench_cell",
    "--latency_image_size=32",
    "--num_classes=10",
    "--device=auto",
    "--max_spread=50",
    "--min_seconds=0.02",
    "--runs=5",
    "--warmup_runs=1",
    "--max_table_error=1000",
)


def table_command(tmp_path, command, *arguments):
    """The command's end, beside one phone; the lab tells where its benchmark_model is."""
    words = [sys.executable, "-m", "search.latency_table", command, *FLAGS, *arguments]
    line = f"{shlex.join(words)} --benchmark_model=$LAB_BENCHMARK_MODEL"
    return run(1, "sh", "-c", line, tmp_path=tmp_path, timeout=500)


# Takes its time for nine conversions, in one test since the second half stands on the first.
def test_a_table_is_built_and_checked_and_one_with_a_spoilt_row_is_refused(tmp_path):
    path = tmp_path / "table.json"
    build = ("build", f"--output={path}", "--profiles=1", "--calibration_networks=1")
    done = table_command(tmp_path, *build)
    if done.returncode == 1:  # a loopback phone of a busy machine may go away: go on
        done = table_command(tmp_path, *build)
    assert (done.returncode, done.stderr) == (0, "")
    assert "accel_nasbench_cell: 175 distinct operators at 32 px, " in done.stdout
    assert "Factor between sums and networks: " in done.stdout
    assert f"{path} is complete; now check it" in done.stdout

    check = ("check", f"--table={path}", "--check_networks=2")
    done = table_command(tmp_path, *check)
    assert (done.returncode, done.stderr) == (0, "")
    assert "predicted ms  measured ms" in done.stdout
    assert "2 random networks on Google Pixel: mean error " in done.stdout
    content = json.loads(path.read_text())
    assert (content["device"]["device"], content["device"]["cpu_mask"]) == ("Google Pixel", "2")
    assert len(content["rows"]) == 175
    assert len(content["check"]["networks"]) == 2
    assert content["check"]["mean_error"] > 0

    content["rows"][7]["ms"] += 1
    path.write_text(json.dumps(content))
    done = table_command(tmp_path, *check)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: the table {path} has 1 spoilt row: ")
    assert done.stderr.count("\n") == 1
