"""Runs tests beside loopback phones: real adbd daemons that a real adb client talks to."""

import functools
import os
import pathlib
import subprocess
import sys

import pytest

from tflite_bench.adb_program import find_adb
from tflite_bench.device_errors import AdbMissingError

ROOT = pathlib.Path(__file__).parent.parent
_SHARED = pathlib.Path(os.environ.get("MNASNET_SHARED", ROOT.parent / "shared"))
_LAB = _SHARED / "phone_lab" / "run"
_INSIDE = "MNASNET_TEST_IN_PHONE_LAB"


@functools.cache
def _missing() -> str | None:
    if not _LAB.exists():
        return f"{_LAB} is missing"
    try:
        find_adb()
    except AdbMissingError as error:
        return str(error)
    allowed = subprocess.run(
        ["unshare", "--net", "--mount", "--pid", "--fork", "true"], capture_output=True, text=True
    )
    return f"loopback phones need root: {allowed.stderr.strip()}" if allowed.returncode else None


def run(phones, *command, tmp_path, timeout=120, environment=None):
    """Runs a command beside so many phones, with a folder for temporary files of its own."""
    if _missing():
        pytest.skip(_missing())
    return subprocess.run(
        [str(_LAB), "-n", str(phones), *map(str, command)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=timeout,
        env={
            **os.environ,
            "ADB": find_adb(),
            "TMPDIR": str(tmp_path),
            "PYTHONPATH": str(ROOT),
            **(environment or {}),
        },
    )


def beside_phones(count, timeout=120):
    """Decorates a test of no arguments: it runs in a process of its own beside `count` phones."""

    def decorate(test):
        @functools.wraps(test)
        def outside(tmp_path):
            if os.environ.get(_INSIDE) == test.__name__:
                test()
                return
            done = run(
                count,
                sys.executable,
                "-m",
                "pytest",
                "-q",
                "-p",
                "no:cacheprovider",
                f"{test.__code__.co_filename}::{test.__name__}",
                tmp_path=tmp_path,
                timeout=timeout,
                environment={_INSIDE: test.__name__},
            )
            assert done.returncode == 0, done.stdout + done.stderr

        del outside.__wrapped__  # or pytest would not see the argument
        return outside

    return decorate
