"""A checkpoint as SavedModel and TFLite files, each checked against the Keras model.

    python -m mnasnet.export --checkpoint=mnasnet-a1
    python -m mnasnet.export --checkpoint=RUN --representative=PHOTOS --export_dir=DIR
    python -m mnasnet.export --checkpoint=net.keras --blocks=... --export_dir=DIR

The checkpoint is one of the official code (a published one needs no more than its folder), of
mnasnet.train, whose folder says what network it holds, or of Keras. Files go to --export_dir, by
default to a folder export beside the checkpoint. Moving averages are what is exported, where there
are any. TFLite files take pixels in 0..255 and say so in a metadata buffer named `mnasnet`.
"""

import os

from absl import flags

from mnasnet import storage
from mnasnet.block_args import encode
from mnasnet.checkpoints.flags import TrainedModel, model_from_flags
from mnasnet.exporting.flags import EXPORT_DIR, export_config, representative_images
from mnasnet.training.words import in_a_line
from tflite_bench import command_line

_LABELS = flags.DEFINE_string(
    "labels",
    None,
    "file with the name of a class on each line; by default ImageNet's where there are 1000",
)


def describe(trained: TrainedModel, labels: tuple[str, ...] | None) -> dict:
    """What the TFLite files say of their network, beside their ends."""
    architecture, loaded = trained.architecture, trained.loaded
    return {
        "model": architecture.name,
        "blocks": list(encode(architecture.blocks)),
        "stem_filters": architecture.stem_filters,
        "head_filters": architecture.head_filters,
        "depth_multiplier": trained.depth_multiplier,
        "depth_divisor": architecture.depth_divisor,
        "min_depth": architecture.min_depth,
        "weights": {
            "checkpoint": os.path.basename(loaded.path),
            "step": loaded.step,
            "moving_averages": loaded.averages > 0,
        },
        "labels": None if labels is None else list(labels),
    }


def export(trained: TrainedModel, directory: str, config, representative, labels) -> None:
    """Writes and prints what the config says.

    Args:
      trained: the model.
      directory: where to.
      config: an ExportConfig.
      representative: float32 [N, S, S, 3] in 0..255 to calibrate on and to check with; or None.
      labels: names of the classes, or None.

    Raises:
      command_line.SurroundingsError: where a file could not be written or was not kept.
    """
    import tensorflow as tf

    from mnasnet.exporting.files import ExportError, export_model
    from mnasnet.exporting.images import synthetic_images
    from tflite_bench.convert import ConversionError

    size = trained.model.input_shape[1]
    try:
        export_model(
            trained.model,
            directory,
            config,
            name=trained.architecture.name,
            images=synthetic_images(size) if representative is None else representative,
            representative=representative,
            description=describe(trained, labels),
            on_exported=_print,
        )
    except (ExportError, ConversionError, OSError) as error:
        raise command_line.SurroundingsError(str(error)) from error
    except tf.errors.OpError as error:  # a full disk, for one
        raise command_line.SurroundingsError(in_a_line(error)) from error


def _print(exported) -> None:
    print(
        f"{exported.path}  {exported.num_bytes:,} bytes  logits within {exported.difference:.1e} "
        "of the Keras model's (of the largest)",
        flush=True,
    )


def _beside(checkpoint: str) -> str:
    """The folder for files that are given none."""
    if storage.is_remote(checkpoint):
        raise ValueError(f"no folder for files of {checkpoint}: name one with --export_dir")
    return os.path.join(os.path.dirname(checkpoint), "export")


def main() -> None:
    with command_line.usage_errors():
        config = export_config()
        trained = model_from_flags()
        from mnasnet.data.class_names import class_names

        labels = class_names(trained.model.output_shape[-1], _LABELS.value)
        representative = representative_images(trained.model.input_shape[1])
        loaded = trained.loaded
        directory = EXPORT_DIR.value or _beside(loaded.path)
        os.makedirs(directory, exist_ok=True)
    print(
        f"{trained.architecture.name}, {trained.model.output_shape[-1]} classes, "
        f"{'moving averages' if loaded.averages else 'weights'} of {loaded.path}"
    )
    export(trained, directory, config, representative, labels)
    if "int8" not in config.formats:
        print("no int8 file: it needs images to calibrate on, --representative=PHOTOS")


if __name__ == "__main__":
    command_line.run(main)
