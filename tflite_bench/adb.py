"""The one module that knows adb, Android's debug bridge.

adb is called with argument lists and `-s SERIAL`, never through a shell of this machine. Its exit
status proves little: adb 29 exits 0 when the connection drops in the middle of a command, with the
output cut short. So every command on a phone ends by printing a marker of its own with the
command's exit status, and both that last line and adb's exit status are required. Time-outs are set
at both ends: a client that is killed leaves its command running on the phone, so the phone's own
`timeout` ends it there.
"""

import dataclasses
import errno
import hashlib
import os
import re
import secrets
import shlex
import subprocess
import tempfile
import time
from collections.abc import Sequence

from tflite_bench.adb_program import find_adb
from tflite_bench.device_errors import (
    AdbFlagError,
    AdbMissingError,
    CommandTimeoutError,
    DeviceError,
    NoPhoneError,
    NoSpaceError,
    OfflineError,
    PhoneGoneError,
    UnauthorizedError,
)

# Seconds: of the short commands; how much longer than the phone's own time-out the client waits.
_SHORT, _GRACE = 20, 10
# Bytes a second: of a bad cable.
_SLOWEST_PUSH = 500_000
# What the phone's `timeout` exits with: 124, or 128 + SIGTERM in older toybox; 137 after SIGKILL.
_TIMED_OUT = {124, 143, 137}
# What is no program, of all that may keep one from being started.
_NO_PROGRAM = {
    errno.ENOENT,
    errno.EACCES,
    errno.EPERM,
    errno.ENOEXEC,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.ELOOP,
}
_STORAGE_FULL = re.compile(r"no space left on device|ENOSPC|not enough space", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Attached:
    """A line of `adb devices`.

    Attributes:
      serial: what adb calls it.
      state: 'device' where it can be used, else 'unauthorized', 'offline', 'no permissions', ...
    """

    serial: str
    state: str


@dataclasses.dataclass(frozen=True)
class Result:
    """What a command on a phone did.

    Attributes:
      status: its exit status on the phone.
      stdout: what it printed, without the marker.
      stderr: the same of standard error.
    """

    status: int
    stdout: str
    stderr: str


class Adb:
    """Talks to the phones that are attached to this machine.

    Attributes:
      program: path of the adb binary.

    Args:
      named: whether the user named it, and is told so where it is no adb.
    """

    def __init__(self, program: str, named: bool = False):
        self.program, self._named = program, named

    @classmethod
    def of_flag(cls, path: str | None) -> "Adb":
        """The adb that --adb names, or the one that `find_adb` finds; raises as that does."""
        return cls(find_adb(path), named=bool(path))

    def devices(self) -> list[Attached]:
        """All that are attached, usable or not.

        Raises:
          AdbMissingError: where the program is another; AdbFlagError where it was named.
          DeviceError: where adb itself fails.
        """
        done = self._call(["devices"], timeout_s=_SHORT)
        if done is None or done.returncode != 0:
            reason = "no answer" if done is None else _last_line(done.stderr, done.stdout)
            raise DeviceError(f"{self.program} devices fails: {reason}")
        _, headline, listing = done.stdout.partition("List of devices attached")
        if not headline:
            raise self._no_adb(f"is no adb, it says {_last_line(done.stdout)!r}")
        attached = []
        for line in listing.splitlines():
            serial, _, state = line.strip().partition("\t")
            if serial and state:
                attached.append(Attached(serial, state.partition(" (")[0].partition(";")[0]))
        return attached

    def reconnect(self, serial: str) -> None:
        """Tries to reach again a phone that adb lost; whether it worked is seen in `devices`."""
        if re.fullmatch(r"\[?[\w.:-]+\]?:\d+", serial):  # by network: adb does not look by itself
            self._call(["disconnect", serial], timeout_s=_SHORT)
            self._call(["connect", serial], timeout_s=_SHORT)
        else:
            self._call(["-s", serial, "reconnect"], timeout_s=_SHORT)

    def shell(self, serial: str, command: Sequence[str], *, timeout_s: float = _SHORT) -> Result:
        """Runs a command on a phone and waits for it.

        Args:
          serial: of the phone.
          command: program and arguments; the phone's shell gets them quoted.
          timeout_s: the phone ends the command after so long.

        Returns:
          its exit status, which may be any, and its output, which is whole.

        Raises:
          CommandTimeoutError: where it took too long; the phone still answers.
          DeviceError: of the kind that says how the phone could not be reached, or was lost.
        """
        marker = f"__end_{secrets.token_hex(8)}="
        # Rounded up: older toybox takes whole seconds only.
        limit = max(1, int(-(-timeout_s // 1)))
        line = f"timeout -k 5 {limit} {shlex.join(command)}; status=$?; echo; echo {marker}$status"
        start = time.monotonic()
        done = self._call(["-s", serial, "shell", line], timeout_s=limit + 5 + _GRACE)
        if done is None:
            raise PhoneGoneError(
                f"phone {serial} did not answer within {limit + 5 + _GRACE} s: check the cable"
            )
        body, _, last = done.stdout.rstrip().rpartition("\n")
        status = last.strip().removeprefix(marker)
        if done.returncode != 0 or not last.startswith(marker) or not status.isdigit():
            raise self._failure(serial, done)
        if int(status) in _TIMED_OUT and time.monotonic() - start >= limit:
            raise CommandTimeoutError(
                f"{command[0]} on phone {serial} was ended after {limit} s, status {status}"
            )
        return Result(int(status), body.removesuffix("\n"), done.stderr)

    def push(self, serial: str, content: bytes, path: str, *, executable: bool = False) -> bool:
        """Puts a file on a phone, unless it is there already, and checks that it arrived whole.

        Args:
          serial: of the phone.
          content: of the file.
          path: where to, on the phone; the folder is made.
          executable: whether it shall be run.

        Returns:
          whether it had to be pushed.

        Raises:
          NoSpaceError: where it does not fit.
          DeviceError: for whatever else keeps it from arriving.
        """
        if self._checksum(serial, path) == hashlib.sha256(content).hexdigest():
            return False
        folder = os.path.dirname(path)
        self._checked(serial, ["mkdir", "-p", folder])
        with tempfile.NamedTemporaryFile(prefix="tflite_bench_") as file:
            file.write(content)
            file.flush()
            limit = _SHORT + len(content) / _SLOWEST_PUSH
            done = self._call(["-s", serial, "push", file.name, path], timeout_s=limit)
        if done is None:
            raise PhoneGoneError(
                f"pushing {len(content)} bytes to phone {serial} took over {limit:.0f} s"
            )
        if done.returncode != 0:
            raise self._failure(serial, done)
        if self._checksum(serial, path) != hashlib.sha256(content).hexdigest():
            raise PhoneGoneError(f"{path} did not arrive whole on phone {serial}")
        if executable:
            self._checked(serial, ["chmod", "755", path])
        return True

    def remove(self, serial: str, paths: Sequence[str]) -> None:
        """Deletes files on a phone; those that are not there are no error.

        Raises:
          DeviceError: where the phone cannot be reached.
        """
        if paths:
            self._checked(serial, ["rm", "-f", *paths])

    def listing(self, serial: str, folder: str) -> list[str]:
        """The names in a folder on a phone; none where there is no such folder.

        Raises:
          DeviceError: where the phone cannot be reached.
        """
        result = self.shell(serial, ["ls", folder])
        return result.stdout.split() if result.status == 0 else []

    def _checksum(self, serial: str, path: str) -> str | None:
        """SHA-256 of a file on a phone, None where there is no such file."""
        result = self.shell(serial, ["sha256sum", path], timeout_s=2 * _SHORT)
        if result.status in (126, 127):
            raise DeviceError(f"phone {serial} has no sha256sum: Android 8 or newer is needed")
        words = result.stdout.split()
        return words[0] if result.status == 0 and words else None

    def _checked(self, serial: str, command: Sequence[str]) -> None:
        result = self.shell(serial, command)
        if result.status != 0:
            told = _last_line(result.stderr, result.stdout)
            if _STORAGE_FULL.search(told):
                raise _no_space(serial)
            raise DeviceError(f"{shlex.join(command)} on phone {serial} fails: {told}")

    def _call(
        self, arguments: Sequence[str], *, timeout_s: float
    ) -> subprocess.CompletedProcess | None:
        """Runs the client; None where it did not end in time."""
        try:
            return subprocess.run(
                [self.program, *arguments],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=timeout_s,
            )
        except subprocess.TimeoutExpired:
            return None
        except OSError as error:
            told = f"cannot be run: {error.strerror}"
            if error.errno in _NO_PROGRAM:
                raise self._no_adb(told) from error
            raise DeviceError(f"{self.program} {told}") from error

    def _no_adb(self, told: str) -> AdbMissingError:
        missing = AdbFlagError if self._named else AdbMissingError
        return missing(f"{self.program} {told}: name another with --adb=PATH")

    def _failure(self, serial: str, done: subprocess.CompletedProcess) -> DeviceError:
        """What adb's complaint means."""
        told = _last_line(done.stderr, done.stdout)
        text = f"{done.stderr}\n{told}".lower()
        if _STORAGE_FULL.search(text):
            return _no_space(serial)
        if "unauthorized" in text or "authorizing" in text:
            return UnauthorizedError(
                f"phone {serial} is unauthorised: unlock it and allow this computer's USB debugging"
            )
        if "device offline" in text or "device still" in text:
            return OfflineError(f"phone {serial} is offline: plug it out and in again")
        if "no permissions" in text or "insufficient permissions" in text:
            return OfflineError(
                f"phone {serial} may not be opened by this user: set up udev rules for it"
            )
        if re.search(r"device .*not found|no devices|device not found", text):
            return NoPhoneError(f"phone {serial} is not attached")
        if done.returncode == 0 or not told:
            return PhoneGoneError(f"phone {serial} went away in the middle of a command")
        return PhoneGoneError(f"phone {serial} failed in the middle of a command: {told}")


def _no_space(serial: str) -> NoSpaceError:
    return NoSpaceError(f"no space left on phone {serial}: free some of its storage")


def _last_line(*texts: str) -> str:
    """The last line of the first text that has one."""
    for text in texts:
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        if lines:
            return lines[-1]
    return ""
