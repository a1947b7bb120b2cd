"""Keeps the log lines of TensorFlow's and LiteRT's C++ halves off stderr."""

import contextlib
import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator

_CHATTER = re.compile(
    rb"[IW]\d{4} [\d:.]+ "  # absl: I0000 00:00:1795492951.824777 5047 file.cc:67] ...
    rb"|\d{4}-\d\d-\d\d [\d:.]+: [IW] "  # TensorFlow's own: 2026-11-24 04:02:30.552537: I ...
    rb"|WARNING: All log messages before absl::InitializeLog"
    rb"|fully_quantize: "
    rb"|(INFO|WARNING): "  # TFLite, LiteRT
)
_one_at_a_time = threading.Lock()


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """Drops their lines while it lasts; what others write to stderr meanwhile comes after it.

    Where the block raises, all of it is dropped: the exception tells what their many lines would.

    They write to the file descriptor itself and heed no log level that Python could set. So the
    descriptor points to a file for a while, for all threads and for processes started meanwhile:
    keep it short. Threads wait for each other here.
    """
    with _one_at_a_time, tempfile.TemporaryFile() as caught:
        try:
            stderr = os.dup(2)
        except OSError:  # closed: nobody to shield
            yield
            return
        sys.stderr.flush()
        os.dup2(caught.fileno(), 2)
        raised = True
        try:
            yield
            raised = False
        finally:
            sys.stderr.flush()
            os.dup2(stderr, 2)
            os.close(stderr)
            if not raised:
                caught.seek(0)
                for line in caught:
                    if not _CHATTER.match(line):
                        os.write(2, line)
