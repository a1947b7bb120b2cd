"""Trains a network in full, as the official code does; started again, it goes on.

    python -m mnasnet.train --model_name=mnasnet-a1 --data_dir=DIR --model_dir=DIR
    python -m mnasnet.train --flagfile=flags/train_tpu_v2_8.flags --tpu=NAME --data_dir=... --model_dir=...
    python -m mnasnet.train --from_search=WORKDIR --rank=1 --data_dir=DIR --model_dir=DIR
    python -m mnasnet.train --mode=eval --model_dir=DIR        # follows a training, beside it

Settings come from --config_file, then --params_override, then flags, each over those before. The
model_dir gets checkpoints, the best of them in archive/, TensorBoard summaries in train/ and eval/,
and params.yaml and network.json, which say what is trained. SIGTERM saves, then stops;
Ctrl-C stops, and says which step is saved. The same command goes on.
"""  # noqa: E501, a command in one line

import contextlib
import dataclasses
import errno
import os
import sys
from collections.abc import Iterator

from absl import flags

from mnasnet.training import flags as train_flags
from mnasnet.training.config import TrainingConfig
from mnasnet.training.words import in_a_line, kept
from tflite_bench import command_line


def main() -> int | None:
    values = flags.FLAGS
    mode, model_dir, export_dir = values.mode, values.model_dir, values.export_dir
    with command_line.usage_errors():
        if not model_dir:
            raise ValueError("no folder given: name one with --model_dir")
        if mode == "export_only" and not export_dir:
            raise ValueError("mode export_only needs --export_dir")
        config = train_flags.settings_from_flags()
        found = train_flags.found_by_search()
        if config.model_name is None and config.blocks is None:
            config = _config_of_folder(mode, model_dir, config.eval_timeout)
    if mode == "export_only":
        _export(model_dir, export_dir)
        return None
    several = values.top_k is not None
    with _failures(model_dir, mode, several):
        if several:
            _train_best(found, config, model_dir, mode)
            return None
        _run(config, model_dir, mode)
    if export_dir and mode == "train_and_eval":
        _export(model_dir, export_dir)
    return None


def _config_of_folder(mode: str, model_dir: str, eval_timeout: int | None) -> TrainingConfig:
    """The folder of a training says what is trained, where flags do not."""
    from mnasnet.training import folder as training_folder

    if mode not in ("eval", "export_only"):
        raise ValueError(
            "no network given: name one with --model_name, write one with --blocks, or take one of "
            "a search with --from_search"
        )
    if mode == "eval":
        _wait_for_checkpoint(model_dir, eval_timeout)
    return training_folder.settings_of(model_dir, train_flags.given_settings())


def _wait_for_checkpoint(model_dir: str, eval_timeout: int | None) -> None:
    from mnasnet.training import folder as training_folder

    with command_line.usage_errors():
        try:
            training_folder.wait_for_checkpoint(model_dir, eval_timeout)
        except TimeoutError as error:
            raise command_line.SurroundingsError(str(error)) from error


def _train_best(found, config: TrainingConfig, model_dir: str, mode: str) -> None:
    from mnasnet.training import best as train_best

    with command_line.usage_errors():
        if mode != "train_and_eval":
            raise ValueError(f"--top_k trains and evaluates, it does not go with mode {mode}")
    train_best.train_best(found, config, model_dir)


def _run(config: TrainingConfig, model_dir: str, mode: str) -> None:
    with command_line.usage_errors():
        from mnasnet.training.run import Training

        training = _made(lambda: Training(config, model_dir, mode))
    print(training.summary, flush=True)
    if training.rounding:
        print(training.rounding, flush=True)
    if mode == "eval":  # here those whose flags say what is trained
        _wait_for_checkpoint(model_dir, config.eval_timeout)
    outcome = training.run()
    line = f"step {outcome.step:,} of {training.train_steps:,}"
    for name in ("top_1_accuracy", "top_5_accuracy"):
        if name in outcome.metrics:
            line += f", {name} {outcome.metrics[name]:.4f}"
    print(line)


def _made(make):
    """What `make` makes; a server that cannot be reached is no mistake of the user."""
    import tensorflow as tf

    try:
        return make()
    except (tf.errors.FailedPreconditionError, tf.errors.UnavailableError) as error:
        raise command_line.SurroundingsError(in_a_line(error)) from error


@contextlib.contextmanager
def _failures(model_dir: str, mode: str, several: bool) -> Iterator[None]:
    """One line for what happens to a training and is no bug, and what is saved of it."""
    try:
        yield
    except KeyboardInterrupt:
        told = f"Stopped{_kept(model_dir, mode, several)}. Go on with:"
        print(f"\n{told}\n  {command_line.this_command()}", file=sys.stderr)
        raise
    except (command_line.UsageError, command_line.SurroundingsError):
        raise
    except Exception as error:
        if (line := _of_surroundings(error, model_dir)) is None:
            raise
        line += _kept(model_dir, mode, several)
        if not isinstance(error, ArithmeticError):  # that would diverge again
            line += "; start the same command again when that is mended"
        raise command_line.SurroundingsError(line) from error


def _kept(model_dir: str, mode: str, several: bool) -> str:
    if mode == "eval":
        return ""
    told = f"what is done is kept in {model_dir}" if several else kept(model_dir)
    return f"; {told}" if told else ""


def _of_surroundings(error: Exception, model_dir: str) -> str | None:
    """What went wrong around the training, None where that is not it."""
    import tensorflow as tf

    from mnasnet.training.engine import TrainingDiverged

    gone = (
        tf.errors.DataLossError,
        tf.errors.ResourceExhaustedError,
        tf.errors.UnavailableError,
        tf.errors.NotFoundError,
    )
    of_input = isinstance(error, tf.errors.InvalidArgumentError) and "Iterator" in str(error)
    if isinstance(error, TrainingDiverged):
        return in_a_line(error)
    if not isinstance(error, (OSError, *gone)) and not of_input:
        return None
    line = in_a_line(error)
    if os.strerror(errno.ENOSPC) in line:  # TensorFlow names a file that was there for a moment
        return f"no space left on the disk of {model_dir}"
    return line


def _export(model_dir: str, export_dir: str) -> None:
    """SavedModel and TFLite files of the newest checkpoint of a training."""
    from mnasnet.exporting import flags as export_flags

    values = flags.FLAGS
    with command_line.usage_errors():
        from mnasnet.checkpoint import load_checkpoint
        from mnasnet.checkpoints.flags import TrainedModel
        from mnasnet.training.run import newest_checkpoint
        from mnasnet.training.trained_network import load_network

        config = export_flags.export_config()
        if not values.post_quantize:
            formats = tuple(name for name in config.formats if name != "dynamic")
            config = dataclasses.replace(config, formats=formats)
        network = load_network(model_dir)
        model = network.build()
        loaded = load_checkpoint(
            model, newest_checkpoint(model_dir), use_ema=values.export_moving_average
        )
        representative = export_flags.representative_images(network.image_size)
        from mnasnet import export
        from mnasnet.data.class_names import class_names

        labels = class_names(network.num_classes, None)
        os.makedirs(export_dir, exist_ok=True)
    trained = TrainedModel(model, network.architecture, network.depth_multiplier, loaded)
    export.export(trained, export_dir, config, representative, labels)


if __name__ == "__main__":
    train_flags.define()
    command_line.run(main)
