"""The flags of a search, and the configs they stand for."""

import dataclasses

from absl import flags

from mnasnet.architectures import ARCHITECTURES, Architecture, get_architecture
from mnasnet.proxy_config import ProxyConfig
from search.latency import KINDS, LatencyConfig
from search.latency_tables.flags import table_of
from search.learning.algorithms import ALGORITHMS
from search.learning.hyperparameter_flags import hyperparameters
from search.parts import PartsConfig
from search.reward import NAMED, named_reward
from search.search_config import UPDATES, SearchConfig
from search.search_space import SPACES, SearchSpace, get_space
from search.timing.phone_timer import OVER_DEVICES, SeveralModels
from tflite_bench.convert import QUANTIZATIONS
from tflite_bench.device_flags import DEVICE, device_config

_SEARCH = {field.name: field.default for field in dataclasses.fields(SearchConfig)}

WORKDIR = flags.DEFINE_string(
    "workdir", None, "folder of the search; started again on the same one, the search goes on"
)
_SEED = flags.DEFINE_integer("seed", _SEARCH["seed"], "of all that is random")

_SEARCH_SPACE = flags.DEFINE_string(
    "search_space", "mnasnet", f"networks to choose from: {', '.join(SPACES)}"
)
_REFERENCE = flags.DEFINE_string(
    "reference",
    None,
    "network around which the space 'mnasnet' is laid, by default mobilenet-v2: "
    f"{', '.join(ARCHITECTURES)}",
)
_LANDMARKS = ("mnasnet-a1", "mobilenet-v2")
_REFERENCES = flags.DEFINE_list(
    "references",
    None,
    "published networks to put through the same evaluation, as landmarks in the report; by default "
    f"{','.join(_LANDMARKS)} where candidates are trained",
)

DATASET = flags.DEFINE_string(
    "dataset",
    "digits",
    "digits (no download), imagenet (TFRecords), the name of a data set that TFDS has prepared in "
    "--data_dir, or a module of yours (see mnasnet/data/datasets.py)",
)
DATA_DIR = flags.DEFINE_string("data_dir", None, "folder of the data set")
_VALIDATION_IMAGES = flags.DEFINE_integer(
    "validation_images",
    None,
    "held out from the training set to rank networks by; by default 50000 as in the paper, and "
    "never more than a fifth",
)

ACCURACY = flags.DEFINE_enum(
    "accuracy",
    "proxy",
    ["proxy", "surrogate"],
    "how accuracy is found: by a short training, the proxy task, or predicted by a surrogate that "
    "is fitted to published networks, with nothing trained",
)
SURROGATE_DATA = flags.DEFINE_string(
    "surrogate_data", None, "folder of a checkout of Accel-NASBench, for --accuracy=surrogate"
)
_PROXY_EPOCHS = flags.DEFINE_integer("proxy_epochs", ProxyConfig.epochs, "passes over the images")
_PROXY_IMAGE_SIZE = flags.DEFINE_integer(
    "proxy_image_size", ProxyConfig.image_size, "height and width of the training images"
)
_PROXY_BATCH_SIZE = flags.DEFINE_integer(
    "proxy_batch_size", ProxyConfig.batch_size, "images in a training step"
)
_PROXY_LEARNING_RATE = flags.DEFINE_float(
    "proxy_base_learning_rate",
    ProxyConfig.base_learning_rate,
    "highest learning rate for 256 images a step; grows with --proxy_batch_size",
)

_LATENCY = flags.DEFINE_string(
    "latency",
    LatencyConfig.kind,
    f"how latency is found: {', '.join(KINDS)}; host is TFLite on this machine, phone TFLite's own "
    "tool on the phones of --device, an estimate is arithmetic and needs no clock, "
    "nor does a table that search.latency_table built and checked",
)
_LATENCY_IMAGE_SIZE = flags.DEFINE_integer(
    "latency_image_size", LatencyConfig.image_size, "height and width of the images it counts for"
)
_LATENCY_QUANTIZATION = flags.DEFINE_list(
    "latency_quantization",
    LatencyConfig.quantization,
    f"of the .tflite that is timed: {', '.join(QUANTIZATIONS)}; where several are named, all are "
    "timed and kept, and the first one's latency counts",
)
_LATENCY_OVER_DEVICES = flags.DEFINE_enum(
    "latency_over_devices",
    None,
    list(OVER_DEVICES),
    "times each network on phones of several models: the max or mean over the models of latency / "
    "target counts, times the first target",
)
_DEVICE_TARGETS = flags.DEFINE_list(
    "device_targets",
    [],
    "for --latency_over_devices, each phone model's target in ms: 'Pixel 2=75,Pixel 6=30'; the "
    "first one's is --target_latency_ms",
)

_REWARD = flags.DEFINE_enum(
    "reward",
    "soft",
    list(NAMED),
    "soft and hard are the paper's; two_slope aims at the target; absolute is TuNAS's",
)
_TARGET_LATENCY_MS = flags.DEFINE_float("target_latency_ms", 75.0, "T of the reward")
_ALPHA = flags.DEFINE_float("alpha", None, "exponent below the target, in place of the reward's")
_BETA = flags.DEFINE_float("beta", None, "exponent above the target, in place of the reward's")
_INFEASIBLE_REWARD = flags.DEFINE_float(
    "infeasible_reward",
    None,
    "of networks that cannot be measured; by default 0, and -1 with --reward=absolute",
)
_MAX_LATENCY_MS = flags.DEFINE_float(
    "max_latency_ms", None, "slower networks are infeasible and not trained; by default no limit"
)

