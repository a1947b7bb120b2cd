"""The parts of a search, put together from its configs: space, evaluators, settings."""

import dataclasses
import functools
import platform
from collections.abc import Callable
from importlib import metadata

from mnasnet import block_args
from mnasnet.architectures import Architecture, get_architecture
from mnasnet.data.datasets import load_dataset
from mnasnet.proxy_config import ProxyConfig
from mnasnet.stats import ModelStats, count
from search.accuracy import ProxyAccuracy
from search.evaluators import AccuracyEvaluator, LatencyEvaluator, Network
from search.latency import LatencyConfig, make_latency, make_timer
from search.search_config import SearchConfig
from search.search_space import get_space
from search.surrogate.regression import Surrogate, SurrogateAccuracy, load_surrogate
from search.timing.measured import Timer
from search.timing.phone_journal import PhoneJournal
from tflite_bench.command_line import this_command
from tflite_bench.host import cpu_model

_PACKAGES = ("tensorflow", "tf-keras", "ai-edge-litert", "numpy", "scikit-learn")
_IMAGENET_CLASSES = 1000  # of the published networks that a surrogate is fitted to

MakeTimer = Callable[[LatencyConfig, int, PhoneJournal], Timer | None]


@dataclasses.dataclass(frozen=True)
class PartsConfig:
    """All that the parts of a search are made from; it can be sent to other processes.

    Attributes:
      search: what to search.
      proxy: how candidates are trained.
      latency: how they are timed.
      space: a name that `get_space` knows.
      reference: network that the space is laid around, where it is laid around one.
      landmarks: published networks to compare with.
      accuracy: 'proxy' or 'surrogate'.
      surrogate_data: folder of what a surrogate is fitted to.
      dataset: see `mnasnet.data.datasets`, as data_dir and validation_images.
      data_dir: see there.
      validation_images: see there.
    """

    search: SearchConfig
    proxy: ProxyConfig
    latency: LatencyConfig
    space: str
    reference: str | None = None
    landmarks: tuple[str, ...] = ()
    accuracy: str = "proxy"
    surrogate_data: str | None = None
    dataset: str = "digits"
    data_dir: str | None = None
    validation_images: int | None = None

    @property
    def trains(self) -> bool:
        """Whether candidates are trained."""
        return self.accuracy == "proxy"


class Parts:
    """The parts of a search.

    Args:
      config: see there.
      make_timer: in place of `search.latency.make_timer`, where the clocks are elsewhere.

    Attributes:
      config: of the search.
      landmarks: published networks to compare with. To the evaluators they go by their names in
        place of block strings, since their stems and heads need not be those of the space.
      journal: of the phones, to be attached to the store of the search.

    Raises:
      ValueError: for a name that is unknown, or data that cannot be read.
    """

    def __init__(self, config: PartsConfig, make_timer: MakeTimer = make_timer):
        self.config, self.proxy, self.latency = config.search, config.proxy, config.latency
        self.space = get_space(config.space, config.reference)
        self.landmarks = {(name,): get_architecture(name) for name in config.landmarks}
        self.dataset = self.surrogate = None
        if config.accuracy == "surrogate":
            self.surrogate = self._load_surrogate(config.surrogate_data)
        else:
            self.dataset = load_dataset(
                config.dataset,
                data_dir=config.data_dir,
                image_size=self.proxy.image_size,
                validation_images=config.validation_images,
            )
        self._num_classes = _IMAGENET_CLASSES if self.surrogate else self.dataset.num_classes
        self.journal, self._make_timer = PhoneJournal(), make_timer
        self.count = self._counting()
        self.accuracy = self._accuracy()

    @functools.cached_property
    def clock(self) -> LatencyEvaluator:
        """Made when somebody asks: who trains only needs none, and two cannot have one phone.

        Raises:
          ValueError: where there is none such.
        """
        timer = self._make_timer(self.latency, self._num_classes, self.journal)
        return make_latency(self.latency, self.architecture, self.count, self._num_classes, timer)

    def architecture(self, network: Network) -> Architecture:
        """A network of the space, or a landmark, with stem and head around it."""
        return self.landmarks.get(network) or self.space.architecture(network)

    def _counting(self) -> Callable[[Network], ModelStats]:
        size, num_classes = self.latency.image_size, self._num_classes

        # The estimate and the record ask for the same networks, a batch at a time.
        @functools.lru_cache(maxsize=4096)
        def count_of(network):
            return count(self.architecture(network), image_size=size, num_classes=num_classes)

        return count_of

    def _accuracy(self) -> AccuracyEvaluator:
        if not self.surrogate:
            return ProxyAccuracy(self.dataset, self.proxy, self.architecture)
        published = {
            name: block_args.encode(landmark.blocks) for name, landmark in self.landmarks.items()
        }
        return SurrogateAccuracy(self.surrogate, published=published)

    def _load_surrogate(self, folder: str | None) -> Surrogate:
        if not folder:
            raise ValueError(
                "--accuracy=surrogate needs --surrogate_data=DIR, the folder of a checkout of "
                "Accel-NASBench (github.com/afzalxo/Accel-NASBench)"
            )
        surrogate = load_surrogate(folder)
        accuracy = SurrogateAccuracy(surrogate)
        accuracy.check_space(self.space)
        for landmark in self.landmarks.values():
            accuracy.check_network(landmark)
        return surrogate

    @property
    def data(self) -> str:
        """What the accuracies come from, in a few words."""
        return self.surrogate.data_note if self.surrogate else self.dataset.description

    @property
    def notes(self) -> list[str]:
        """What the two measures are, with their errors; shown once, with the figures."""
        return [
            f"Accuracy: {self.accuracy.description}.",
            f"Latency: {self.clock.description}.",
        ]

    @property
    def trains(self) -> bool:
        """Whether candidates are trained; else there is nothing trained to hand over."""
        return self.surrogate is None

    def about(self, flags_given: str) -> dict:
        """What a reader of the report wants to know about the run.

        Args:
          flags_given: those that differ from their defaults, as a flagfile.
        """
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
            "flags": flags_given,
        }


def accuracy_of(config: PartsConfig) -> AccuracyEvaluator:
    """What a process that trains needs of the parts."""
    return Parts(config).accuracy


def latency_of(config: PartsConfig) -> LatencyEvaluator:
    """What a process that times needs of the parts."""
    return Parts(config).clock
