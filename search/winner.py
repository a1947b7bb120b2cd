"""Hands over the best network of a search as best.tflite."""

from pathlib import Path

from search.accuracy import ProxyAccuracy
from search.evaluators import Infeasible
from search.latency import LatencyConfig
from search.tables import write_atomically
from search.trials import Trial
from search.workdir import Workdir
from tflite_bench.convert import ConversionError, to_tflite

FILE = "best.tflite"


def export_best(
    workdir: Workdir, best: Trial, accuracy: ProxyAccuracy, latency: LatencyConfig
) -> Path:
    """Trains the best network on the proxy task once more and converts it.

    Proxy training gives the same weights each time, so the file holds the network that was
    measured. It is there to be tried out; a full training makes it good.

    Args:
      workdir: gets the file; one that holds this network already is left alone.
      best: a completed trial.
      accuracy: trains it.
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
    model = accuracy.train(best.network, latency.image_size)
    calibration = accuracy.images(latency.image_size) if latency.quantization == "int8" else None
    try:
        tflite = to_tflite(model, quantization=latency.quantization, representative=calibration)
    except ConversionError as error:
        raise Infeasible(str(error)) from error
    write_atomically(path, tflite)
    workdir.store.save_settings({"exported": wanted})
    return path