_ALGORITHM = flags.DEFINE_enum(
    "algorithm", _SEARCH["algorithm"], list(ALGORITHMS), "what proposes the networks"
)
_UPDATE = flags.DEFINE_enum(
    "update",
    _SEARCH["update"],
    list(UPDATES),
    "what the algorithm learns from: whole batches in their order, so that the result does not "
    "depend on the workers, or async, whatever is measured first, so that no worker waits",
)
_BATCH_SIZE = flags.DEFINE_integer(
    "batch_size", _SEARCH["batch_size"], "networks per update of the algorithm"
)
_MAX_TRIALS = flags.DEFINE_integer(
    "max_trials", _SEARCH["max_trials"], "networks in all, repeats included; may be raised later"
)


def search_config() -> SearchConfig:
    """What to search; ValueError for a value out of range."""
    return SearchConfig(
        reward=named_reward(
            _REWARD.value,
            _target_latency_ms(),
            _ALPHA.value,
            _BETA.value,
            _INFEASIBLE_REWARD.value,
        ),
        max_trials=_MAX_TRIALS.value,
        batch_size=_BATCH_SIZE.value,
        seed=_SEED.value,
        algorithm=_ALGORITHM.value,
        update=_UPDATE.value,
        max_latency_ms=_MAX_LATENCY_MS.value,
        controller=hyperparameters("controller"),
        ppo=hyperparameters("ppo"),
        evolution=hyperparameters("evolution"),
    )


def proxy_config() -> ProxyConfig:
    """How candidates are trained; ValueError for a value out of range."""
    return ProxyConfig(
        epochs=_PROXY_EPOCHS.value,
        batch_size=_PROXY_BATCH_SIZE.value,
        image_size=_PROXY_IMAGE_SIZE.value,
        base_learning_rate=_PROXY_LEARNING_RATE.value,
        seed=_SEED.value,
    )


def latency_config() -> LatencyConfig:
    """How candidates are timed; ValueError for a value out of range."""
    kind, several = _LATENCY.value, _several_models()
    device = device_config(mix_models=several is not None)
    if kind == "phone" and DEVICE.value is None:
        # Whoever asks for a phone means one that is attached.
        device = dataclasses.replace(device, on_phones=True)
    quantizations = tuple(_LATENCY_QUANTIZATION.value)
    for quantization in quantizations or ("",):
        if quantization not in QUANTIZATIONS:
            raise ValueError(
                f"latency_quantization is {quantization!r}, must be one of "
                f"{', '.join(QUANTIZATIONS)}, or several with commas between"
            )
    return LatencyConfig(
        kind=kind,
        image_size=_LATENCY_IMAGE_SIZE.value,
        quantization=quantizations[0],
        also=quantizations[1:],
        device=device,
        several=several,
        table=table_of(kind, search_space(), _LATENCY_IMAGE_SIZE.value, quantizations[0]),
    )


def _several_models() -> SeveralModels | None:
    """Phone models with their targets; None where phones are to be of one model."""
    how, pairs = _LATENCY_OVER_DEVICES.value, _DEVICE_TARGETS.value
    if how is None:
        if pairs:
            raise ValueError("--device_targets needs --latency_over_devices=max or mean")
        return None
    targets = []
    for pair in pairs:
        model, _, target_ms = pair.rpartition("=")
        try:
            targets.append((model.strip(), float(target_ms)))
        except ValueError:
            model = ""
        if not model.strip():
            raise ValueError(f"device_targets holds {pair!r}, must be MODEL=ms, as 'Pixel 2=75'")
    return SeveralModels(how, tuple(targets))


def _target_latency_ms() -> float:
    """T of the reward; ValueError where --target_latency_ms and --device_targets disagree."""
    several, target_ms = _several_models(), _TARGET_LATENCY_MS.value
    if several is None:
        return target_ms
    model, first_ms = several.targets[0]
    if flags.FLAGS["target_latency_ms"].present and target_ms != first_ms:
        raise ValueError(
            f"--target_latency_ms={target_ms:g} is not the target of {model}, the first of "
            f"--device_targets, {first_ms:g}: leave it out"
        )
    return first_ms


def parts_config() -> PartsConfig:
    """All that a search is made from; ValueError for a value out of range."""
    return PartsConfig(
        search=search_config(),
        proxy=proxy_config(),
        latency=latency_config(),
        space=_SEARCH_SPACE.value,
        reference=_REFERENCE.value,
        landmarks=tuple(architecture.name for architecture in landmarks()),
        accuracy=ACCURACY.value,
        surrogate_data=SURROGATE_DATA.value,
        dataset=DATASET.value,
        data_dir=DATA_DIR.value,
        validation_images=_VALIDATION_IMAGES.value,
    )


def flags_given() -> str:
    """The flags that differ from their defaults, as a flagfile."""
    given = [flag for flag in map(flags.FLAGS.__getitem__, flags.FLAGS) if flag.present]
    return "".join(f"{flag.serialize()}\n" for flag in given if flag.name != "flagfile")


def search_space() -> SearchSpace:
    """The space, laid around --reference; ValueError for an unknown name."""
    return get_space(_SEARCH_SPACE.value, _REFERENCE.value)


def landmarks() -> list[Architecture]:
    """The published networks to compare with; ValueError for an unknown name."""
    names = _REFERENCES.value
    if names is None:
        names = _LANDMARKS if ACCURACY.value == "proxy" else ()
    return [get_architecture(name) for name in names]
