"""Workers that are processes of this machine.

Differs from concurrent.futures: there one worker that is killed breaks the pool and all that it was
given, and one that hangs cannot be ended. Here each worker has a pipe of its own, so whatever
happens to it, at whatever byte, harms nobody else.
"""

import ctypes
import dataclasses
import functools
import math
import multiprocessing
import os
import pathlib
import pickle
import signal
import socket
import sys
import threading
import time
from collections.abc import Mapping
from multiprocessing import connection

from search.executors.config import ExecutorConfig, usable_cores
from search.executors.pool import MakeWorker
from search.executors.pooled import PooledExecutor
from search.executors.tasks import (
    MakeEvaluator,
    Outcome,
    Task,
    WorkerLost,
    WorkerName,
    run_task,
    took_too_long,
)
from search.quantities import counted

# Started anew rather than forked: TensorFlow does not live through a fork.
_CONTEXT = multiprocessing.get_context("spawn")
_environment = threading.Lock()
_MEGABYTE = 2**20
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_GLANCE = 0.5  # seconds between two looks at whether anybody still wants the worker


class Processes(PooledExecutor):
    """Workers that are processes of this machine.

    Raises:
      ValueError: for more GPUs than there are.
    """

    def __init__(self, config: ExecutorConfig):
        super().__init__(config)
        self._ending = threading.Event()
        self._gpus, self._each = visible_gpus() if config.gpus else [], int(config.gpus)
        self.num_workers = config.num_workers
        if self.num_workers is None:
            cores = usable_cores() // max(config.threads, 1)
            self.num_workers = max(1, len(self._gpus) // self._each if self._each else cores)
        needed = self.num_workers * self._each
        if needed > len(self._gpus):
            raise ValueError(
                f"worker_gpus is {self._each}, {counted(self.num_workers, 'worker')} would need "
                f"{counted(needed, 'GPU')}: "
                f"{socket.gethostname()} has {len(self._gpus)}"
            )

    def trainers(self, make: MakeEvaluator) -> list[MakeWorker]:
        """See PooledExecutor; each has GPUs of its own."""
        each = self._each
        return [
            self._worker(make, self._gpus[i * each : (i + 1) * each])
            for i in range(self.num_workers)
        ]

    def timing_worker(self, make: MakeEvaluator) -> MakeWorker:
        """See PooledExecutor."""
        return self._worker(make, [])

    def _worker(self, make: MakeEvaluator, gpus: list[str]) -> MakeWorker:
        environment = dict(self.config.environment)
        # Also where it gets none: TensorFlow takes all GPUs that it sees.
        environment["CUDA_VISIBLE_DEVICES"] = ",".join(gpus) or "-1"
        return functools.partial(
            ProcessWorker,
            make,
            environment,
            self.config.worker_memory_mb,
            self.config.start_timeout,
            self._ending,
        )

    def __exit__(self, *exception):
        self._ending.set()
        super().__exit__(*exception)


def visible_gpus() -> list[str]:
    """The GPUs of this machine that a process may use, as CUDA_VISIBLE_DEVICES names them."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [gpu for gpu in visible.split(",") if gpu and gpu != "-1"]
    numbers = [path.name.removeprefix("nvidia") for path in pathlib.Path("/dev").glob("nvidia*")]
    return sorted(filter(str.isdigit, numbers), key=int)


class ProcessWorker:
    """A Worker in a process of its own.

    Args:
      make: makes the evaluator in the process; pickled.
      environment: variables that it gets besides this process's.
      max_memory_mb: a process that holds more after a task is spent; None for twice what it held
        after its first.
      start_timeout: seconds after which a process that is not ready counts as hung; None for never.
      ending: once it is set nobody waits for the process any more, not even for its start.

    It ends with the thread that made it, at the latest.

    Raises:
      WorkerLost: where the process dies or hangs before it is ready.
      Whatever `make` raises there.
    """

    def __init__(
        self,
        make: MakeEvaluator,
        environment: Mapping[str, str] | None = None,
        max_memory_mb: int | None = None,
        start_timeout: float | None = None,
        ending: threading.Event | None = None,
    ):
        self._connection, theirs = _CONTEXT.Pipe()
        self._process = _CONTEXT.Process(
            target=_serve, args=(theirs, make, max_memory_mb), daemon=True
        )
        # A process inherits what is there when it starts; some of it is read before any of our
        # code runs there.
        with _environment:
            environment = environment or {}
            before = {name: os.environ.get(name) for name in environment}
            os.environ.update(environment)
            try:
                self._process.start()
            finally:
                for name, value in before.items():
                    if value is None:
                        del os.environ[name]
                    else:
                        os.environ[name] = value
        theirs.close()
        self.name = WorkerName(socket.gethostname(), self._process.pid)
        self._spent, self._ending = False, ending or threading.Event()
        self._receive(start_timeout)

    @property
    def alive(self) -> bool:
        """See Worker."""
        return not self._spent and self._process.is_alive()

    def run(self, task: Task, timeout: float | None) -> Outcome:
        """See Worker."""
        try:
            self._connection.send(task)
        except OSError as error:
            raise WorkerLost(self._death()) from error
        return dataclasses.replace(self._receive(timeout), worker=self.name)

    def close(self) -> None:
        """See Worker; the pipe closes with its last reference: a thread may wait at it."""
        self._process.kill()
        self._process.join()

    def _receive(self, timeout: float | None):
        if not self._heard(timeout):
            self.close()
            ended = self._ending.is_set()
            why = "was ended with the search" if ended else took_too_long(timeout)
            raise WorkerLost(f"{self.name}, {why}")
        try:
            # Of a process that is dead there may be a last message.
            if not self._connection.poll():
                raise EOFError
            answer, self._spent = self._connection.recv()
        except (EOFError, OSError, pickle.UnpicklingError) as error:
            raise WorkerLost(self._death()) from error
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def _heard(self, timeout: float | None) -> bool:
        """Waits for a message or the process's end; False where neither comes in time."""
        sources = [self._connection, self._process.sentinel]
        until = time.monotonic() + (math.inf if timeout is None else timeout)
        left = until - time.monotonic()
        while not connection.wait(sources, min(max(left, 0), _GLANCE)):
            left = until - time.monotonic()
            if left <= 0 or self._ending.is_set():
                return False
        return True

    def _death(self) -> str:
        self._process.join(timeout=5)
        code = self._process.exitcode
        if code is not None and code < 0:
            how = f"was killed by {signal.Signals(-code).name}"
            if -code == signal.SIGKILL:
                how += ", maybe since memory ran out"
        else:
            how = f"ended with exit status {code}"
        return f"{self.name}, {how}"


def _serve(pipe: connection.Connection, make: MakeEvaluator, max_memory_mb: int | None) -> None:
    """The life of a worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the driver's
    _die_with_parent()
    limit = None if max_memory_mb is None else max_memory_mb * _MEGABYTE
    try:
        evaluator = make()
    except Exception as error:
        pipe.send((_sendable(error), True))
        return
    pipe.send((None, False))
    while True:
        task = pipe.recv()
        try:
            answer = run_task(evaluator, task)
        except Exception as error:
            answer = _sendable(error)
        memory = _resident_memory()
        limit = 2 * memory if limit is None else limit
        pipe.send((answer, memory > limit))


def _die_with_parent() -> None:
    """A worker without a driver would train on, for nobody."""
    if sys.platform == "linux":
        # Also one that is stopped, in which no thread runs. The parent is to the kernel the thread
        # that started us.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    threading.Thread(target=_end_after_parent, daemon=True).start()


def _end_after_parent() -> None:
    multiprocessing.parent_process().join()
    os._exit(1)


def _sendable(error: Exception) -> Exception:
    """The exception itself where it survives the way, else its words."""
    try:
        pickle.loads(pickle.dumps(error))
        return error
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")


def _resident_memory() -> int:
    """Bytes of memory that this process holds; 0 where that is not told."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0
