"""Workers of a Ray cluster: actors, each of which has what it needs of its host to itself.

Ray finds the hosts, ships the code and notices who dies; here is only what a search asks of it.
"""

import functools
import platform
from collections.abc import Mapping
from importlib import metadata

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from search.executors.config import ExecutorConfig
from search.executors.pool import MakeWorker, WorkerPool
from search.executors.pooled import PooledExecutor
from search.executors.ray_connection import connect
from search.executors.ray_phones import PHONE, PhoneNode, RayPhones
from search.executors.ray_watch import Watch
from search.executors.ray_worker import RayWorker, first_line
from search.executors.tasks import MakeEvaluator
from search.latency import LatencyConfig
from search.timing.measured import Timer
from search.timing.phone_journal import PhoneJournal

# Who differs in one of these computes other numbers, or does not understand the others.
_PACKAGES = ("tensorflow", "tf-keras", "ai-edge-litert", "numpy")
_PATIENCE_SECONDS = 60


class RayCluster(PooledExecutor):
    """Workers on the hosts of a Ray cluster, or of one that is started here.

    Raises:
      ValueError: where there is no cluster at the address, hosts have other versions, or not what
        is asked of them.
    """

    def __init__(self, config: ExecutorConfig):
        super().__init__(config)
        self._watch: Watch | None = None
        self._phones: RayPhones | None = None
        self._needs = {"CPU": max(config.threads, 1), "GPU": config.gpus}
        self._needs |= dict(config.worker_resources)
        self._needs = {name: amount for name, amount in self._needs.items() if amount}
        connect(config)
        try:
            self._nodes = [node for node in ray.nodes() if node["Alive"]]
            self._check_versions()
            self.num_workers = self._workers_that_fit()
        except BaseException:
            ray.shutdown()
            raise

    def __exit__(self, *exception):
        if self._watch is not None:
            self._watch.stop()
        if self._phones is not None:
            self._phones.close()
        super().__exit__(*exception)
        ray.shutdown()

    def make_pool(self, makers: dict[str, list[MakeWorker]]) -> WorkerPool:
        """See PooledExecutor."""
        pool = super().make_pool(makers)
        # A cluster's hosts may come back; a Ray of our own on this machine does not.
        own = self.config.ray_address is None
        self._watch = Watch(pool.workload, self._needs, on_gone=pool.fail if own else None)
        return pool

    def trainers(self, make: MakeEvaluator) -> list[MakeWorker]:
        """See PooledExecutor."""
        return [functools.partial(RayWorker, make, _options(self._needs))] * self.num_workers

    def timing_worker(self, make: MakeEvaluator) -> MakeWorker:
        """See PooledExecutor; on this host, whose clock the search has said it uses."""
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        return functools.partial(RayWorker, make, {"num_cpus": 0, "scheduling_strategy": here})

    def make_timer(
        self, config: LatencyConfig, num_classes: int, journal: PhoneJournal
    ) -> Timer | None:
        """See Executor; phones are on the hosts that carry the resource 'phone', if any."""
        nodes = [
            PhoneNode(node["NodeManagerHostname"], node["NodeManagerAddress"], int(phones))
            for node in self._nodes
            if (phones := node["Resources"].get(PHONE, 0)) >= 1
        ]
        if config.kind == PHONE and nodes:
            self._phones = RayPhones(nodes, config, num_classes, journal)
            return self._phones
        return super().make_timer(config, num_classes, journal)

    def _check_versions(self) -> None:
        """Asks every host; ValueError names the first that differs from this one."""
        here = _versions()
        asked = [
            _versions_there.options(
                scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            ).remote()
            for node in self._nodes
        ]
        for node, answer in zip(self._nodes, asked, strict=True):
            host = node["NodeManagerHostname"]
            try:
                there = ray.get(answer, timeout=_PATIENCE_SECONDS)
            except RayError as error:
                raise ValueError(
                    f"ray_address: host {host} does not answer: {first_line(error)}"
                ) from error
            for name, version in here.items():
                if there.get(name) != version:
                    raise ValueError(
                        f"ray_address: host {host} has {name} {there.get(name, 'not installed')}, "
                        f"this host has {version}"
                    )

    def _workers_that_fit(self) -> int:
        """How many workers; ValueError where no host has what one needs, or not for as many."""
        hosts = [(node["NodeManagerHostname"], node["Resources"]) for node in self._nodes]

        def room(has: Mapping[str, float], needs: Mapping[str, float]) -> int:
            return min(int(has.get(name, 0) // amount) for name, amount in needs.items())

        def told(name: str) -> str:
            return ", ".join(f"{host} has {has.get(name, 0):g}" for host, has in hosts)

        wanted, fitting = self.config.num_workers, sum(room(has, self._needs) for _, has in hosts)
        if fitting and (wanted is None or wanted <= fitting):
            return wanted or fitting
        alone = {  # how many would fit if that were all they need
            name: sum(room(has, {name: amount}) for _, has in hosts)
            for name, amount in self._needs.items()
        }
        name = min(alone, key=alone.get)
        flag = {"CPU": "worker_threads", "GPU": "worker_gpus"}.get(name, "worker_resources")
        amount = f"{self._needs[name]:g}"
        need = f"{flag} is {amount}" if flag != "worker_resources" else f"{flag} is {name}={amount}"
        if not fitting and alone[name]:
            needs = ", ".join(f"{name}={amount:g}" for name, amount in self._needs.items())
            raise ValueError(f"{need}, no host has all of {needs}: {told(name)}")
        if not fitting:
            raise ValueError(f"{need}, no host has as many: {told(name)}")
        raise ValueError(
            f"num_workers is {wanted}, there is room for {fitting}: {need}, {told(name)}"
        )


def _options(needs: Mapping[str, float]) -> dict:
    """An actor's needs as Ray takes them."""
    others = {name: amount for name, amount in needs.items() if name not in ("CPU", "GPU")}
    return {"num_cpus": needs.get("CPU", 0), "num_gpus": needs.get("GPU", 0), "resources": others}


def _versions() -> dict[str, str]:
    found = {"Python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


@ray.remote(num_cpus=0, max_retries=0)
def _versions_there() -> dict[str, str]:
    return _versions()
