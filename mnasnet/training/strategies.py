"""Devices to train on, by name."""

import json
import os

import tensorflow as tf

from mnasnet.training.config import TrainingConfig


def make_strategy(config: TrainingConfig) -> tf.distribute.Strategy:
    """The strategy that a configuration names.

    Several hosts must make theirs before anything else is computed.

    Raises:
      ValueError: where the devices for it are not there.
    """
    if config.strategy == "mirrored":
        return tf.distribute.MirroredStrategy(_mirrored_devices(config.num_gpus))
    if config.strategy == "multi_worker_mirrored":
        return _multi_worker(config)
    if config.strategy == "tpu":
        return _tpu(config)
    if tf.config.list_logical_devices("GPU"):
        return tf.distribute.OneDeviceStrategy("GPU:0")
    return tf.distribute.get_strategy()


def check_batch_size(name: str, batch_size: int, strategy: tf.distribute.Strategy) -> None:
    """ValueError where a batch cannot be shared evenly among the strategy's replicas."""
    replicas = strategy.num_replicas_in_sync
    if batch_size % replicas:
        raise ValueError(f"{name} is {batch_size}, must be a multiple of the {replicas} replicas")


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Whether this process is the one of several that writes."""
    return strategy.extended.should_checkpoint


def _mirrored_devices(num_gpus: int | None) -> list[str]:
    gpus = [device.name for device in tf.config.list_logical_devices("GPU")]
    if not gpus:
        # Virtual processors try out what several GPUs will do.
        cpus = [device.name for device in tf.config.list_logical_devices("CPU")]
        if len(cpus) > 1 and num_gpus is None:
            return cpus
        raise ValueError("strategy 'mirrored' needs a GPU, TensorFlow sees none on this machine")
    if num_gpus is not None and num_gpus > len(gpus):
        raise ValueError(f"num_gpus is {num_gpus}, TensorFlow sees {len(gpus)} on this machine")
    return gpus[:num_gpus]


def _multi_worker(config: TrainingConfig) -> tf.distribute.Strategy:
    if config.worker_hosts is not None:
        hosts = config.worker_hosts.split(",")
        if config.task_index is None or not 0 <= config.task_index < len(hosts):
            raise ValueError(
                f"task_index is {config.task_index}, must be one of 0 .. {len(hosts) - 1}, which "
                "of worker_hosts this one is"
            )
        os.environ["TF_CONFIG"] = json.dumps(
            {
                "cluster": {"worker": hosts},
                "task": {"type": "worker", "index": config.task_index},
            }
        )
    elif not os.environ.get("TF_CONFIG"):
        raise ValueError(
            "strategy 'multi_worker_mirrored' needs worker_hosts and task_index, or the "
            "environment variable TF_CONFIG"
        )
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except (KeyError, json.JSONDecodeError) as error:
        raise ValueError(f"TF_CONFIG describes no cluster: {error}") from error


def _tpu(config: TrainingConfig) -> tf.distribute.Strategy:
    if config.tpu is None and not os.environ.get("TPU_NAME"):
        raise ValueError("strategy 'tpu' needs tpu: a name, an address, or 'local' on a TPU VM")
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(
            config.tpu, zone=config.tpu_zone, project=config.gcp_project
        )
        if config.tpu not in ("", "local"):
            tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
    except Exception as error:  # not found, not reachable, no such hardware: each has its own class
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"tpu {config.tpu!r} cannot be used: {reason}") from error
    return tf.distribute.TPUStrategy(resolver)
