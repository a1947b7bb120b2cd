"""Golden outputs of the official MnasNet code (TensorFlow 1.15.5), and the weights behind them.

A golden weight is a function of its variable's official name and shape alone, so a fixture needs no
checkpoint: testdata/official_MODEL.json lists the variables and the endpoints, the .npz beside it
has the logits for `golden_images`, with raw weights and with their moving averages.
"""

import json
import pathlib
import re
import zlib

import numpy as np

_TESTDATA = pathlib.Path(__file__).parent / "testdata"


class Golden:
    """One fixture: `facts` is its JSON, `logits_raw` and `logits_ema` are [2, num_classes]."""

    def __init__(self, name: str):
        path = _TESTDATA / f"official_{name}"
        self.facts = json.loads(path.with_suffix(".json").read_text())
        logits = np.load(path.with_suffix(".npz"))
        self.logits_raw, self.logits_ema = logits["logits_raw"], logits["logits_ema"]

    def images(self) -> np.ndarray:
        """float32 [2, S, S, 3] in 0..255: coarse random colours under noise."""
        size = self.facts["image_size"]
        state = np.random.RandomState(20180731 + size)
        colours = state.uniform(0, 255, (2, 8, 8, 3))
        images = colours.repeat(size // 8, axis=1).repeat(size // 8, axis=2)
        images += state.normal(0, 20, images.shape)
        return np.clip(np.round(images), 0, 255).astype(np.float32)

    def assign_weights(self, model, *, ema: bool) -> dict[str, str]:
        """Gives a model of `build_model` the golden weights; official names by ours.

        Official variables are found by their place (stem, block, head) and role, within those in
        the natural order of their names: the numbers in the names differ between variants.
        """
        official, names = {}, {}
        variables = [(name, shape) for name, shape, _ in self.facts["variables"]]
        for name, shape in sorted(variables, key=lambda item: _natural_scope(item[0])):
            place = re.search(r"mnas_(stem|head|blocks_\d+)/", name)[1].replace("blocks", "block")
            official.setdefault((place, _official_role(name)), []).append((name, shape))
        for layer in model.layers:
            for weight in layer.weights:
                name, shape = official[layer.name.split("/")[0], _role(layer.name)].pop(0)
                assert weight.shape == shape, (weight.name, name)
                weight.assign(golden_value(name, shape, ema=ema))
                names[weight.name] = name
        assert not any(official.values())
        return names


def golden_value(name: str, shape, *, ema: bool) -> np.ndarray:
    """The float32 value of an official variable, or of its moving average."""
    leaf = name.rsplit("/", 1)[1]
    base = 1.0 if leaf in ("gamma", "moving_variance") else 0.0
    if leaf == "depthwise_kernel":
        scale = np.sqrt(2 / (shape[0] * shape[1]))
    elif leaf == "kernel":
        scale = np.sqrt((1.4 if len(shape) == 4 else 1.0) / np.prod(shape[:-1]))
    else:
        scale = 0.15 if leaf == "moving_variance" else 0.1
    value = base + scale * _coarse_normal(name, shape, limit=12, steps=4)
    if ema:
        shadow = f"{name}/ExponentialMovingAverage"
        value = value + 0.125 * scale * _coarse_normal(shadow, shape, limit=2, steps=1)
        if leaf == "moving_variance":
            value = np.maximum(value, 0.25)
    return value.astype(np.float32)


def _coarse_normal(name: str, shape, *, limit: int, steps: int) -> np.ndarray:
    """Normal numbers seeded by a name, in multiples of 1 / steps, at most limit / steps."""
    normal = np.random.RandomState(zlib.crc32(name.encode())).standard_normal(int(np.prod(shape)))
    return np.clip(np.round(normal * steps), -limit, limit).reshape(shape) / steps


def _natural_scope(name: str) -> list:
    """Sorts conv2d_9/kernel before conv2d_10/kernel, and leaves kernel and bias as they come."""
    scope = name.rsplit("/", 1)[0]
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", scope)]


def _official_role(name: str) -> str:
    for word in ("/se/", "batch_normalization", "depthwise", "dense"):
        if word in name:
            return word.strip("/")
    return "conv"


def _role(layer_name: str) -> str:
    for ending, role in (
        ("/se", "se"),
        ("/batch_normalization", "batch_normalization"),
        ("/depthwise/conv", "depthwise"),
        ("/logits", "dense"),
    ):
        if layer_name.endswith(ending):
            return role
    return "conv"
