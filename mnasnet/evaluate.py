"""Top-1 and top-5 on ImageNet's validation images, or the five likeliest classes of pictures.

    python -m mnasnet.evaluate --checkpoint=mnasnet-a1 --data_dir=DIR
    python -m mnasnet.evaluate --exported=a1.tflite,saved_model --data_dir=DIR --num_images=49152
    python -m mnasnet.evaluate --checkpoint=mnasnet-a1 --data_dir=DIR --compare
    python -m mnasnet.evaluate --exported=a1.tflite --image=panda.jpg,cat.jpg

DIR holds TFRecords validation-*-of-* in ImageNet's layout. All images count, which differs from the
official code: that leaves out what fills no batch of 1,024, and --num_images=49152 is its number.
"""

import sys

from absl import flags

from mnasnet.checkpoints.flags import CHECKPOINT, USE_EMA, model_from_flags
from tflite_bench import command_line
from tflite_bench.text_table import print_table

_EXPORTED = flags.DEFINE_list("exported", [], ".tflite files and folders of SavedModels")
_COMPARE = flags.DEFINE_bool(
    "compare",
    False,
    "with --checkpoint: one table of its raw weights, its moving averages, and TFLite float32, "
    "float16, dynamic and int8 of the averages",
)
# Other commands have these too, and a process may have both.
_DATA_DIR = flags.DEFINE_string("data_dir", None, "folder of the data set", allow_override=True)
_NUM_IMAGES = flags.DEFINE_integer(
    "num_images",
    None,
    "evaluate on the first so many images; by default on all, the official code's number is 49152",
    lower_bound=1,
)
_EVAL_BATCH_SIZE = flags.DEFINE_integer(
    "eval_batch_size", 64, "images at once", lower_bound=1, allow_override=True
)
_IMAGE = flags.DEFINE_list("image", [], "JPEGs to print the five likeliest classes of")
_CLASS_NAMES = flags.DEFINE_string(
    "class_names",
    None,
    "file with the name of a class on each line; by default those in a .tflite's metadata, or "
    "ImageNet's where there are 1000",
)
_CALIBRATE_ON = flags.DEFINE_string(
    "calibrate_on",
    None,
    "with --compare: images for int8, as mnasnet.export's --representative; by default --data_dir, "
    "of which training images are taken where there are any",
)
_CALIBRATION_IMAGES = 100
_PROGRESS_EVERY = 5000


def main() -> None:
    with command_line.usage_errors():
        _check_flags()
        classifiers = _classifiers()
        if _IMAGE.value:
            _check_images()
    if _IMAGE.value:
        for classifier in classifiers:
            _print_top_5(classifier)
    if _DATA_DIR.value:
        _evaluate(classifiers)


def _check_flags() -> None:
    if not CHECKPOINT.value and not _EXPORTED.value:
        raise ValueError("nothing to evaluate: give --checkpoint, --exported or both")
    if not _DATA_DIR.value and not _IMAGE.value:
        raise ValueError("nothing to evaluate on: give --data_dir, --image or both")
    if _COMPARE.value and not (CHECKPOINT.value and (_CALIBRATE_ON.value or _DATA_DIR.value)):
        raise ValueError("--compare needs --checkpoint, and --calibrate_on or --data_dir")
    if _COMPARE.value and not USE_EMA.value:
        raise ValueError("--compare has raw weights and moving averages, it takes no --nouse_ema")


def _classifiers() -> list:
    from mnasnet.evaluating import classifiers as evaluate_classifiers

    found = []
    if CHECKPOINT.value:
        trained = model_from_flags()
        averaged = trained.loaded.averages > 0
        name = f"{trained.architecture.name} {'averages' if averaged else 'weights'}"
        if _COMPARE.value:
            from mnasnet.exporting.images import load_images

            photos = load_images(
                _CALIBRATE_ON.value or _DATA_DIR.value,
                trained.model.input_shape[1],
                _CALIBRATION_IMAGES,
            )
            found = [*_raw(trained, averaged)]
            found += evaluate_classifiers.all_forms(trained.model, name, photos)
        else:
            found = [evaluate_classifiers.of_model(trained.model, name)]
    found += [evaluate_classifiers.of_path(path) for path in _EXPORTED.value]
    if len({classifier.num_classes for classifier in found}) > 1:
        counts = ", ".join(f"{one.name} {one.num_classes}" for one in found)
        raise ValueError(f"numbers of classes differ: {counts}")
    return found


def _raw(trained, averaged: bool):
    """The raw weights, where the model has got averages."""
    if not averaged:
        return
    import tf_keras

    from mnasnet.checkpoint import load_checkpoint
    from mnasnet.evaluating import classifiers as evaluate_classifiers

    raw = tf_keras.models.clone_model(trained.model)
    load_checkpoint(raw, CHECKPOINT.value, use_ema=False)
    yield evaluate_classifiers.of_model(raw, f"{trained.architecture.name} raw weights")


def _check_images() -> None:
    from mnasnet.exporting.images import read_jpeg

    for path in _IMAGE.value:
        read_jpeg(path)


def _print_top_5(classifier) -> None:
    from mnasnet.data.class_names import class_names
    from mnasnet.exporting.images import read_jpeg

    with command_line.usage_errors():
        names = class_names(classifier.num_classes, _CLASS_NAMES.value)
    if classifier.labels and not _CLASS_NAMES.value:
        names = classifier.labels
    print(classifier.name)
    for path in _IMAGE.value:
        (probabilities,) = classifier.probabilities([read_jpeg(path)])
        print(f"  {path}")
        for index in (-probabilities).argsort(kind="stable")[:5]:
            name = f"  {names[index]}" if names else ""
            print(f"    {probabilities[index]:.4f}  {index}{name}")


def _evaluate(classifiers: list) -> None:
    import tensorflow as tf

    from mnasnet.evaluating.top_k import ValidationImages, evaluate

    with command_line.usage_errors():
        images = ValidationImages(_DATA_DIR.value, classifiers[0].num_classes, _NUM_IMAGES.value)

    def report(accuracies):
        seen = accuracies[0].images
        if seen // _PROGRESS_EVERY > (seen - _EVAL_BATCH_SIZE.value) // _PROGRESS_EVERY:
            print(f"{seen:,} of {images.num_images:,} images", file=sys.stderr, flush=True)

    try:
        accuracies = evaluate(
            classifiers, images, batch_size=_EVAL_BATCH_SIZE.value, on_batch=report
        )
    except tf.errors.OpError as error:
        reason = str(error.message).splitlines()[0]
        raise command_line.UsageError(
            f"an image in {_DATA_DIR.value!r} cannot be read: {reason}"
        ) from error
    print(f"{accuracies[0].images:,} images of {_DATA_DIR.value}")
    rows = [
        [classifier.name, f"{accuracy.top_1:.4f}", f"{accuracy.top_5:.4f}"]
        for classifier, accuracy in zip(classifiers, accuracies, strict=True)
    ]
    print_table(["classifier", "top-1", "top-5"], rows)


if __name__ == "__main__":
    command_line.run(main)
