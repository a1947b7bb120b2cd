"""An untrained network as a .tflite file: what a clock is given. Weights do not change latency."""

import threading
from collections.abc import Sequence

from mnasnet.architectures import Architecture
from tflite_bench.convert import to_tflite

# Keras names layers, and clears its session, for the whole process.
_ONE_AT_A_TIME = threading.Lock()


def untrained_tflites(
    architecture: Architecture, *, image_size: int, num_classes: int, quantizations: Sequence[str]
) -> list[bytes]:
    """The network once per quantization; may be called from several threads.

    Raises:
      ConversionError: where it cannot be converted.
    """
    # Imported here: TensorFlow takes seconds, and estimates do without.
    import numpy as np
    import tf_keras

    from mnasnet.model import build_model

    def calibration(quantization):
        if quantization != "int8":
            return None
        rng = np.random.default_rng(0)
        return [rng.uniform(0, 255, (1, image_size, image_size, 3)).astype(np.float32)]

    with _ONE_AT_A_TIME:
        tf_keras.backend.clear_session()
        model = build_model(architecture, num_classes=num_classes, image_size=image_size)
        return [
            to_tflite(model, quantization=quantization, representative=calibration(quantization))
            for quantization in quantizations
        ]
