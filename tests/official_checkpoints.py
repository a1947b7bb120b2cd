"""Writes checkpoints as the official code's, from a fixture's names and the rule of its weights."""

import re

import numpy as np
import tensorflow as tf
from official_golden import Golden, golden_value

EMA = "/ExponentialMovingAverage"


def golden_variables(golden: Golden, *, ema: bool = True) -> dict[str, np.ndarray]:
    """All that the checkpoint of a fixture holds, by name."""
    variables = {"global_step": np.int64(1000)}
    for name, shape, _ in golden.facts["variables"]:
        variables[name] = golden_value(name, shape, ema=False)
        if ema:
            variables[name + EMA] = golden_value(name, shape, ema=True)
    return variables


def without_keras_style(variables: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The same values under the names that `use_keras=false` gives them: numbers start in each
    scope again, and the scope mnas_net_model is not there."""
    numbers = {}
    renamed = {}
    for name, value in sorted(variables.items(), key=lambda item: _natural(item[0])):
        match = re.fullmatch(r"(.*/)((?:depthwise_)?conv2d)(?:_\d+)?(/\w+)(/.*)?", name)
        if match:
            scope, layer, leaf, suffix = match.groups()
            of_scope = numbers.setdefault(scope + layer, [])
            full = name[: match.start(3)]
            if full not in of_scope:
                of_scope.append(full)
            number = of_scope.index(full)
            name = scope + layer + (f"_{number}" if number else "") + leaf + (suffix or "")
        renamed[name.replace("mnas_net_model/", "")] = value
    assert len(renamed) == len(variables)
    return renamed


def write(folder, variables: dict[str, np.ndarray], step: int = 1000) -> str:
    """Writes FOLDER/model.ckpt-STEP and the file `checkpoint`; returns the prefix."""
    folder.mkdir(parents=True, exist_ok=True)
    prefix = str(folder / f"model.ckpt-{step}")
    tf.raw_ops.SaveV2(
        prefix=prefix,
        tensor_names=list(variables),
        shape_and_slices=[""] * len(variables),
        tensors=[tf.constant(value) for value in variables.values()],
    )
    (folder / "checkpoint").write_text(f'model_checkpoint_path: "model.ckpt-{step}"\n')
    return prefix


def _natural(name: str) -> list:
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]
