"""Hands over the best network of a search as best.tflite."""

from pathlib import Path

from search.executors.executor import Workers
from search.latency import LatencyConfig
from search.tables import write_atomically
from search.trials import Trial
from search.workdir import Workdir

FILE = "best.tflite"


def export_best(workdir: Workdir, best: Trial, workers: Workers, latency: LatencyConfig) -> Path:
    """Has the best network trained on the proxy task once more and converted.

    The file is there to be tried out; a full training makes it good.

    Args:
      workdir: gets the file; one that holds this network already is left alone.
      best: a completed trial.
      workers: of whom one trains it.
      latency: says at which image size and in which quantization it was timed, so is the file.

    Returns:
      The file's path.

    Raises:
      Infeasible: where it cannot be trained or converted; a search that estimates its latencies
        learns that only here.
    """
    path = workdir.path / FILE
    wanted = {
        "network": list(best.network),
        "image_size": latency.image_size,
        "quantization": latency.quantization,
    }
    if path.exists() and workdir.store.settings().get("exported") == wanted:
        return path
    tflite = workers.tflite(best.network, latency.image_size, latency.quantization)
    write_atomically(path, tflite)
    workdir.store.save_settings({"exported": wanted})
    return path
