"""Flagfiles of training and the flags that they use; defined in processes of their own."""

import json
import pathlib
import subprocess
import sys

import pytest

_ROOT = pathlib.Path(__file__).parent.parent

_READ = """
import sys
from absl import flags
from mnasnet.training import flags as train_flags
train_flags.define()
flags.FLAGS(["train", *sys.argv[1:]])
config = train_flags.settings_from_flags()
print(config.train_batch_size, config.train_steps, config.strategy, config.image_size,
      config.model_name, config.dropout_rate)
if config.depth_multiplier:
    print(config.depth_multiplier, config.depth_divisor, config.min_depth)
"""


def _read(*arguments) -> str:
    finished = subprocess.run(
        [sys.executable, "-c", _READ, *arguments], cwd=_ROOT, capture_output=True, text=True
    )
    return finished.stdout.strip() or finished.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # Batch and steps are those of the official configs/cloud.
        ("train_tpu_v2_8", "1024 437899 tpu 224 mnasnet-a1 None"),
        ("train_tpu_v2_32", "4096 109474 tpu 224 mnasnet-a1 None"),
        ("train_gpu", "128 3503192 default 224 mnasnet-a1 None"),
        ("train_hosts", "1024 437899 multi_worker_mirrored 224 mnasnet-a1 None"),
        ("train_imagenette", "64 437898 default 64 mnasnet-small None"),
    ],
)
def test_a_flagfile_says_what_its_head_says(name, expected):
    assert _read(f"--flagfile=flags/{name}.flags") == expected


def test_official_flags_are_taken_by_their_names():
    read = _read(
        "--model_name=mnasnet-small", "--input_image_size=96", "--use_tpu", "--dropout_rate=0",
        "--transpose_input=false", "--skip_host_call=true", "--train_batch_size=8",
    )  # fmt: skip
    assert read == "8 437898 tpu 96 mnasnet-small 0.0"


def test_the_rounding_of_filters_can_be_chosen_by_official_names():
    read = _read(
        "--model_name=mnasnet-a1", "--depth_multiplier=0.5", "--depth_divisor=4", "--min_depth=12"
    )
    assert read.splitlines()[1] == "0.5 4 12"


def test_a_network_of_flags_puts_that_of_a_file_aside(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("model_name: mnasnet-b1\nblocks: r1_k3_s11_e1_i32_o16\n")
    assert _read(f"--config_file={path}", "--model_name=mnasnet-small").endswith(
        "mnasnet-small None"
    )


def test_a_network_of_a_search_comes_with_its_image_size_and_dropout(tmp_path):
    around = {
        "name": "x", "stem_filters": 8, "head_filters": 64, "dropout_rate": 0.1, "image_size": 48,
    }  # fmt: skip
    row = {
        "rank": 1, "trial": 7, "network": ["r1_k3_s11_e1_i8_o8"], "accuracy": 0.5,
        "latency_ms": 1.0, "reward": 0.4, "architecture": around,
    }  # fmt: skip
    (tmp_path / "top.json").write_text(json.dumps([row]))
    assert _read(f"--from_search={tmp_path}").endswith("48 None 0.1")
    assert _read(f"--from_search={tmp_path}", "--image_size=32").endswith("32 None 0.1")


def test_a_flag_without_its_like_here_is_refused():
    assert "data_format is 'channels_first' in flags, must be 'channels_last' here" in _read(
        "--model_name=mnasnet-a1", "--data_format=channels_first"
    )
