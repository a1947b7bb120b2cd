"""`python -m mnasnet.describe --device=...`: converts and times for real."""

import json
import subprocess
import sys

import phone_lab
import pytest

pytestmark = pytest.mark.tensorflow


def test_a_device_adds_its_measured_milliseconds_with_spread_and_cpu():
    blocks = "r1_k3_s22_e1_i8_o8_dconv,r1_k3_s22_e3_i8_o16_se0.25_pool"
    result = subprocess.run(
        [
            sys.executable,
            "-m",
            "mnasnet.describe",
            f"--blocks={blocks}",
            "--stem_filters=8",
            "--head_filters=32",
            "--image_size=32",
            "--num_classes=10",
            "--device=host",
            "--json",
        ],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    said = json.loads(result.stdout)
    measurement = said["measurement"]
    assert said["latency"] == "host"
    assert said["latency_ms"] == measurement["latency_ms"] > 0
    assert measurement["device"] != ""
    assert measurement["spread"] >= 0
    assert measurement["num_threads"] == 1
    assert said["pixel1_estimate_ms"] > 0


def test_a_phone_adds_its_milliseconds_with_cores_and_serial(tmp_path):
    command = (
        f"{sys.executable} -m mnasnet.describe --blocks=r1_k3_s22_e1_i8_o8_dconv --stem_filters=8 "
        "--head_filters=32 --image_size=96 --num_classes=10 --device=auto --json "
        "--benchmark_model=$LAB_BENCHMARK_MODEL --min_seconds=0.05 --max_spread=50"
    )
    result = phone_lab.run(1, "sh", "-c", command, tmp_path=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    said = json.loads(result.stdout)
    assert said["latency"] == "phone"
    assert said["latency_ms"] == said["measurement"]["latency_ms"] > 0
    assert said["measurement"]["phone"]["hardware_serial"] == "LAB0"
    assert said["measurement"]["phone"]["cpu_mask"] == "2"
