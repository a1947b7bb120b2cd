"""Weights from checkpoints into our models: the official code's, our training's, Keras's.

A model is changed only once everything fits and is read: after an error it is as it was.
"""

import dataclasses
import os

import tf_keras
from absl import logging

from mnasnet.checkpoints.files import (
    CheckpointError,
    CheckpointFile,
    find_checkpoint,
    leaf_name,
    open_checkpoint,
)
from mnasnet.checkpoints.names import EMA_SUFFIX, Place, read_names, write_names

# A checkpoint of another model differs in hundreds of names; so many tell which it is.
_NAMES_SHOWN = 12
_HEAD = "head/logits"


@dataclasses.dataclass(frozen=True)
class Loaded:
    """What was loaded.

    Attributes:
      path: prefix or file.
      averages: variables that got their moving average; the others have their raw values.
      new: names in the checkpoint of the variables that were left as they are in the model.
      step: how many steps it was trained, None where it does not say.
    """

    path: str
    averages: int
    new: tuple[str, ...] = ()
    step: int | None = None


def load_tf1_checkpoint(model: tf_keras.Model, path: str, *, use_ema: bool = True) -> None:
    """Loads a checkpoint of the official code (TensorFlow 1), of either style of names.

    Variables are matched by their block, their role, and the natural order of their names within
    these; slots of the optimizer and global_step are left aside.

    Args:
      model: of `build_model`, of the checkpoint's architecture and number of classes.
      path: such as 'DIR/model.ckpt-437898', or DIR with a file `checkpoint`.
      use_ema: takes the exponential moving averages of the weights and of the batch-norm
        statistics, which the published accuracies are those of. A variable without one gets its raw
        value, and a warning says so.

    Raises:
      CheckpointError: (a ValueError) where there is no such checkpoint, it is broken or of another
        kind; or where variables are missing, left over, or of another shape, which it lists by
        name.
    """
    checkpoint = open_checkpoint(path)
    if checkpoint.kind != "tf1":
        raise CheckpointError(
            f"checkpoint {checkpoint.path!r} is of TensorFlow 2, load_checkpoint() reads it; "
            "load_tf1_checkpoint() reads those of the official code"
        )
    _load(model, checkpoint, use_ema=use_ema, new_head=False)


def load_checkpoint(model: tf_keras.Model, path: str, *, use_ema: bool = True) -> Loaded:
    """Loads a checkpoint of any kind: `load_tf1_checkpoint`'s, mnasnet.train's, or a Keras file.

    Args:
      model: of `build_model`, of the checkpoint's architecture and number of classes.
      path: prefix, folder (`find_checkpoint`), or file .keras or .weights.h5.
      use_ema: as `load_tf1_checkpoint`; Keras files have one set of weights only.

    Raises:
      CheckpointError: as `load_tf1_checkpoint`.
    """
    if str(path).endswith(".weights.h5"):
        return _load_keras_weights(model, path)
    return _load(model, open_checkpoint(path), use_ema=use_ema, new_head=False)


def init_from_checkpoint(model: tf_keras.Model, path: str, *, use_ema: bool = True) -> Loaded:
    """As `load_checkpoint`, to fine-tune: the classifier may have another number of classes.

    Where it has, the model keeps its own, freshly initialised classifier, and a warning says so.
    Everything else must fit.
    """
    if str(path).endswith(".weights.h5"):
        return _load_keras_weights(model, path)
    return _load(model, open_checkpoint(path), use_ema=use_ema, new_head=True)


def variable_places(model: tf_keras.Model) -> list[Place]:
    """The place of each of `model.weights`, in their order, which is the official code's."""
    places, layers = [], {}
    for layer in model.layers:
        part = layer.name.partition("/")[0]
        for weight in layer.weights:
            role, leaf = _role(layer.name), leaf_name(weight)
            owner = layer.name
            if role == "se":
                squeeze, _, leaf = leaf.partition("_")
                owner += squeeze
            of_role = layers.setdefault((part, role), [])
            if owner not in of_role:
                of_role.append(owner)
            places.append(Place(part, role, of_role.index(owner), leaf))
    return places


def _role(layer_name: str) -> str:
    for ending, role in (
        ("/se", "se"),
        ("/batch_normalization", "batch_normalization"),
        ("/depthwise/conv", "depthwise"),
        (_HEAD, "dense"),
    ):
        if layer_name.endswith(ending):
            return role
    return "conv"


@dataclasses.dataclass(frozen=True)
class _Matching:
    """Names in the checkpoint of `model.weights` (None where one has none), and what is amiss."""

    names: list[str | None]
    missing: list[str]
    left_over: list[str]
    averaged: frozenset[str]


