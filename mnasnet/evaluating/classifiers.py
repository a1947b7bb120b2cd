"""Classifiers to evaluate: Keras models, SavedModels, .tflite files, and all forms of one model."""

import os

import numpy as np
import tensorflow as tf

from mnasnet.evaluating.top_k import Classifier
from mnasnet.exporting.saved_model import SavedModelClassifier
from mnasnet.exporting.tflite_classifier import TFLiteClassifier
from mnasnet.exporting.tflite_export import KINDS, TFLiteConfig, export_tflite


def of_model(model, name: str) -> Classifier:
    """A tf_keras model of `build_model`; as its weights are when it is asked."""
    infer = tf.function(lambda images: model(images, training=False), reduce_retracing=True)
    return Classifier(
        name, model.output_shape[-1], model.input_shape[1], lambda images: infer(images).numpy()
    )


def of_tflite(content: bytes, name: str) -> Classifier:
    """The content of a .tflite file; ValueError where it is no classifier."""
    loaded = TFLiteClassifier(content, name)
    labels = loaded.description.get("labels")
    return Classifier(name, loaded.num_classes, loaded.image_size, loaded.logits, labels=labels)


def of_path(path: str) -> Classifier:
    """A .tflite file, or the folder of a SavedModel.

    Raises:
      ValueError: for anything else.
    """
    if os.path.isdir(path):
        loaded = SavedModelClassifier(path)
        return Classifier(path, loaded.num_classes, None, loaded.probabilities, logits=False)
    try:
        with open(path, "rb") as file:
            return of_tflite(file.read(), path)
    except OSError as error:
        raise ValueError(f"{path!r} cannot be read: {error.strerror}") from error


def all_forms(model, name: str, representative: np.ndarray) -> list[Classifier]:
    """A model and the four TFLite files of its weights, int8 calibrated on `representative`.

    Args:
      model: of `build_model`.
      name: of the weights.
      representative: float32 [N, S, S, 3] in 0..255.
    """
    files = {
        kind: export_tflite(model, TFLiteConfig(kind), representative=representative[:, None])
        for kind in KINDS
    }
    tflites = [of_tflite(content, f"TFLite {kind}") for kind, content in files.items()]
    return [of_model(model, name), *tflites]
