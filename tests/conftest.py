"""Keeps the TensorFlow-free half of the tests free of TensorFlow."""


def pytest_ignore_collect(collection_path, config):
    """Does not even import a module marked `tensorflow` where the command leaves it out.

    The import alone takes as long as half of the other tests.
    """
    if config.option.markexpr == "not tensorflow" and collection_path.name.endswith("_test.py"):
        marked = "pytestmark = pytest.mark.tensorflow" in collection_path.read_text("utf-8")
        return True if marked else None
    return None
