"""Finds a checkpoint on disk and reads it whole or not at all.

Three kinds are told apart by what they hold, never by their names: 'tf1', variables under names
chosen in a graph; 'object', those of tf.train.Checkpoint and of SavedModels of TensorFlow 2; and
'keras', files of Keras.
"""

import dataclasses
import os
from collections.abc import Callable, Iterable

import numpy as np
import tensorflow as tf

_OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
_INDEX = ".index"
_KERAS_ENDINGS = (".keras", ".h5", ".hdf5")
# The reader has no type of error of its own: a broken file gives any of these.
_READER_ERRORS = (tf.errors.OpError, ValueError, RuntimeError, LookupError)
_SAVED_VARIABLES = os.path.join("variables", "variables")  # of a SavedModel, in its folder
_AVERAGE_SLOT = "average"  # of official.modeling.optimization.ExponentialMovingAverage


class CheckpointError(ValueError):
    """A checkpoint that is not there, is broken, or does not fit; one line that says which."""


@dataclasses.dataclass(frozen=True)
class CheckpointFile:
    """An open checkpoint.

    Attributes:
      path: prefix of its files, such as 'runs/a1/model.ckpt-1000', or the Keras file.
      kind: 'tf1', 'object' or 'keras'.
      shapes: of each variable of the network, by name; for 'tf1' of everything that it holds.
      averages: for 'object': names of those variables that have a moving average.
      step: how many steps it was trained, None where it does not say.
      read: arrays by name; those of (name, True) are the moving averages.
    """

    path: str
    kind: str
    shapes: dict[str, tuple[int, ...]]
    averages: frozenset[str]
    step: int | None
    read: Callable[[Iterable[str], bool], dict[str, np.ndarray]]

    @property
    def one_set(self) -> bool:
        """Whether it is of a kind that never has both raw weights and averages."""
        return self.kind == "keras" or self.path.endswith(_SAVED_VARIABLES)


def find_checkpoint(path: str) -> str:
    """The prefix (or Keras file) that a user means by a path.

    Args:
      path: a prefix; one of the files that belong to it; a Keras file; or a folder with a file
        `checkpoint` that names the latest, with one checkpoint, or with a SavedModel. An archive of
        the published models unpacks into such a folder.

    Raises:
      CheckpointError: where nothing of that kind is there; the message says what is missing.
    """
    path = os.fspath(path)
    if _is_file(path + _INDEX):
        return path
    if _is_file(path):
        for ending in (_INDEX, ".data-", ".meta"):
            prefix = path[: path.rfind(ending)] if ending in path else ""
            if prefix and _is_file(prefix + _INDEX):
                return prefix
        if path.endswith(_KERAS_ENDINGS):
            return path
        raise CheckpointError(
            f"checkpoint {path!r} is none: expected a prefix as model.ckpt-1000, a folder, or a "
            "file .keras or .weights.h5"
        )
    if not tf.io.gfile.isdir(path):
        raise CheckpointError(
            f"checkpoint {path!r} is not there: neither a folder nor a prefix of checkpoint files "
            f"({path}{_INDEX} is missing)"
        )
    return _find_in_folder(path)


def _find_in_folder(folder: str) -> str:
    if _is_file(os.path.join(folder, "checkpoint")):
        return _latest(folder)
    found = sorted(name for name in tf.io.gfile.listdir(folder) if name.endswith(_INDEX))
    if len(found) > 1:
        raise CheckpointError(
            f"folder {folder!r} has {len(found)} checkpoints and no file 'checkpoint' that names "
            f"one, give one of {', '.join(name.removesuffix(_INDEX) for name in found)}"
        )
    if found:
        return os.path.join(folder, found[0].removesuffix(_INDEX))
    for saved_model in (folder, os.path.join(folder, "saved_model")):
        variables = os.path.join(saved_model, _SAVED_VARIABLES)
        if _is_file(variables + _INDEX):
            return variables
    # An archive may have been unpacked one level deeper than the path that was given.
    deeper = [os.path.dirname(p) for p in tf.io.gfile.glob(os.path.join(folder, "*", "checkpoint"))]
    if len(deeper) == 1:
        return find_checkpoint(deeper[0])
    raise CheckpointError(
        f"folder {folder!r} has no checkpoint: neither a file 'checkpoint' nor files *{_INDEX}"
    )


def _is_file(path: str) -> bool:
    """On this machine or in a cloud."""
    return tf.io.gfile.exists(path) and not tf.io.gfile.isdir(path)


