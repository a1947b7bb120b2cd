"""SavedModels with the official signature: encoded JPEGs in, classes and probabilities out."""

import numpy as np
import tensorflow as tf

from mnasnet.preprocessing import preprocess_for_eval

# The first two take JPEGs, as the official ones of these names; the third takes images.
JPEG_SIGNATURES = ("serving_default", "classify")
IMAGES_SIGNATURE = "classify_images"


def save(model, directory: str) -> None:
    """Writes a SavedModel.

    Its signatures 'serving_default' and 'classify': `image_bytes` string [N], JPEGs of any sizes,
    to `classes` int64 [N] and `probabilities` float32 [N, C]. The evaluation's crop and resizing
    are inside. Signature 'classify_images': `images` float32 [N, S, S, 3] in 0..255 to the same and
    `logits`.

    Args:
      model: of `build_model`, with the weights to ship.
      directory: to be made.
    """
    image_size = model.input_shape[1]

    @tf.function(input_signature=[tf.TensorSpec([None, *model.input_shape[1:]], name="images")])
    def classify_images(images):
        logits = model(images, training=False)
        return {"logits": logits} | _answers(logits)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")])
    def classify(image_bytes):
        images = tf.map_fn(
            lambda jpeg: preprocess_for_eval(jpeg, image_size),
            image_bytes,
            fn_output_signature=tf.TensorSpec([image_size, image_size, 3]),
        )
        return _answers(model(images, training=False))

    module = tf.Module()
    # The weights alone: Keras would have its layers traced one by one for a file that nobody trains
    # on, which takes ten times as long.
    module.model = list(model.weights)
    signatures = dict.fromkeys(JPEG_SIGNATURES, classify) | {IMAGES_SIGNATURE: classify_images}
    tf.saved_model.save(module, directory, signatures=signatures)


def _answers(logits: tf.Tensor) -> dict[str, tf.Tensor]:
    return {
        "classes": tf.argmax(logits, axis=-1, output_type=tf.int64),
        "probabilities": tf.nn.softmax(logits),
    }


class SavedModelClassifier:
    """A classifier in a SavedModel, ours or of the official code.

    Args:
      directory: with a file saved_model.pb.

    Attributes:
      num_classes: C; None where the file leaves it open.

    Raises:
      ValueError: for a folder that is no SavedModel, or has no signature that takes `image_bytes`.
    """

    def __init__(self, directory: str):
        try:
            self._loaded = tf.saved_model.load(directory, tags=["serve"])
        except (OSError, ValueError, RuntimeError, LookupError, tf.errors.OpError) as error:
            reason = str(error).strip().splitlines()[0]
            raise ValueError(f"SavedModel {directory!r} cannot be loaded: {reason}") from error
        for name in JPEG_SIGNATURES:
            self._classify = self._loaded.signatures.get(name)
            if self._classify and "image_bytes" in self._classify.structured_input_signature[1]:
                break
        else:
            found = ", ".join(self._loaded.signatures) or "none"
            raise ValueError(
                f"SavedModel {directory!r} has the signatures {found}, must have one of "
                f"{', '.join(JPEG_SIGNATURES)} that takes image_bytes"
            )
        self.num_classes = self._classify.structured_outputs["probabilities"].shape[-1]

    def probabilities(self, jpegs) -> np.ndarray:
        """String tensor [N] of JPEGs -> float32 [N, C]."""
        return self._classify(image_bytes=tf.convert_to_tensor(jpegs))["probabilities"].numpy()

    def logits(self, images: np.ndarray) -> np.ndarray:
        """Images float32 [N, S, S, 3] in 0..255 -> logits [N, C]; of our SavedModels only."""
        return self._loaded.signatures[IMAGES_SIGNATURE](images=tf.constant(images))[
            "logits"
        ].numpy()
