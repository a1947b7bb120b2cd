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
_UNAVAILABLE = {
    "refused": "connection refused",
    "lookup failed": "no host has that name",
    "unreachable": "no way leads there",
    "No route": "no way leads there",
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
    if address == "auto":
        address = _running()
        if address is None:
            return
    host, _, port = address.rpartition(":")
    if "://" in address or not (host and port.isdigit()):
        raise ValueError(
            f"ray_address is {address!r}, must be HOST:PORT or auto: start the search on a host of "
            "the cluster, whose clock it uses"
        )
    source, token = _token()
    metadata = [("authorization", f"Bearer {token}")] if token else []
    # A connection of its own: one to the same address that failed before is none to go by.
    options = [("grpc.enable_http_proxy", 0), ("grpc.use_local_subchannel_pool", 1)]
    with grpc.insecure_channel(address, options=options) as channel:
        try:
            channel.unary_unary(_WHICH_CLUSTER)(b"", timeout=_PATIENCE_SECONDS, metadata=metadata)
        except grpc.RpcError as error:
            why = _NOBODY.get(error.code())
            if error.code() == grpc.StatusCode.UNAUTHENTICATED and not _brings_token():
                raise ValueError(
                    f"ray_address: the cluster at {address} wants a token: set RAY_AUTH_MODE=token "
                    "and have the ~/.ray/auth_token of its head"
                ) from error
            if error.code() == grpc.StatusCode.UNAUTHENTICATED and token:
                raise ValueError(
                    f"ray_address: the cluster at {address} refuses the token in {source}: it must "
                    "be that of its head"
                ) from error
            if why is None:
                return  # that is for Ray to say
            # Of those who are not available, which the code does not tell apart.
            why = next(
                (why for said, why in _UNAVAILABLE.items() if said in (error.details() or "")), why
            )
            raise ValueError(f"ray_address: no cluster at {address}: {why}") from error


def _brings_token() -> bool:
    return os.environ.get("RAY_AUTH_MODE", "").lower() == "token"


def _token() -> tuple[str, str]:
    """Where Ray finds its token, and the token; both empty where it brings none.

    Ray shows a wrong one to the cluster for a third of a minute, with warnings.
    """
    if not _brings_token():
        return "", ""
    if token := os.environ.get("RAY_AUTH_TOKEN", "").strip():
        return "RAY_AUTH_TOKEN", token
    path = pathlib.Path(os.environ.get("RAY_AUTH_TOKEN_PATH") or "~/.ray/auth_token").expanduser()
    try:
        token, *_ = path.read_text(encoding="utf-8").splitlines() or [""]
    except (OSError, UnicodeDecodeError):
        return "", ""  # there may be other places; Ray knows at once
    return str(path), token.strip()


def _running() -> str | None:
    """HOST:PORT of the cluster that Ray takes for 'auto'; None where it does not say.

    There is no public way to ask.

    Raises:
      ValueError: where there is none, or several.
    """
    with contextlib.suppress(ImportError, AttributeError):
        from ray._private import services

        try:
            return services.canonicalize_bootstrap_address_or_die("auto")
        except ConnectionError as error:
            raise ValueError(
                "ray_address is 'auto', and Ray finds no cluster on this host, or several: start "
                "one, or name its HOST:PORT"
            ) from error
    return None


def _silence() -> None:
    """Has Ray keep to itself, for each host that is lost, what the search tells in its own words.

    Ray adds the last twenty lines of that host's log. `log_to_driver` does not cover it, and there
    is no public way.
    """
    with contextlib.suppress(ImportError):
        from ray._private import worker

        worker._worker_logs_enabled = False


def _in_one_line(error: Exception) -> str:
    """What Ray says, without the advice that follows after it."""
    said = str(error).strip().split("\n\n")[0]
    return " ".join(said.split()) or type(error).__name__
