"""What it costs a .tflite to take raw pixels: CPU ms beside the same network without normalisation.

    python -m benchmarks.tflite_latency

MnasNet-A1, untrained (weights do not change the latency), as mnasnet.export writes it: with the
normalisation inside, and without (--normalized_input). The two take turns, inference by inference,
in one process on one thread, so whatever else the machine does hits both alike. Printed are medians
and the median of the ratios of the pairs. Takes about a minute of CPU time.
"""

import statistics
import time

from absl import flags

from tflite_bench import command_line
from tflite_bench.host import cpu_model

_MODEL = "mnasnet-a1"
_PAIRS = flags.DEFINE_integer("pairs", 400, "timed inferences of each file", lower_bound=1)
_WARMUP_PAIRS = 10
_TARGET = "at most 1.02"


def main() -> None:
    print(f"{_MODEL}, 224 px, {cpu_model()}, one thread, {_PAIRS.value} pairs")
    print(f"{'CPU ms':10}{'raw pixels':>12}{'normalised':>12}{'ratio':>8}   target")
    for kind in ("float32", "int8"):
        raw, normalized, ratio = measure(kind, _PAIRS.value)
        print(f"{kind:10}{raw:12.3f}{normalized:12.3f}{ratio:8.3f}   {_TARGET}", flush=True)


def measure(kind: str, pairs: int) -> tuple[float, float, float]:
    """(ms of raw pixels, ms of normalised input, median ratio) for one kind of file."""
    import tf_keras

    from mnasnet.architectures import get_architecture
    from mnasnet.exporting.images import synthetic_images
    from mnasnet.exporting.tflite_classifier import normalize
    from mnasnet.exporting.tflite_export import TFLiteConfig, export_tflite
    from mnasnet.model import build_model

    tf_keras.utils.set_random_seed(0)
    model = build_model(get_architecture(_MODEL))
    images = synthetic_images(model.input_shape[1], 1)
    invokes = []
    for normalized_input, pixels in ((False, images), (True, normalize(images))):
        config = TFLiteConfig(kind, normalized_input)
        tflite = export_tflite(model, config, representative=[images])
        invokes.append(_load(tflite, pixels))
    times = ([], [])
    for pair in range(_WARMUP_PAIRS + pairs):
        # Each goes first in half of the pairs.
        for which in (0, 1) if pair % 2 else (1, 0):
            start = time.thread_time_ns()
            invokes[which]()
            if pair >= _WARMUP_PAIRS:
                times[which].append((time.thread_time_ns() - start) / 1e6)
    raw, normalized = map(statistics.median, times)
    ratio = statistics.median(ours / other for ours, other in zip(*times, strict=True))
    return raw, normalized, ratio


def _load(tflite: bytes, images):
    """The interpreter's `invoke`, with the input set."""
    from ai_edge_litert.interpreter import Interpreter

    from tflite_bench.chatter import silenced

    with silenced():
        interpreter = Interpreter(model_content=tflite, num_threads=1)
        interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], images)
    return interpreter.invoke


if __name__ == "__main__":
    command_line.run(main)
