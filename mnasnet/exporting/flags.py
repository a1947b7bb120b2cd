"""Flags of an export; for `mnasnet.export`, and for a training that exports at its end."""

from absl import flags

from mnasnet.exporting.tflite_export import INT8_ENDS

EXPORT_DIR = flags.DEFINE_string(
    "export_dir",
    None,
    "folder for the SavedModel and the TFLite files; by default a training writes none, and "
    "mnasnet.export to a folder export beside the checkpoint",
)
_FORMATS = ("saved_model", "float32", "float16", "dynamic", "int8")
_EXPORT_FORMATS = flags.DEFINE_list(
    "export_formats",
    None,
    f"what to write: {', '.join(_FORMATS)}; by default all, int8 where --representative is given",
)
_NORMALIZED_INPUT = flags.DEFINE_bool(
    "normalized_input",
    False,
    "TFLite files take normalised images under the name truediv, as the official code's do, in "
    "place of pixels in 0..255",
)
_INT8_ENDS = flags.DEFINE_enum(
    "int8_ends", "float", list(INT8_ENDS), "what the int8 file takes and gives"
)
_REPRESENTATIVE = flags.DEFINE_string(
    "representative",
    None,
    "images to calibrate int8 on: a folder of JPEGs or of ImageNet's TFRecords, one such file, or "
    "a .npy of pixels",
)
_NUM_CALIBRATION_IMAGES = flags.DEFINE_integer(
    "num_calibration_images", 100, "how many of --representative to take", lower_bound=1
)


def export_config():
    """The `mnasnet.exporting.files.ExportConfig` that the flags say.

    Raises:
      ValueError: for an unknown format, or int8 asked for without --representative.
    """
    from mnasnet.exporting.files import FORMATS, ExportConfig

    asked = _EXPORT_FORMATS.value
    if asked and "int8" in asked and not _REPRESENTATIVE.value:
        raise ValueError(
            "--export_formats has int8, which needs images: name some with --representative"
        )
    if asked is None:
        asked = [name for name in FORMATS if name != "int8" or _REPRESENTATIVE.value]
    return ExportConfig(tuple(asked), _NORMALIZED_INPUT.value, _INT8_ENDS.value)


def representative_images(image_size: int):
    """float32 [N, S, S, 3] in 0..255 of --representative, or None where it is not given.

    Raises:
      ValueError: for images that are not there or cannot be read.
    """
    if not _REPRESENTATIVE.value:
        return None
    from mnasnet.exporting.images import load_images

    return load_images(_REPRESENTATIVE.value, image_size, _NUM_CALIBRATION_IMAGES.value)
