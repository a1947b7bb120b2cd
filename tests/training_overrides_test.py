import pytest

from mnasnet.training.config import TrainingConfig
from mnasnet.training.overrides import given_settings

# A configuration file of the official repository, with all of its keys.
_OFFICIAL_GPU = """
model_name: mnasnet-a1
use_tpu: False
train_batch_size: 128
eval_batch_size: 128
train_steps: 3503192
num_train_images: 1281167
num_eval_images: 50000
input_image_size: 224
num_label_classes: 1000
base_learning_rate: 0.016
weight_decay: 1e-5
dropout_rate: null
depth_multiplier: null
data_format: channels_last
transpose_input: False
skip_host_call: False
use_keras: True
"""


def _resolve(config_file=None, params_override=None, **flags):
    return TrainingConfig(
        **given_settings(config_file=config_file, params_override=params_override, flags=flags)
    )


def test_an_official_file_is_read_under_its_own_names(tmp_path):
    path = tmp_path / "gpu.yaml"
    path.write_text(_OFFICIAL_GPU)
    config = _resolve(str(path))
    assert (config.image_size, config.num_classes) == (224, 1000)
    assert config.train_steps == 3_503_192
    assert config.weight_decay == 1e-5  # which YAML takes for a text
    assert config.dropout_rate is None
    assert config.strategy == "default"


def test_flags_win_over_the_override_which_wins_over_the_file(tmp_path):
    path = tmp_path / "settings.yaml"
    path.write_text("train_steps: 1\neval_batch_size: 2\ntrain_batch_size: 3\nseed: 4\n")
    config = _resolve(str(path), "eval_batch_size=20,train_batch_size=30", train_batch_size=300)
    assert config.train_steps == 1
    assert config.eval_batch_size == 20
    assert config.train_batch_size == 300
    assert config.seed == 4
    assert config.base_learning_rate == TrainingConfig.base_learning_rate


def test_dropout_can_be_set_to_zero():
    assert _resolve(params_override="dropout_rate=0").dropout_rate == 0
    assert _resolve(dropout_rate=0.0).dropout_rate == 0


def test_use_tpu_asks_for_the_strategy_tpu():
    assert _resolve(params_override="use_tpu=true").strategy == "tpu"


def test_blocks_come_as_a_list_or_as_a_text():
    blocks = ("r1_k3_s11_e1_i32_o16", "r1_k3_s22_e6_i16_o24")
    assert _resolve(params_override=f"{{blocks: [{', '.join(blocks)}]}}").blocks == blocks
    assert _resolve(params_override=f"{{blocks: '{' '.join(blocks)}'}}").blocks == blocks


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("learning_rat=1", "unknown key 'learning_rat' in params_override, known are"),
        ("train_steps=many", "train_steps is 'many' in params_override, must be a whole number"),
        ("train_steps=1.5", "train_steps is 1.5 in params_override, must be a whole number"),
        ("use_cache=3", "use_cache is 3 in params_override, must be true or false"),
        ("momentum=yes", "momentum is True in params_override, must be a number"),
        ("train_steps", "params_override has 'train_steps', must be key=value"),
        ("data_format=channels_first", "data_format is 'channels_first' in params_override"),
        ("dropout_rate=1", "dropout_rate is 1.0, must be at least 0 and below 1"),
        ("precision=float16", "precision is 'float16', must be one of float32, bfloat16"),
        ("{a: [", "params_override is no YAML"),
    ],
)
def test_a_wrong_setting_is_named_with_what_is_allowed(override, message):
    with pytest.raises(ValueError) as error:
        _resolve(params_override=override)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("flag", ["config_file", "params_override"])
def test_a_file_that_cannot_be_read_is_named_with_its_flag(flag, tmp_path):
    with pytest.raises(ValueError) as error:
        _resolve(**{flag: "no.yaml"})
    assert str(error.value) == f"--{flag} 'no.yaml' cannot be read: No such file or directory"

    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError) as error:
        _resolve(**{flag: str(binary)})
    assert str(error.value) == f"--{flag} {str(binary)!r} cannot be read: no text in UTF-8"
