"""From a config to who measures."""

import contextlib
import functools
import os
from collections.abc import Iterator

from search.evaluators import LatencyEvaluator
from search.executors.config import ExecutorConfig
from search.executors.dispatch import DispatchedMeasuring
from search.executors.here import WorkerHere
from search.executors.measuring import InlineMeasuring, MakeMeasuring
from search.executors.pool import MakeWorker, WorkerPool
from search.executors.processes import ProcessConfig, ProcessWorker
from search.executors.tasks import MakeEvaluator


@contextlib.contextmanager
def open_executor(
    config: ExecutorConfig,
    make_accuracy: MakeEvaluator,
    make_latency: MakeEvaluator,
    latency: LatencyEvaluator,
) -> Iterator[MakeMeasuring]:
    """Who measures; workers end with the context.

    Args:
      config: see there.
      make_accuracy: makes the evaluator in each worker that trains.
      make_latency: makes the evaluator in the worker that times.
      latency: the evaluator here, for what needs no worker: arithmetic, and phones.

    Raises:
      ValueError: for more than there is: GPUs, a cluster, Ray itself.
    """
    if config.kind == "inline":
        yield InlineMeasuring
        return
    if config.kind == "ray":
        # Imported here: Ray takes a second, and is an extra.
        from search.executors.ray_workers import open_ray

        opened = open_ray(config, make_accuracy, make_latency, latency)
    else:
        opened = _open_processes(config, make_accuracy, make_latency, latency)
    with opened as makers:
        pool = WorkerPool(makers, config.trial_timeout)
        try:
            yield functools.partial(
                DispatchedMeasuring, executor=pool, max_retries=config.max_retries
            )
        finally:
            pool.close()


def latency_workers(latency: LatencyEvaluator, make: MakeWorker) -> list[MakeWorker]:
    """Those who time: nobody for arithmetic, threads here for phones, else a worker of its own."""
    if hasattr(latency, "measure_all"):
        return []
    if getattr(latency, "at_once", None):
        return [functools.partial(WorkerHere, latency)] * latency.at_once
    return [make]


@contextlib.contextmanager
def _open_processes(
    config: ExecutorConfig,
    make_accuracy: MakeEvaluator,
    make_latency: MakeEvaluator,
    latency: LatencyEvaluator,
) -> Iterator[dict[str, list[MakeWorker]]]:
    gpus = visible_gpus() if config.gpus else []
    cores = len(os.sched_getaffinity(0))
    each = int(config.gpus)
    num_workers = config.num_workers
    if num_workers is None:
        num_workers = len(gpus) // each if each else max(1, cores // max(config.threads, 1))
    if each and (not num_workers or num_workers * each > len(gpus)):
        raise ValueError(
            f"--worker_gpus={each} for {num_workers or 1} workers needs {(num_workers or 1) * each}"
            f" GPUs, {os.uname().nodename} has {len(gpus)}"
        )

    def process(make: MakeEvaluator, gpus_of_it: list[str]) -> MakeWorker:
        environment = dict(config.environment)
        # Also where it gets none: TensorFlow takes all the GPUs it sees.
        environment["CUDA_VISIBLE_DEVICES"] = ",".join(gpus_of_it) if each else "-1"
        process_config = ProcessConfig(tuple(environment.items()), config.worker_memory_mb)
        return functools.partial(ProcessWorker, make, process_config)

    yield {
        "accuracy": [
            process(make_accuracy, gpus[i * each : (i + 1) * each]) for i in range(num_workers)
        ],
        "latency": latency_workers(latency, process(make_latency, [])),
    }


def visible_gpus() -> list[str]:
    """The GPUs that a process of this machine may use, by their numbers."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [gpu for gpu in visible.split(",") if gpu and gpu != "-1"]
    names = os.listdir("/dev") if os.path.isdir("/dev") else []
    numbers = sorted(int(name[6:]) for name in names if name[:6] == "nvidia" and name[6:].isdigit())
    return list(map(str, numbers))
