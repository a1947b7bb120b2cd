"""Hands over the best network of a search as best.tflite."""

from search.accuracy import ProxyAccuracy
from search.trials import Trial
from search.workdir import Workdir
from tflite_bench.convert import to_tflite

FILE = "best.tflite"


def export_best(workdir: Workdir, best: Trial, accuracy: ProxyAccuracy, image_size: int) -> None:
    """Trains the best network on the proxy task once more and converts it.

    Proxy training gives the same weights each time, so the file holds the network that was
    measured. It is there to be tried out; a full training makes it good.

    Args:
      workdir: gets the file; one that holds this network already is left alone.
      best: a completed trial.
      accuracy: trains it.
      image_size: of the images that the file takes.
    """
    path = workdir.path / FILE
    wanted = {"network": list(best.network), "image_size": image_size}
    if path.exists() and workdir.store.settings().get("exported") == wanted:
        return
    temporary = path.with_suffix(".tmp")
    temporary.write_bytes(to_tflite(accuracy.train(best.network, image_size)))
    temporary.replace(path)
    workdir.store.save_settings({"exported": wanted})
