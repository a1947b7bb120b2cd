"""What a search is, in the lines that stand above it."""

import socket

from search.executors.config import ExecutorConfig, usable_cores
from search.parts import Parts
from search.quantities import counted, magnitude
from search.sweeping.sweep import SweepConfig


def print_head(parts: Parts, sweep: SweepConfig | None = None, latency: str | None = None) -> None:
    """Prints space, data, both measures and the reward.

    Args:
      parts: of the search.
      sweep: None for a search alone.
      latency: said of the clock; None for its own words.
    """
    space = parts.space
    size = f"{space.name}: {magnitude(space.size)} networks, {len(space.decisions)} decisions"
    if space.per_layer_size:
        size += f" (were each layer to choose for itself: {magnitude(space.per_layer_size)})"
    print(f"Space     {size}")
    print(f"Data      {parts.data}")
    print(f"Accuracy  {parts.accuracy.description}")
    print(f"Latency   {latency or parts.clock.description}")
    reward = parts.config.reward
    target = f"target {reward.target_latency_ms:g} ms"
    exponents = f"alpha {reward.alpha:g}, beta {reward.beta:g}"
    if sweep:
        values = ", ".join(f"{value:g}" for value in sweep.values)
        if sweep.kind == "exponents":
            exponents = f"alpha = beta = each of {values}"
        else:
            target = f"target each of {values} ms"
    print(f"Reward    {reward.form}, {target}, {exponents}")


def print_workers(config: ExecutorConfig, num_workers: int, parts: Parts) -> None:
    """Prints who measures, how many of them, and where."""
    cores = usable_cores()
    host = f"{socket.gethostname()}, {counted(cores, 'core')}"
    threads = counted(config.threads, "thread") if config.threads and parts.trains else "all cores"
    needs = [threads]
    if config.gpus:
        needs.append(f"{config.gpus:g} GPU")
    needs += [f"{name} {amount:g}" for name, amount in config.worker_resources]
    told = f"{config.kind}: {counted(num_workers, 'worker')} of {', '.join(needs)}"
    if config.kind == "inline":
        told = f"inline: this process, on {threads} ({host})"
    elif config.kind == "ray":
        told += f" ({config.ray_address or f'a cluster on {host}'})"
    else:
        crowded = num_workers * (config.threads or cores) > cores and not config.gpus
        told += f" ({host}{', more threads than cores' if crowded else ''})"
    print(f"Workers   {told}")
