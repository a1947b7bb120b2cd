"""The parts of a search as the flags describe them: space, evaluators, settings."""

import dataclasses
import functools
import platform
import shlex
import sys
from collections.abc import Callable
from importlib import metadata

from absl import flags

from mnasnet import block_args
from mnasnet.architectures import Architecture
from mnasnet.data.datasets import load_dataset
from mnasnet.stats import count
from search import search_flags
from search.accuracy import ProxyAccuracy
from search.evaluators import Evaluator, Network
from search.latency import make_latency, make_timer
from search.surrogate.regression import Surrogate, SurrogateAccuracy, load_surrogate
from search.timing.phone_journal import PhoneJournal
from search.trials import Measured
from tflite_bench.host import cpu_model

_PACKAGES = ("tensorflow", "tf-keras", "ai-edge-litert", "numpy", "scikit-learn")
_IMAGENET_CLASSES = 1000  # of the published networks that a surrogate is fitted to


class Parts:
    """The parts of the search that the flags describe.

    Attributes:
      journal: of the phones, to be attached to the store of the search.

    Raises:
      ValueError: for a flag whose value is unknown or out of range, or data that cannot be read.
    """

    def __init__(self):
        self.config = search_flags.search_config()
        self.proxy = search_flags.proxy_config()
        self.latency = search_flags.latency_config()
        self.space = search_flags.search_space()
        self.landmarks = search_flags.landmarks()
        self.dataset = self.surrogate = None
        if search_flags.ACCURACY.value == "surrogate":
            self.surrogate = self._load_surrogate()
        else:
            self.dataset = load_dataset(
                search_flags.DATASET.value,
                data_dir=search_flags.DATA_DIR.value,
                image_size=self.proxy.image_size,
                validation_images=search_flags.VALIDATION_IMAGES.value,
            )
        self._num_classes = _IMAGENET_CLASSES if self.surrogate else self.dataset.num_classes
        self.journal = PhoneJournal()
        self._timer = make_timer(self.latency, self._num_classes, self.journal)
        self.accuracy, self.clock, self.count = self._evaluators(self.space.architecture)

    def measure_landmark(self, architecture: Architecture) -> Measured:
        """A published network by the same training and clock as the candidates."""
        accuracy, clock, count_of = self._evaluators(lambda network: architecture)
        evaluator = Evaluator(accuracy, clock, self.config.reward, count=count_of)
        return evaluator.measure(block_args.encode(architecture.blocks))

    def _evaluators(self, architecture_of: Callable[[Network], Architecture]):
        size, num_classes = self.latency.image_size, self._num_classes

        # The estimate and the record ask for the same networks, a batch at a time.
        @functools.lru_cache(maxsize=4096)
        def count_of(network):
            return count(architecture_of(network), image_size=size, num_classes=num_classes)

        if self.surrogate:
            accuracy = SurrogateAccuracy(self.surrogate)
        else:
            accuracy = ProxyAccuracy(self.dataset, self.proxy, architecture_of)
        clock = make_latency(self.latency, architecture_of, count_of, num_classes, self._timer)
        return accuracy, clock, count_of

    def _load_surrogate(self) -> Surrogate:
        if not search_flags.SURROGATE_DATA.value:
            raise ValueError(
                "--accuracy=surrogate needs --surrogate_data=DIR, the folder of a checkout of "
                "Accel-NASBench (github.com/afzalxo/Accel-NASBench)"
            )
        surrogate = load_surrogate(search_flags.SURROGATE_DATA.value)
        accuracy = SurrogateAccuracy(surrogate)
        accuracy.check_space(self.space)
        for landmark in self.landmarks:
            accuracy.check_network(landmark)
        return surrogate

    @property
    def data(self) -> str:
        """What the accuracies come from, in a few words."""
        return self.surrogate.data_note if self.surrogate else self.dataset.description

    @property
    def notes(self) -> list[str]:
        """What the two measures are, with their errors, to stand beside every figure."""
        return [
            f"Accuracy: {self.accuracy.description}.",
            f"Latency: {self.clock.description}.",
        ]

    @property
    def trains(self) -> bool:
        """Whether candidates are trained; else there is nothing trained to hand over."""
        return self.surrogate is None

    def about(self) -> dict:
        """What a reader of the report wants to know about the run."""
        space, config = self.space, self.config
        architecture = dataclasses.asdict(space.skeleton)
        del architecture["blocks"]
        return {
            "max_trials": config.max_trials,
            "batch_size": config.batch_size,
            "reward": dataclasses.asdict(config.reward),
            "space": {
                "name": space.name,
                "size": space.size,
                "per_layer_size": space.per_layer_size,
            },
            "decisions": [[d.name, list(d.choices)] for d in space.decisions],
            "architecture": {**architecture, "name": f"{space.name} candidate"},
            "dataset": self.data,
            "notes": self.notes,
            "device": cpu_model(),
            "versions": {"python": platform.python_version()}
            | {package: metadata.version(package) for package in _PACKAGES},
            "command": this_command(),
            "flags": flags_given(),
        }


def flags_given() -> str:
    """The flags that differ from their defaults, as a flagfile."""
    given = [flag for flag in map(flags.FLAGS.__getitem__, flags.FLAGS) if flag.present]
    return "".join(f"{flag.serialize()}\n" for flag in given if flag.name != "flagfile")


def this_command() -> str:
    """The command that started this process, ready for a shell."""
    main = sys.modules["__main__"].__spec__
    return shlex.join([sys.executable, *(["-m", main.name] if main else []), *sys.argv[1:]])
