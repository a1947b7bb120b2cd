"""Measures published networks as a search measures its own, to compare with."""

import contextlib
import dataclasses
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future

from mnasnet import block_args
from search.evaluators import Evaluator
from search.executors.executor import Workers
from search.executors.measuring import MakeMeasuring
from search.parts import Parts
from search.trials import TrialStore


@contextlib.contextmanager
def measuring_landmarks(
    parts: Parts, store: TrialStore, workers: Workers, tell: Callable[[str], None]
) -> Iterator[None]:
    """Has them measured: before the context's body or, where there are workers, beside it.

    See `measure_landmarks`; they are there after the context.
    """
    if not workers.beside:
        measure_landmarks(parts, store, workers.measuring, tell)
        yield
        return
    measured = Future()

    def measure():
        try:
            measured.set_result(measure_landmarks(parts, store, workers.measuring, tell))
        except BaseException as error:
            measured.set_exception(error)

    # What ends the body ends the workers, and nobody waits for it.
    threading.Thread(target=measure, name="landmarks", daemon=True).start()
    yield
    measured.result()


def measure_landmarks(
    parts: Parts, store: TrialStore, measuring: MakeMeasuring, tell: Callable[[str], None]
) -> None:
    """Adds to a store those landmarks of a search that it lacks, each as soon as it is measured.

    Args:
      parts: of the search.
      store: of the search.
      measuring: makes who measures.
      tell: is told what is being done at the moment.

    Raises:
      Whatever an evaluator raised that is not Infeasible.
    """
    known = store.landmarks()
    missing = {
        network: landmark
        for network, landmark in parts.landmarks.items()
        if landmark.name not in known
    }
    if not missing:
        return

    def on_start(network):
        tell(f"measuring {missing[network].name}, to compare with")

    evaluator = Evaluator(parts.accuracy, parts.clock, parts.config.reward, count=parts.count)
    made = measuring(evaluator, on_start)
    made.submit(list(missing))
    while missing:
        for measured in made.finished():
            landmark = missing.pop(measured.network)
            blocks = block_args.encode(landmark.blocks)
            store.add_landmark(landmark.name, dataclasses.replace(measured, network=blocks))
