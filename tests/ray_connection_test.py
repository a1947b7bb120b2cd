"""What is said of an address before Ray is asked: heads of clusters that are scripted."""

import contextlib
import socket
from concurrent import futures

import pytest

from search.executors.config import ExecutorConfig

grpc = pytest.importorskip("grpc", reason="Ray is not installed: pip install -e '.[ray]'")
ray = pytest.importorskip("ray", reason="Ray is not installed: pip install -e '.[ray]'")


class Head(grpc.GenericRpcHandler):
    """Answers as the head of a cluster that wants a token, or as some other port of Ray."""

    def __init__(self, token=None):
        self.token, self.asked = token, []

    def service(self, call):
        self.asked.append(call.method)
        if self.token is None:
            return None  # there is no such method
        shown = dict(call.invocation_metadata).get("authorization")

        def answer(request, context):
            if shown != f"Bearer {self.token}":
                context.abort(grpc.StatusCode.UNAUTHENTICATED, "InvalidAuthToken")
            return b""

        return grpc.unary_unary_rpc_method_handler(answer)


@contextlib.contextmanager
def listening(head):
    server = grpc.server(futures.ThreadPoolExecutor(1), handlers=[head])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None).wait()


class RayIsAskedError(Exception):
    """Stands for what comes next."""


@pytest.fixture(autouse=True)
def nobody_goes_on_to_ray(monkeypatch):
    def asked(**arguments):
        raise RayIsAskedError(arguments["address"])

    monkeypatch.setattr(ray, "init", asked)
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_ADDRESS"):
        monkeypatch.delenv(name, raising=False)


def said_of(address):
    """The one line that is said of an address."""
    from search.executors.ray_connection import connect

    with pytest.raises(ValueError) as raised:
        connect(ExecutorConfig("ray", ray_address=address))
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_a_cluster_that_wants_a_token_is_told_from_one_that_refuses_it(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    with listening(Head("secret")) as address:
        assert said_of(address) == (
            f"ray_address: the cluster at {address} wants a token: set RAY_AUTH_MODE=token and "
            "have the ~/.ray/auth_token of its head"
        )
        monkeypatch.setenv("RAY_AUTH_MODE", "token")
        # It goes from one place to the next as Ray does: environment, the file it names, home.
        (tmp_path / ".ray").mkdir()
        (tmp_path / ".ray" / "auth_token").write_text("guess\n")
        refused = f"ray_address: the cluster at {address} refuses the token in "
        home = tmp_path / ".ray" / "auth_token"
        assert said_of(address) == f"{refused}{home}: it must be that of its head"
        (tmp_path / "mine").write_text("guess")
        monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "mine"))
        assert said_of(address) == f"{refused}{tmp_path / 'mine'}: it must be that of its head"
        monkeypatch.setenv("RAY_AUTH_TOKEN", "guess")
        assert said_of(address) == f"{refused}RAY_AUTH_TOKEN: it must be that of its head"
        monkeypatch.setenv("RAY_AUTH_TOKEN", " secret ")
        assert ray_is_asked(address)


def ray_is_asked(address):
    # Whatever Ray raises of an address becomes one line.
    return said_of(address) == f"ray_address: no cluster at {address}: {address}"


def test_a_port_of_ray_that_is_not_the_heads_is_told():
    head = Head()
    with listening(head) as address:
        assert said_of(address).endswith("that is not the port of the head, 6379 by default")
    assert head.asked == ["/ray.rpc.NodeInfoGcsService/GetClusterId"]


def test_where_nobody_answers_that_is_told(monkeypatch):
    from search.executors import ray_connection

    monkeypatch.setattr(ray_connection, "_PATIENCE_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"127.0.0.1:{mute.getsockname()[1]}"
        assert said_of(address) == f"ray_address: no cluster at {address}: nothing answers there"


def test_where_nobody_listens_or_no_host_is_that_is_told():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"127.0.0.1:{closed.getsockname()[1]}"
    assert said_of(address).endswith(": connection refused")
    assert said_of("nobody.invalid:6379") == (
        "ray_address: no cluster at nobody.invalid:6379: no host has that name"
    )


@pytest.mark.parametrize(
    "address", ["", "localhost", "local", "host:", ":6379", "ray://head:10001"]
)
def test_an_address_that_is_none_is_refused(address):
    assert said_of(address).startswith(f"ray_address is {address!r}, must be HOST:PORT or auto: ")


def test_auto_is_asked_too_where_ray_runs_and_refused_where_it_does_not(monkeypatch):
    from ray._private import services

    def none_or_several(address):
        raise ConnectionError("Could not find any running Ray instance.")

    with listening(Head("secret")) as running:
        monkeypatch.setattr(services, "canonicalize_bootstrap_address_or_die", lambda _: running)
        assert said_of("auto").startswith(f"ray_address: the cluster at {running} wants a token: ")
    monkeypatch.setattr(services, "canonicalize_bootstrap_address_or_die", none_or_several)
    assert said_of("auto").startswith("ray_address is 'auto', and Ray finds no cluster on this ")
