"""What one candidate of a search costs, in CPU-seconds, beside the same in ordinary Keras.

    python -m benchmarks.candidate_cost

The candidate is MnasNet-A1. The baselines are measured in the same run: compile and fit on plain
Keras layers of the same network, TFLiteConverter.from_keras_model, and for the training step a
tf.function over plain Keras layers with Keras's RMSprop. Everything runs on one thread. Where first
use costs, a figure is the median of fresh processes, ours and the baseline's in turn; training
steps take turns within one process. Takes some four minutes of CPU time.
"""

import json
import os
import statistics
import subprocess
import sys

from absl import flags

from tflite_bench import command_line

_REPEATS = flags.DEFINE_integer("repeats", 3, "fresh processes for each figure", lower_bound=1)
_ROUNDS = flags.DEFINE_integer("rounds", 20, "timed training steps at 32 px", lower_bound=1)
_BATCH_SIZE = flags.DEFINE_integer(
    "train_batch_size", 128, "images in a step at 32 px", lower_bound=2
)

# CPU-seconds, at most.
_FIRST_STEP_TARGET, _CONVERSION_TARGET = 3.5, 1.5
_LARGE_IMAGE_SIZE, _LARGE_BATCH_SIZE = 224, 32


def main() -> None:
    versions = _measure("versions")
    print(
        f"{versions['cpu']}, {versions['cores']} cores, one thread used; Python "
        f"{versions['python']}, TensorFlow {versions['tensorflow']}, tf_keras "
        f"{versions['tf_keras']}\n"
    )
    print_costs(_medians("first_step", _BATCH_SIZE.value), _medians("conversion"))
    rounds = _ROUNDS.value
    sizes = [
        (32, _BATCH_SIZE.value, rounds, 1.5),
        (_LARGE_IMAGE_SIZE, _LARGE_BATCH_SIZE, max(1, rounds // 2), 1.0),
    ]
    print("\nTraining step, images per CPU-second")
    print(f"{'':34}{'ours':>10}{'Keras':>10}{'ratio':>10}   target")
    for image_size, batch_size, count, target in sizes:
        speed = _measure("training", image_size, batch_size, count)
        print(
            f"{f'{image_size} px, batch {batch_size}':34}{speed['ours']:10.1f}"
            f"{speed['keras']:10.1f}{speed['ratio']:10.2f}   at least {target}"
        )


def print_costs(first_step: dict, conversion: dict) -> None:
    """The table of CPU-seconds; both arguments: {'ours' or 'keras': {figure: CPU-seconds}}."""
    rows = [
        ("import", first_step, ["import"], ""),
        ("build, 32 px", first_step, ["build"], ""),
        ("trace and first step", first_step, ["trace"], ""),
        ("to the first step", first_step, ["build", "trace"], f"at most {_FIRST_STEP_TARGET}"),
        (
            "the same, second in a process",
            first_step,
            ["build_again", "trace_again"],
            f"at most {_FIRST_STEP_TARGET}",
        ),
        ("build, 224 px", conversion, ["build"], ""),
        ("conversion, 224 px", conversion, ["convert"], f"at most {_CONVERSION_TARGET}"),
        ("timing on the host", conversion, ["measure"], ""),
    ]
    print("One candidate, CPU-seconds")
    print(f"{'':34}{'ours':>10}{'Keras':>10}{'ratio':>10}   target")
    for name, figures, parts, target in rows:
        ours, keras = (
            sum(figures[contender][part] for part in parts) for contender in ("ours", "keras")
        )
        print(f"{name:34}{ours:10.2f}{keras:10.2f}{ours / keras:10.2f}   {target}".rstrip())
    latencies = [conversion[contender]["latency_ms"] for contender in ("ours", "keras")]
    print(f"\nLatency of the two files: {latencies[0]:.2f} and {latencies[1]:.2f} ms")


def _medians(part: str, *arguments) -> dict:
    """{'ours' or 'keras': {figure: median over fresh processes}}, the two in turn."""
    runs = {"ours": [], "keras": []}
    for _ in range(_REPEATS.value):
        for contender, results in runs.items():
            results.append(_measure(part, contender, *arguments))
    return {
        contender: {key: statistics.median(result[key] for result in results) for key in results[0]}
        for contender, results in runs.items()
    }


def _measure(part: str, *arguments) -> dict:
    """One measurement, in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.candidate_parts", part, *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    finished = subprocess.run(command, env=environment, capture_output=True, text=True)
    if finished.returncode:
        raise command_line.SurroundingsError(
            f"{' '.join(command[1:])} failed: {finished.stderr.strip().splitlines()[-1]}"
        )
    return json.loads(finished.stdout.splitlines()[-1])


if __name__ == "__main__":
    command_line.run(main)
