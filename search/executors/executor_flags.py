"""The flags that say who measures, and the config that they stand for."""

import os

from absl import flags

from search.executors.config import KINDS, ExecutorConfig

_EXECUTOR = flags.DEFINE_enum(
    "executor",
    ExecutorConfig.kind,
    list(KINDS),
    "who measures the networks: this process, several of this machine, or a Ray cluster",
)
_NUM_WORKERS = flags.DEFINE_integer(
    "num_workers",
    None,
    "networks in training at a time; by default as many as there are cores, or GPUs with "
    "--worker_gpus, here or in the cluster",
)
_WORKER_THREADS = flags.DEFINE_integer(
    "worker_threads",
    None,
    "processor threads of each that trains, 0 for all cores; by default 1, and 0 with "
    "--worker_gpus or, inline, on a machine with GPUs; the bits of a "
    "training depend on it, so searches are alike only where it is",
)
_WORKER_GPUS = flags.DEFINE_float("worker_gpus", ExecutorConfig.gpus, "GPUs of each worker")
_WORKER_RESOURCES = flags.DEFINE_list(
    "worker_resources", [], "further resources that each worker needs of Ray, as TPU=4"
)
_WORKER_MEMORY_MB = flags.DEFINE_integer(
    "worker_memory_mb",
    None,
    "a process that holds more after a network is replaced; by default twice what it held after "
    "its first",
)
_TRIAL_TIMEOUT = flags.DEFINE_float(
    "trial_timeout", None, "seconds after which a worker counts as hung; by default never"
)
_MAX_RETRIES = flags.DEFINE_integer(
    "max_retries",
    ExecutorConfig.max_retries,
    "how often a measurement is begun again whose worker died or hung, before its network is "
    "infeasible",
)
_RAY_ADDRESS = flags.DEFINE_string(
    "ray_address", None, "of a Ray cluster, HOST:PORT or auto; by default one on this machine"
)


def executor_config() -> ExecutorConfig:
    """Who measures; ValueError for a value out of range."""
    threads = _WORKER_THREADS.value
    if threads is None:
        on_gpu = _WORKER_GPUS.value or (
            _EXECUTOR.value == "inline" and os.path.exists("/dev/nvidiactl")
        )
        threads = 0 if on_gpu else 1
    return ExecutorConfig(
        kind=_EXECUTOR.value,
        num_workers=_NUM_WORKERS.value,
        threads=threads,
        gpus=_WORKER_GPUS.value,
        trial_timeout=_TRIAL_TIMEOUT.value,
        max_retries=_MAX_RETRIES.value,
        worker_memory_mb=_WORKER_MEMORY_MB.value,
        ray_address=_RAY_ADDRESS.value,
        worker_resources=tuple(map(_resource, _WORKER_RESOURCES.value)),
    )


def _resource(pair: str) -> tuple[str, float]:
    name, _, amount = pair.partition("=")
    try:
        return name, float(amount)
    except ValueError:
        raise ValueError(f"worker_resources has {pair!r}, must be NAME=AMOUNT, as TPU=4") from None
