"""What may happen to a search: processes that die or stop, a disk that is full. Linux only."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

# Which processes belong to a run is told by this variable, which children inherit, whoever their
# parent has become.
MARK = "MNASNET_CHAOS"


class Disk:
    """A folder that can be filled, as far as it is a file system of its own.

    Attributes:
      folder: for what is to be disturbed.
      can_fill: whether it is.
    """

    def __init__(self, folder: Path, can_fill: bool):
        self.folder, self.can_fill = folder, can_fill
        self._filler = folder / "filler"

    def fill(self) -> None:
        """Takes all that is free."""
        with contextlib.suppress(OSError), open(self._filler, "wb", buffering=0) as file:
            for size in (2**20, 2**12, 1):
                with contextlib.suppress(OSError):
                    while file.write(bytes(size)) == size:
                        pass

    def free(self) -> None:
        """Gives it back."""
        self._filler.unlink(missing_ok=True)


@contextlib.contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Disk]:
    """A tmpfs of that size on a folder that is there; the folder itself where none may mount."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)],
        stderr=subprocess.DEVNULL,
        check=False,
    )
    disk = Disk(folder, can_fill=mounted.returncode == 0)
    try:
        yield disk
    finally:
        if disk.can_fill:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


def marked(mark: str) -> list[int]:
    """The processes that were started with MARK=mark in their environment, zombies left out."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended meanwhile, or is another user's
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found


def workers(driver: int) -> list[int]:
    """The worker processes of a driver, oldest first; not what Python keeps beside them."""
    found = []
    for pid in _children(driver):
        with contextlib.suppress(OSError):
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
            if b"spawn_main" in command:
                found.append(pid)
    return sorted(found)


def send(pid: int, number: signal.Signals) -> None:
    """A signal; nothing where the process has ended."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def left_over(mark: str, seconds: float) -> list[int]:
    """Marked processes that are still there so many seconds after all should have ended."""
    until = time.monotonic() + seconds
    while (found := marked(mark)) and time.monotonic() < until:
        time.sleep(0.1)
    return found


def _children(parent: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{parent}/task").glob("*"):
        with contextlib.suppress(OSError):
            found += map(int, (task / "children").read_text().split())
    return found
