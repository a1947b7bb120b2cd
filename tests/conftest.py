"""Keeps the TensorFlow-free half of the tests free of TensorFlow, and the user's cache alone."""

import signal

import pytest

# A shell that starts tests in the background switches Ctrl-C off; every command would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="session")
def cache_of_its_own(tmp_path_factory):
    """Surrogates that tests fit, in the commands they start too, are not the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


def pytest_ignore_collect(collection_path, config):
    """Does not even import a module marked `tensorflow` where the command leaves it out.

    The import alone takes as long as half of the other tests.
    """
    if config.option.markexpr == "not tensorflow" and collection_path.name.endswith("_test.py"):
        marked = "pytestmark = pytest.mark.tensorflow" in collection_path.read_text("utf-8")
        return True if marked else None
    return None
