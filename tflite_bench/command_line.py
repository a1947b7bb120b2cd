"""The door of every binary: flags in, exit status out.

    if __name__ == "__main__":
        command_line.run(main)

Exit status: 0 for work done and for --help; 2 for a user's mistake, told in one line; 1 where the
surroundings failed (a full disk, a device gone), told in one line; 130 for Ctrl-C; 141, as of other
programs, and not a word where the reader of our output left, as `| head` does. Everything else is a
bug of ours and shows its traceback.

Differs from absl.app: a bad flag exits 2 rather than 1, and --help shows the flags of all modules
of this project, also those of `*_flags.py`. Nothing here imports TensorFlow.
"""

import contextlib
import errno
import io
import logging as python_logging
import os
import shlex
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator

from absl import flags, logging

_PROJECT = ("__main__", "mnasnet", "search", "tflite_bench")
_DISK_FAILED = {errno.ENOSPC, errno.EDQUOT, errno.EIO}
_AGAIN = "start the same command again when that is mended"
_NOT_WRITABLE = {
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.ENAMETOOLONG,
}
_HELP = {"--help", "-help", "-h", "-?", "--helpshort", "--helpfull", "-helpfull"}


class UsageError(Exception):
    """A user's mistake: the message is one line with the value and what is allowed."""


class SurroundingsError(Exception):
    """What the program stands on failed; the message is one line that says what to do."""


@contextlib.contextmanager
def usage_errors() -> Iterator[None]:
    """Turns the ValueError or OSError of a wrong argument, raised inside, into a UsageError.

    A full or failing disk is nobody's argument: that becomes a SurroundingsError.

    Wrap only what checks the user's input: elsewhere a ValueError is a bug and keeps its traceback.
    """
    try:
        yield
    except (ValueError, OSError) as error:
        if getattr(error, "errno", None) in _DISK_FAILED:
            raise SurroundingsError(f"{_one_line(error)}; {_AGAIN}") from error
        raise UsageError(_one_line(error)) from error


@contextlib.contextmanager
def writes_to(flag: str, path: str | os.PathLike) -> Iterator[None]:
    """Turns the OSError of a file that cannot be written into the line that names the flag.

    A path where nobody may write, a read-only disk too, is a UsageError; a disk that is full or
    fails is a SurroundingsError.
    """
    try:
        yield
    except OSError as error:
        mistaken = isinstance(error, PermissionError) or error.errno in _NOT_WRITABLE
        told = f"--{flag}={path} cannot be written: {_one_line(error)}"
        if mistaken:
            raise UsageError(told) from error
        raise SurroundingsError(f"{told}; {_AGAIN}") from error


def check_writable(flag: str, path: str | os.PathLike, folder: str | os.PathLike) -> None:
    """Finds out at once, rather than when there is something to write, whether a folder takes it.

    Args:
      flag: that named the path.
      path: as it was named.
      folder: a folder that is there, of the path or the path itself.

    Raises:
      UsageError, SurroundingsError: as `writes_to`.
    """
    with writes_to(flag, path), tempfile.TemporaryFile(dir=folder):
        pass


class _ReaderLeft(SystemExit):
    """Nobody reads our output any more."""


class _Pipe(io.FileIO):
    """Ends the program where the reader left.

    Not by BrokenPipeError, which may come from a worker or from adb too, and is an OSError that
    others take for one of files. Nor by SIGPIPE, which a worker's death would send as well.
    """

    def write(self, content) -> int | None:
        try:
            return super().write(content)
        except BrokenPipeError:
            raise _ReaderLeft(141) from None


def run(main: Callable[[], int | None], argv: list[str] | None = None) -> None:
    """Parses the flags, calls `main`, exits.

    Args:
      main: takes nothing, reads absl flags, returns the exit status (None is 0).
      argv: program and arguments; sys.argv by default.
    """
    _watch_pipes()
    try:
        _run(main, sys.argv if argv is None else argv)
    except _ReaderLeft:
        # The other's reader may still be there.
        for stream in (sys.stdout, sys.stderr):
            if _is_pipe(stream):
                _flush_or_drop(stream)
        raise


def _flush_or_drop(stream) -> None:
    try:
        stream.flush()
    except _ReaderLeft:
        # It would fail again at exit, with a complaint by Python.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def this_command() -> str:
    """The command that started this process, ready for a shell."""
    main = sys.modules["__main__"].__spec__
    started = ["-m", main.name] if main else sys.argv[:1]
    return shlex.join([sys.executable, *started, *sys.argv[1:]])


def _watch_pipes() -> None:
    """Puts a `_Pipe` under standard output and standard error where each is one."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is getattr(sys, f"__{name}__") and _is_pipe(stream):
            stream.flush()
            pipe = _Pipe(stream.fileno(), "w", closefd=False)
            unbuffered = isinstance(stream.buffer, io.RawIOBase)  # as by PYTHONUNBUFFERED
            watched = io.TextIOWrapper(
                pipe if unbuffered else io.BufferedWriter(pipe),
                encoding=stream.encoding,
                errors=stream.errors,
                line_buffering=stream.line_buffering,
                write_through=stream.write_through,
            )
            setattr(sys, name, watched)


def _is_pipe(stream) -> bool:
    try:
        mode = os.fstat(stream.fileno()).st_mode
    except (AttributeError, OSError, ValueError):  # none, or not of the system
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def _run(main: Callable[[], int | None], argv: list[str]) -> None:
    logging.use_absl_handler()
    # TensorFlow's start-up messages (no GPU here, for one) would stand between the lines that
    # people came to read; what really fails comes as an exception.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    python_logging.getLogger("tensorflow").setLevel(python_logging.ERROR)
    try:
        if _HELP.intersection(argv[1:]):
            _print_help(argv[0], everything=bool({"--helpfull", "-helpfull"} & set(argv)))
            sys.stdout.flush()
            sys.exit(0)
        rest = flags.FLAGS(argv)[1:]
        if rest:
            raise UsageError(f"unexpected argument {rest[0]!r}, options are written --name=value")
        status = main()
    except (flags.Error, UsageError) as error:
        _fail(2, _one_line(error))
    except SurroundingsError as error:
        _fail(1, _one_line(error))
    except KeyboardInterrupt:
        _fail(130, "interrupted")
    # Not at Python's exit, which could but complain.
    sys.stdout.flush()
    sys.exit(status or 0)


def _fail(status: int, message: str) -> None:
    sys.stdout.flush()
    print(f"error: {message}" if status != 130 else message, file=sys.stderr)
    sys.exit(status)


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    # absl hands Python's own words on; say what is allowed instead.
    for python_says, we_say in (
        ("invalid literal for int() with base 10:", "must be a whole number, got"),
        ("could not convert string to float:", "must be a number, got"),
        ("ERROR:: ", ""),
    ):
        text = text.replace(python_says, we_say)
    return text


def _print_help(program: str, everything: bool) -> None:
    main_module = sys.modules["__main__"]
    if main_module.__doc__:
        print(main_module.__doc__.strip(), end="\n\n")
    print(f"Flags ({os.path.basename(program)}, --helpfull for those of the libraries too):")
    shown = flags.FLAGS.flags_by_module_dict()
    for module, module_flags in sorted(shown.items()):
        if everything or module.split(".")[0] in _PROJECT or module == program:
            for flag in sorted(module_flags, key=lambda flag: flag.name):
                default = "" if flag.default is None else f"  (default {flag.default_as_str})"
                print(f"  --{flag.name}{default}\n      {flag.help}")
    print("  --flagfile\n      a file of flags, one a line; flags after it override it")
