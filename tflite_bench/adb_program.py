"""Where Android's adb is."""

import importlib.util
import os
import shutil

from tflite_bench.device_errors import AdbFlagError, AdbMissingError


def find_adb(path: str | None = None) -> str:
    """The adb program: the one given, else that on PATH, else the one in PyPI's adbutils.

    Raises:
      AdbFlagError: where the one given is no program.
      AdbMissingError: where there is none.
    """
    if path:
        found = shutil.which(path)
        if not found:
            raise AdbFlagError(f"--adb={path} is no program, give the path of Android's adb")
        return found
    found = shutil.which("adb")
    if found:
        return found
    package = importlib.util.find_spec("adbutils")
    for folder in package.submodule_search_locations or () if package else ():
        bundled = os.path.join(folder, "binaries", "adb")
        if os.access(bundled, os.X_OK):
            return bundled
    raise AdbMissingError(
        "there is no adb program: install Android's platform-tools or `pip install adbutils`, or "
        "name one with --adb=PATH"
    )
