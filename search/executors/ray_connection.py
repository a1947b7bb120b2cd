"""The way to a Ray cluster: joins the one at an address, or starts one on this machine."""

import contextlib
import os
import pathlib
import signal
import threading

import grpc
import ray

from search.executors.config import ExecutorConfig

_FLOORS = ("mnasnet", "search", "tflite_bench")
_ROOT = pathlib.Path(__file__).parent.parent.parent
_PATIENCE_SECONDS = 10
# What any head of a Ray cluster is asked first by whoever joins it.
_WHICH_CLUSTER = "/ray.rpc.NodeInfoGcsService/GetClusterId"
_NOBODY = {
    grpc.StatusCode.UNAVAILABLE: "nothing there speaks Ray's protocol",
    grpc.StatusCode.DEADLINE_EXCEEDED: "nothing answers there",
    grpc.StatusCode.UNIMPLEMENTED: "that is not the port of the head, 6379 by default",
}


def connect(config: ExecutorConfig) -> None:
    """Joins the cluster at the address; without one, starts one that is as large as it is asked.

    The code is shipped to the hosts: they need the packages that it stands on, no more.

    Raises:
      ValueError: where there is no cluster, or one of another Ray or Python.
    """
    where = config.ray_address or "this machine"
    if config.ray_address is not None:
        _check_answers(config.ray_address)
    arguments = {"address": config.ray_address}
    if config.ray_address is None:
        arguments = {"address": "local", "include_dashboard": False}
        if config.num_workers is not None:
            # Processors are only counted: whoever asks for more workers than cores gets them.
            arguments["num_cpus"] = config.num_workers * max(config.threads, 1)
    on_terminate = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(
            **arguments,
            runtime_env={
                "env_vars": dict(config.environment),
                "py_modules": [str(_ROOT / floor) for floor in _FLOORS],
            },
            logging_level="ERROR",
            log_to_driver=False,
        )
    except Exception as error:  # Ray has no class for what may be wrong with an address
        raise ValueError(f"ray_address: no cluster at {where}: {_in_one_line(error)}") from error
    _silence()
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, on_terminate)  # Ray took it


def _check_answers(address: str) -> None:
    """ValueError where nobody listens there, or somebody else: Ray tries for minutes."""
    if "://" in address:
        raise ValueError(
            f"ray_address is {address!r}, must be HOST:PORT or auto: start the search on a host of "
            "the cluster, whose clock it uses"
        )
    host, _, port = address.rpartition(":")
    if not (host and port.isdigit()):
        return  # 'auto': Ray knows at once
    with grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        try:
            channel.unary_unary(_WHICH_CLUSTER)(b"", timeout=_PATIENCE_SECONDS)
        except grpc.RpcError as error:
            why = _NOBODY.get(error.code())
            if error.code() == grpc.StatusCode.UNAUTHENTICATED and not _brings_token():
                raise ValueError(
                    f"ray_address: the cluster at {address} wants a token: set RAY_AUTH_MODE=token "
                    "and have the ~/.ray/auth_token of its head"
                ) from error
            if why is None:
                return  # a wrong token, for one: that is for Ray to say
            if "refused" in error.details():
                why = "connection refused"
            raise ValueError(f"ray_address: no cluster at {address}: {why}") from error


def _brings_token() -> bool:
    return os.environ.get("RAY_AUTH_MODE", "").lower() == "token"


def _silence() -> None:
    """Has Ray keep to itself, for each worker that is lost, what the search tells in its own words.

    `log_to_driver` does not cover it, and there is no public way.
    """
    with contextlib.suppress(ImportError, KeyError):
        from ray._private.ray_logging import global_worker_stdstream_dispatcher

        global_worker_stdstream_dispatcher.remove_handler("ray_print_logs")


def _in_one_line(error: Exception) -> str:
    """What Ray says, without the advice that follows after it."""
    said = str(error).strip().split("\n\n")[0]
    return " ".join(said.split()) or type(error).__name__