def _load(
    model: tf_keras.Model, checkpoint: CheckpointFile, *, use_ema: bool, new_head: bool
) -> Loaded:
    match = _match_official if checkpoint.kind == "tf1" else _match_ours
    matching = match(model, checkpoint, use_ema)
    head = {id(weight) for weight in model.get_layer(_HEAD).weights}
    chosen, new, mis_shaped = [], [], []
    for weight, name in zip(model.weights, matching.names, strict=True):
        if name is None:
            continue
        found = _shape(checkpoint, name)
        if found == tuple(weight.shape):
            chosen.append((weight, name))
        elif new_head and id(weight) in head:
            new.append(name)
        else:
            mis_shaped.append(f"{name} {list(found)} instead of {weight.shape.as_list()}")
    _check(model, checkpoint, matching, mis_shaped)

    averaged = [name for _, name in chosen if use_ema and name in matching.averaged]
    raw = [name for _, name in chosen if name not in set(averaged)]
    values = checkpoint.read(raw, False) | _read_averages(checkpoint, averaged)
    if use_ema and raw and not checkpoint.one_set:
        what = f"no moving average of {_listed(raw)}" if averaged else "no moving averages"
        logging.warning("checkpoint %r has %s: raw values instead", checkpoint.path, what)
    if new:
        logging.warning(
            "the classifier starts anew: checkpoint %r has %d classes, the model %d",
            checkpoint.path,
            _shape(checkpoint, new[-1])[-1],
            model.output_shape[-1],
        )
    for weight, name in chosen:
        weight.assign(values[name])
    return Loaded(checkpoint.path, len(averaged), tuple(new), checkpoint.step)


def _check(model, checkpoint: CheckpointFile, matching: _Matching, mis_shaped: list[str]) -> None:
    wrong = [
        f"{what} {_listed(names)}"
        for what, names in (
            ("missing", matching.missing),
            ("left over", matching.left_over),
            ("mis-shaped", mis_shaped),
        )
        if names
    ]
    if wrong:
        raise CheckpointError(
            f"checkpoint {checkpoint.path!r} does not fit the model {model.name!r} of "
            f"{model.output_shape[-1]} classes: {'; '.join(wrong)}"
        )


def _match_official(model, checkpoint: CheckpointFile, use_ema: bool) -> _Matching:
    official = read_names(checkpoint.shapes)
    places = variable_places(model)
    expected = write_names(places, official.scope or model.name, use_keras=official.use_keras)
    missing, left_over = [], list(official.unknown)
    for group in sorted({(place.part, place.role) for place in (*places, *official.places)}):
        wanted = {expected[place] for place in places if group == (place.part, place.role)}
        found = {place for place in official.places if group == (place.part, place.role)}
        if found != {place for place in places if group == (place.part, place.role)}:
            # A variable is missing here or too much, and has shifted the ranks of the others:
            # now the numbers, which mean nothing otherwise, tell best which it is.
            found_names = {official.places[place] for place in found}
            missing += sorted(wanted - found_names)
            left_over += sorted(found_names - wanted)
    names = [official.places.get(place) for place in places]
    if missing or left_over:
        names = [
            name if name == expected[place] else None
            for place, name in zip(places, names, strict=True)
        ]
    if not use_ema:
        missing += [name for name in names if name and name not in checkpoint.shapes]
    return _Matching(names, missing, left_over, official.averaged)


def _match_ours(model, checkpoint: CheckpointFile, use_ema: bool) -> _Matching:
    del use_ema
    expected = [
        f"{layer.name}/{leaf_name(weight)}" for layer in model.layers for weight in layer.weights
    ]
    return _Matching(
        names=[name if name in checkpoint.shapes else None for name in expected],
        missing=[name for name in expected if name not in checkpoint.shapes],
        left_over=sorted(checkpoint.shapes.keys() - set(expected)),
        averaged=checkpoint.averages,
    )


def _shape(checkpoint: CheckpointFile, name: str) -> tuple[int, ...]:
    shapes = checkpoint.shapes
    return shapes[name] if name in shapes else shapes[name + EMA_SUFFIX]


def _read_averages(checkpoint: CheckpointFile, names: list[str]) -> dict:
    if checkpoint.kind != "tf1":
        return checkpoint.read(names, True)
    values = checkpoint.read([name + EMA_SUFFIX for name in names], False)
    return {name.removesuffix(EMA_SUFFIX): value for name, value in values.items()}


def _listed(names: list[str]) -> str:
    more = len(names) - _NAMES_SHOWN
    return ", ".join(names[:_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _load_keras_weights(model: tf_keras.Model, path: str) -> Loaded:
    """A .weights.h5 has no names of variables: Keras itself must know which is which."""
    path = find_checkpoint(os.fspath(path))
    before = model.get_weights()
    try:
        model.load_weights(path)
    except Exception as error:  # whatever HDF5 and Keras raise
        model.set_weights(before)
        reason = " ".join(str(error).split())
        raise CheckpointError(
            f"checkpoint {path!r} does not fit the model {model.name!r}: {reason}"
        ) from error
    return Loaded(path, 0)
