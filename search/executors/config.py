"""How many measure, and where: every choice of it."""

import dataclasses
import os

KINDS = ("inline", "processes", "ray")
# Seconds. A start, with TensorFlow and the data to load, may take longer than a training.
_SLOW_START = 120.0


def usable_cores() -> int:
    """How many processor cores of this machine this process may use."""
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclasses.dataclass(frozen=True)
class ExecutorConfig:
    """Who measures the networks of a search.

    Attributes:
      kind: 'inline', one after the other in this process; 'processes' of this machine; or 'ray', a
        cluster.
      num_workers: networks in training at a time; None for as many as there are cores (or GPUs),
        here or in the cluster.
      threads: of the processor for each; 0 leaves it to TensorFlow, which takes all. The bits of a
        training depend on it.
      gpus: that each worker has to itself; 0 for none.
      trial_timeout: seconds after which a measurement's worker counts as hung; None for never.
      max_retries: how often a measurement whose worker was lost is begun again, before its network
        is infeasible.
      worker_memory_mb: a process that holds more after a network is replaced; None for twice what
        it held after its first.
      ray_address: of the cluster; None starts one on this machine for this search.
      worker_resources: that each worker needs of Ray besides processors and GPUs, as ('TPU', 4.0).

    Raises:
      ValueError: for a value out of range, or one that the kind has no use for.
    """

    kind: str = "inline"
    num_workers: int | None = None
    threads: int = 1
    gpus: float = 0
    trial_timeout: float | None = None
    max_retries: int = 3
    worker_memory_mb: int | None = None
    ray_address: str | None = None
    worker_resources: tuple[tuple[str, float], ...] = ()

    def __post_init__(self):
        if self.kind not in KINDS:
            raise ValueError(f"unknown executor {self.kind!r}, known are {', '.join(KINDS)}")
        if self.num_workers is not None and self.num_workers < 1:
            raise ValueError(f"num_workers is {self.num_workers}, must be 1 or more")
        if self.threads < 0:
            raise ValueError(f"worker_threads is {self.threads}, must be 1 or more, or 0 for all")
        if self.gpus < 0:
            raise ValueError(f"worker_gpus is {self.gpus:g}, must be 0 or more")
        if self.kind == "processes" and self.gpus != int(self.gpus):
            raise ValueError(
                f"worker_gpus is {self.gpus:g}, must be a whole number with --executor=processes"
            )
        if self.trial_timeout is not None and not self.trial_timeout > 0:
            raise ValueError(f"trial_timeout is {self.trial_timeout:g} s, must be over 0")
        if self.max_retries < 0:
            raise ValueError(f"max_retries is {self.max_retries}, must be 0 or more")
        if self.worker_memory_mb is not None and self.worker_memory_mb < 1:
            raise ValueError(f"worker_memory_mb is {self.worker_memory_mb}, must be 1 or more")
        for name, amount in self.worker_resources:
            if not name or not amount > 0:
                raise ValueError(f"worker_resources has {name}={amount:g}, must be over 0")
        for name, value, kinds in (
            ("num_workers", self.num_workers, ("processes", "ray")),
            ("worker_gpus", self.gpus or None, ("processes", "ray")),
            ("trial_timeout", self.trial_timeout, ("processes", "ray")),
            ("worker_memory_mb", self.worker_memory_mb, ("processes",)),
            ("ray_address", self.ray_address, ("ray",)),
            ("worker_resources", _as_flag(self.worker_resources) or None, ("ray",)),
        ):
            if value is not None and self.kind not in kinds:
                needed = " or ".join(f"--executor={kind}" for kind in kinds)
                raise ValueError(f"{name} is {value!r}, which is for {needed} only")

    @property
    def start_timeout(self) -> float | None:
        """Seconds after which a worker that is still starting counts as hung; None for never."""
        return None if self.trial_timeout is None else max(self.trial_timeout, _SLOW_START)

    @property
    def environment(self) -> tuple[tuple[str, str], ...]:
        """Variables that make TensorFlow keep to its share, set before it is loaded."""
        grows = (("TF_FORCE_GPU_ALLOW_GROWTH", "true"),) if self.gpus else ()
        if not self.threads:
            return grows
        names = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS")
        return grows + tuple((name, str(self.threads)) for name in names)


def _as_flag(resources: tuple[tuple[str, float], ...]) -> str:
    return ",".join(f"{name}={amount:g}" for name, amount in resources)
