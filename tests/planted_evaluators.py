"""Evaluators for tests of executors: quick, and some do to their worker what networks may do.

A network is what the toy space of the tests makes: strings like 'a=0'.
"""

import dataclasses
import os
import pathlib
import signal
import time
import zlib

from search.evaluators import Evaluation, Infeasible


def accuracy_of(network):
    return zlib.crc32(" ".join(network).encode()) % 1000 / 1000


def latency_of(network):
    return 20.0 + sum(int(string[-1]) for string in network)


@dataclasses.dataclass
class PlantedAccuracy:
    """An AccuracyEvaluator that does as it is told with networks whose first string is `planted`.

    Attributes:
      planted: which networks.
      deed: 'crash', 'hang', 'refuse', 'raise', 'starve', 'grow', or '' for nothing.
      seconds: that every network takes at most; how long each takes follows from its strings.
      meet: a folder where so many processes wait for each other before their first network.
      processes: so many.
    """

    planted: str = ""
    deed: str = ""
    seconds: float = 0.0
    meet: str = ""
    processes: int = 0
    settings: dict = dataclasses.field(default_factory=dict)

    def evaluate(self, network):
        if self.meet:
            self._meet()
        time.sleep(self.seconds * accuracy_of(network[::-1]))
        if network[0] == self.planted:
            getattr(self, f"_{self.deed}")()
        record = {"process": os.getpid(), "gpus": os.environ.get("CUDA_VISIBLE_DEVICES")}
        return Evaluation(accuracy_of(network), record)

    def _meet(self):
        folder, deadline = pathlib.Path(self.meet), time.monotonic() + 120
        (folder / str(os.getpid())).touch()
        while len(list(folder.iterdir())) < self.processes and time.monotonic() < deadline:
            time.sleep(0.01)

    def _crash(self):
        os.kill(os.getpid(), signal.SIGKILL)

    def _hang(self):
        time.sleep(600)

    def _refuse(self):
        raise Infeasible("the loss is not finite")

    def _raise(self):
        raise OSError("no space left on device")

    def _starve(self):
        raise MemoryError

    def _grow(self):
        self.held = [*getattr(self, "held", []), b"x" * 300_000_000]


@dataclasses.dataclass
class PlantedLatency:
    """A LatencyEvaluator that writes down what it was asked, in a file."""

    asked: str = ""
    settings: dict = dataclasses.field(default_factory=dict)

    def measure(self, network):
        if self.asked:
            with open(self.asked, "a") as file:
                file.write(" ".join(network) + "\n")
        return Evaluation(latency_of(network), {"process": os.getpid()})


def no_data():
    raise ValueError("data_dir /nowhere: no such folder")


def dies_at_once():
    os._exit(3)
