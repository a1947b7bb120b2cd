"""The guard of a folder: one process at a time, be it of this machine or of another.

On one machine the kernel's lock decides: it lets go of it when its holder dies, however it dies. On
a folder that several machines share such a lock may not reach from one to the other, so the holder
also shows a sign of life: it touches the lock file, again and again. Who finds the sign of another
machine waits whether it moves on.
"""

import contextlib
import dataclasses
import errno
import fcntl
import json
import os
import secrets
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path

_BEAT_SECONDS = 10.0
# Several beats: a machine that is busy or a server that is slow must not look dead.
_PATIENCE_SECONDS = 60.0
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


@dataclasses.dataclass(frozen=True)
class Holder:
    """Who holds a guard.

    Attributes:
      host: its name.
      boot: of the kernel it runs on; two machines may bear one name.
      process: its number there.
      token: tells holders apart of which all else is alike.
    """

    host: str
    boot: str
    process: int
    token: str

    @classmethod
    def this_process(cls, host: str | None = None) -> "Holder":
        """Ourselves, by another host's name if that is given."""
        try:
            boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        except OSError:
            boot = ""
        host = socket.gethostname() if host is None else host
        return cls(host, boot, os.getpid(), secrets.token_hex(8))

    def same_machine(self, other: "Holder") -> bool:
        """Whether both see the locks of one kernel."""
        return (self.host, self.boot) == (other.host, other.boot)


class Guard:
    """Holds a folder until it is closed; a context manager.

    Args:
      folder: is there and can be written.
      host: this machine's name, for tests.
      beat_seconds: between two signs of life.
      patience_seconds: without one, after which a holder on another machine counts as dead.

    Raises:
      ValueError: where another process holds it; names host and process.
      OSError: where the folder cannot be written.
    """

    def __init__(
        self,
        folder: Path,
        *,
        host: str | None = None,
        beat_seconds: float = _BEAT_SECONDS,
        patience_seconds: float = _PATIENCE_SECONDS,
    ):
        self._folder, self._path = folder, folder / "lock"
        self._me, self._beat_seconds = Holder.this_process(host), beat_seconds
        self._file = open(self._path, "a+")  # noqa: SIM115, held as long as we live
        try:
            locked = self._lock()
            self._wait_for_sign(locked, patience_seconds)
            self._write(self._me)
        except BaseException:
            self._file.close()
            raise
        self._lost: str | None = None
        self._beaten, self._beating = _now(), threading.Lock()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._beat_on, name="guard", daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def check(self) -> None:
        """To be called before each write.

        Raises:
          OSError: where another process took over, since this one showed no sign of life: it was
            stopped, or its machine slept or could not reach the folder.
        """
        if self._lost is None and _now() - self._beaten > 2 * self._beat_seconds:
            self._beat()  # our thread did not come to it, so we may have been taken for dead
        if self._lost is not None:
            raise OSError(self._lost)

    def close(self) -> None:
        """Lets go of the folder."""
        self._closed.set()
        self._thread.join(timeout=self._beat_seconds)  # its server may be away
        if self._lost is None:
            with contextlib.suppress(OSError):  # who comes next will wait, no more
                self._write(None)
        self._file.close()

    def _lock(self) -> bool:
        """Takes the kernel's lock; False where the file system has none."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise self._in_use(_read(self._path)) from error
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
            return False
        return True

    def _wait_for_sign(self, locked: bool, patience_seconds: float) -> None:
        """Returns where nobody alive holds the guard."""
        holder, modified = _read(self._path), _modified(self._path)
        if holder is None or (locked and self._me.same_machine(holder)):
            return
        left = patience_seconds - self._age(modified)
        if left <= 0:
            return
        print(
            f"{self._folder} was in use by another search (host {holder.host}, process "
            f"{holder.process}) a moment ago; waiting up to {left:.0f} s whether it is alive",
            file=sys.stderr,
            flush=True,
        )
        until = time.monotonic() + left
        while time.monotonic() < until:
            time.sleep(min(1.0, self._beat_seconds / 4))
            holder = _read(self._path)
            if holder is None:
                return  # it ended just now
            if _modified(self._path) != modified:
                raise self._in_use(holder)

    def _in_use(self, holder: Holder | None) -> ValueError:
        who = "of which nothing is known"
        if holder is not None:
            age = max(self._age(_modified(self._path)), 0.0)
            who = f"host {holder.host}, process {holder.process}, last sign of life {age:.0f} s ago"
        return ValueError(
            f"{self._folder} is in use by another search ({who}), choose another --workdir or "
            "stop that one"
        )

    def _age(self, modified: int) -> float:
        """Seconds since then by the clock of the file system, which all machines see alike."""
        with tempfile.NamedTemporaryFile(dir=self._folder, prefix="lock.") as file:
            return (os.stat(file.name).st_mtime_ns - modified) / 1e9

    def _write(self, holder: Holder | None) -> None:
        try:
            self._file.truncate(0)
            if holder is not None:
                self._file.write(json.dumps(dataclasses.asdict(holder)) + "\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            error.filename = self._file.name  # a full disk does not say which
            raise

    def _beat_on(self) -> None:
        # The first soon: two that started on two machines at once find out by it.
        wait = min(1.0, self._beat_seconds)
        while not self._closed.wait(wait) and self._lost is None:
            with contextlib.suppress(OSError):  # a server that is away for a moment
                self._beat()
            wait = self._beat_seconds

    def _beat(self) -> None:
        with self._beating:
            holder = _read(self._path)
            if holder == self._me:
                os.utime(self._file.fileno())
                self._beaten = _now()
                return
            by = (
                "somebody removed its lock"
                if holder is None
                else f"host {holder.host}, process {holder.process} took it over"
            )
            self._lost = f"{self._folder} is no longer this search's: {by}"


def _read(path: Path) -> Holder | None:
    """Who the file says holds the guard; None where it says nothing that could be anybody."""
    # Opened anew each time: only then a network file system looks what its server has.
    try:
        return Holder(**json.loads(path.read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def _modified(path: Path) -> int:
    with open(path) as file:
        return os.fstat(file.fileno()).st_mtime_ns


def _now() -> float:
    """Seconds that go on while this process is stopped or its machine sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
