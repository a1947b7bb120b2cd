"""One measurement at a time on each phone, whichever process wants it."""

import contextlib
import fcntl
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator

_POLL_SECONDS = 0.05


@contextlib.contextmanager
def phone_lock(
    hardware_serial: str, on_wait: Callable[[str], None] = lambda message: None
) -> Iterator[None]:
    """Keeps others off a phone while it lasts, and waits for those who came before.

    The lock is one of the operating system on a file in the folder for temporary files: it ends
    with the process that holds it, however that ends.

    Args:
      hardware_serial: what the phone calls itself, the same by cable and by network.
      on_wait: is told in one line where there is somebody to wait for.
    """
    file = _open(hardware_serial)
    told = False
    try:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not told:
                    on_wait(f"phone {hardware_serial} is being measured on by another process")
                    told = True
                time.sleep(_POLL_SECONDS)
        yield
    finally:
        os.close(file)


def is_locked(hardware_serial: str) -> bool:
    """Whether somebody measures on the phone at the moment."""
    file = _open(hardware_serial)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


def _open(hardware_serial: str) -> int:
    name = re.sub(r"[^\w.-]", "_", hardware_serial)
    path = os.path.join(tempfile.gettempdir(), f"tflite_bench_phone_{name}.lock")
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except PermissionError:  # another user made it
        return os.open(path, os.O_RDONLY)