def _latest(folder: str) -> str:
    """What the file `checkpoint` names, also where the folder was moved since."""
    try:
        state = tf.train.get_checkpoint_state(folder)
    except (tf.errors.OpError, ValueError):
        state = None
    if state is None or not state.model_checkpoint_path:
        raise CheckpointError(f"{os.path.join(folder, 'checkpoint')!r} names no checkpoint")
    named = state.model_checkpoint_path
    for prefix in (named, os.path.join(folder, os.path.basename(named))):
        if _is_file(prefix + _INDEX):
            return prefix
    raise CheckpointError(
        f"{os.path.join(folder, 'checkpoint')!r} names {named!r}, whose file {_INDEX} is missing"
    )


def open_checkpoint(path: str) -> CheckpointFile:
    """Opens what `find_checkpoint` finds; values are read when asked for.

    Raises:
      CheckpointError: as `find_checkpoint`; for files that are cut short or broken (also by `read`
        of the result).
    """
    found = find_checkpoint(path)
    if found.endswith(_KERAS_ENDINGS) and not _is_file(found + _INDEX):
        return _open_keras(found)
    try:
        reader = tf.train.load_checkpoint(found)
        shapes = {name: tuple(shape) for name, shape in reader.get_variable_to_shape_map().items()}
    except _READER_ERRORS as error:
        raise CheckpointError(f"checkpoint {found!r} cannot be read: {_why(error)}") from error

    def tensor(key):
        try:
            return reader.get_tensor(key)
        except _READER_ERRORS as error:
            raise CheckpointError(
                f"checkpoint {found!r} is cut short or broken at {key}: {_why(error)}"
            ) from error

    if _OBJECT_GRAPH in shapes:
        return _open_object(found, shapes, tensor)
    step = int(tensor("global_step")) if "global_step" in shapes else None

    def read(names, averages=False):
        del averages  # here they have names of their own
        return {name: tensor(name) for name in names}

    return CheckpointFile(found, "tf1", shapes, frozenset(), step, read)


def _open_object(path: str, shapes: dict, tensor: Callable) -> CheckpointFile:
    """The variables below the object `model` (or all, where there is none), by their full names."""
    from tensorflow.core.protobuf.trackable_object_graph_pb2 import TrackableObjectGraph

    nodes = TrackableObjectGraph.FromString(tensor(_OBJECT_GRAPH)).nodes
    top = {child.local_name: child.node_id for child in nodes[0].children}
    keys, of_node = {}, {}
    waiting, seen = [top.get("model", 0)], set()
    while waiting:
        node_id = waiting.pop()
        if node_id in seen:
            continue
        seen.add(node_id)
        for attribute in nodes[node_id].attributes:
            if attribute.full_name and attribute.checkpoint_key in shapes:
                keys[attribute.full_name] = attribute.checkpoint_key
                of_node[node_id] = attribute.full_name
        waiting += [
            child.node_id
            for child in nodes[node_id].children
            if child.local_name not in ("optimizer", "keras_api")
        ]
    averages = {}
    for node in nodes:
        for slot in node.slot_variables:
            if slot.slot_name == _AVERAGE_SLOT and slot.original_variable_node_id in of_node:
                name = of_node[slot.original_variable_node_id]
                averages[name] = nodes[slot.slot_variable_node_id].attributes[0].checkpoint_key

    def read(names, of_averages=False):
        return {name: tensor((averages if of_averages else keys)[name]) for name in names}

    step = None
    if "global_step" in top:
        (attribute,) = nodes[top["global_step"]].attributes
        step = int(tensor(attribute.checkpoint_key))
    by_name = {name: shapes[key] for name, key in keys.items()}
    return CheckpointFile(path, "object", by_name, frozenset(averages), step, read)


def _open_keras(path: str) -> CheckpointFile:
    import tf_keras

    from mnasnet import layers  # noqa: F401  (registers what a .keras file is made of)

    try:
        model = tf_keras.models.load_model(path, compile=False)
    except Exception as error:  # whatever zip, HDF5, JSON and Keras raise
        raise CheckpointError(f"checkpoint {path!r} cannot be read: {_why(error)}") from error
    # A layer that was loaded does not always put its own name before its weights'.
    values = {
        f"{layer.name}/{leaf_name(weight)}": weight.numpy()
        for layer in model.layers
        for weight in layer.weights
    }

    def read(names, averages=False):
        del averages
        return {name: values[name] for name in names}

    shapes = {name: value.shape for name, value in values.items()}
    return CheckpointFile(path, "keras", shapes, frozenset(), None, read)


def leaf_name(weight) -> str:
    """'kernel' of a variable 'stem/conv/kernel:0'."""
    return weight.name.partition(":")[0].rpartition("/")[2]


def _why(error: Exception) -> str:
    text = str(getattr(error, "message", None) or error).strip()
    return text.splitlines()[0] if text else type(error).__name__
