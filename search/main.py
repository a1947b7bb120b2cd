"""Searches a mobile network: python -m search.main --flagfile=flags/quickstart.flags --workdir=DIR

Samples networks with a recurrent controller, trains each for a short while, times it, and moves the
controller towards accuracy x (latency / target)^w by PPO. Accuracy may be predicted from published
networks (--accuracy=surrogate), latency estimated (--latency), the algorithm another (--algorithm),
and --sweep searches with each of several exponents or targets. Everything is kept in --workdir.
Stop it with Ctrl-C, or kill it: the same command goes on where it was.
"""

import contextlib
import functools
import math
import os
import shlex
import signal
import sqlite3
import sys
from collections.abc import Iterator

from absl import flags

from mnasnet.data.image_dataset import DataError
from mnasnet.latency_estimate import UnknownOperation
from search import search_flags
from search.dry_run import dry_run
from search.evaluators import Infeasible
from search.executors import executor_flags
from search.executors.config import ExecutorConfig
from search.executors.executor import Executor, Workers
from search.executors.open import open_executor
from search.head import print_head, print_workers
from search.landmarks import measuring_landmarks
from search.loop import SearchResult, run_search, search_settings
from search.parts import Parts, PartsConfig, accuracy_of, latency_of
from search.progress import Progress
from search.quantities import milliseconds, percent
from search.recorder import Recorder
from search.report import write_report
from search.sweeping import flags as sweep_flags
from search.sweeping.run import open_sweep, run_sweep
from search.tables import write_atomically
from search.tensorboard import Scalars
from search.winner import export_best
from search.workdir import SettingsMismatch, Workdir, check_settings
from tflite_bench import command_line
from tflite_bench.command_line import (
    SurroundingsError,
    UsageError,
    this_command,
    usage_errors,
    writes_to,
)

_DRY_RUN = flags.DEFINE_bool(
    "dry_run", False, "say what the flags would do and how long it would take, and do nothing"
)


def main() -> None:
    """Runs or goes on with the search in --workdir."""
    # SIGTERM stops as cleanly as Ctrl-C, and that works also where a shell that starts us in the
    # background has switched it off.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    with contextlib.ExitStack() as opened:
        with usage_errors():
            if not search_flags.WORKDIR.value and not _DRY_RUN.value:
                raise ValueError(
                    "--workdir is missing: name a folder for the search, --workdir=DIR"
                )
            executor_config = executor_flags.executor_config()
            parts_config = search_flags.parts_config()
            if parts_config.trains:
                os.environ.update(executor_config.environment)
            sweep_config, reference = sweep_flags.sweep_config(), sweep_flags.reference_point()
            executor = opened.enter_context(_opened(executor_config, parts_config))
            if executor_config.kind != "inline" and not _DRY_RUN.value:
                # The GPUs are the workers': TensorFlow would take all of them for this process.
                os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
            parts = Parts(parts_config, executor.make_timer)
            if _DRY_RUN.value:
                dry_run(
                    parts,
                    executor_config,
                    executor.num_workers,
                    search_flags.WORKDIR.value,
                    sweep_config,
                )
                return
            workers = executor.workers(
                parts.accuracy,
                parts.clock,
                functools.partial(accuracy_of, parts_config),
                functools.partial(latency_of, parts_config),
            )
            path = search_flags.WORKDIR.value
            with writes_to("workdir", path):
                if sweep_config:
                    sweep = open_sweep(parts, sweep_config, path, workers.measuring)
                    workdir = opened.enter_context(sweep).workdir
                else:
                    workdir = opened.enter_context(Workdir(path))
        opened.enter_context(_failures_told(workdir))
        if not sweep_config:  # which has done it
            settings = search_settings(parts.space, parts.accuracy, parts.clock, parts.config)
            check_settings(workdir.store, settings)
        print_head(parts, sweep_config)
        print_workers(executor_config, executor.num_workers, parts)
        _tell_of_threads(workdir, executor_config, parts)
        print()
        if sweep_config:
            run_sweep(parts, sweep, reference, search_flags.flags_given(), workers)
        else:
            _run_search(parts, workdir, workers)


def _opened(
    executor: ExecutorConfig, parts: PartsConfig
) -> contextlib.AbstractContextManager[Executor]:
    if executor.kind != "inline" and not parts.trains:
        raise ValueError(
            f"--executor={executor.kind} has nothing to do: --accuracy={parts.accuracy} trains "
            "nothing"
        )
    return open_executor(executor)


def _tell_of_threads(workdir: Workdir, config: ExecutorConfig, parts: Parts) -> None:
    """Says where a search goes on with other threads, on which the bits of a training depend."""
    before = workdir.store.settings().get("worker_threads", config.threads)
    if parts.trains and before != config.threads:
        print(
            f"          --worker_threads was {before} so far: the same network would get another "
            "accuracy now, by a little"
        )
    workdir.store.save_settings({"worker_threads": config.threads})


def _run_search(parts: Parts, workdir: Workdir, workers: Workers) -> None:
    done = len(workdir.store.trials())
    result = _search(parts, workdir, workers)
    _finish(parts, workdir, workers, result)
    if done >= parts.config.max_trials:
        print(f"Nothing was left to do: all {done} trials were there. --max_trials raises it.")


def _search(parts: Parts, workdir: Workdir, workers: Workers) -> SearchResult:
    about = parts.about(search_flags.flags_given())
    workdir.store.save_settings(about)
    write_atomically(workdir.path / "flags.txt", about["flags"])
    recorder = Recorder(workdir, about, workers.workload)
    scalars = Scalars(workdir.path / "tensorboard")
    progress = Progress(
        parts.config.max_trials,
        workdir.store.trials(),
        max_entropy=math.log(parts.space.size),
        workload=workers.workload,
    )
    parts.journal.attach(workdir.store, progress.event)
    with progress, measuring_landmarks(parts, workdir.store, workers, progress.now):
        try:
            return run_search(
                parts.space,
                parts.accuracy,
                parts.clock,
                parts.config,
                workdir=workdir,
                count=parts.count,
                observers=(recorder, scalars, progress),
                measuring=workers.measuring,
            )
        finally:
            recorder.write()


def _finish(parts: Parts, workdir: Workdir, workers: Workers, result: SearchResult) -> None:
    """Report, the best network as a file, and what to do with it."""
    report = write_report(workdir.path, workdir.store)
    if result.best is None:
        reason = result.trials[-1].measured.reason
        print(f"None of the {len(result.trials)} networks was feasible; the last one: {reason}")
    else:
        best = result.best.measured
        predicted = "" if parts.trains else " (predicted)"
        estimated = " (estimate)" if parts.latency.is_estimate else ""
        print(
            f"\nBest of {len(result.trials)} trials is trial {result.best.trial}: reward "
            f"{best.reward:.4f}, accuracy {percent(best.accuracy)}{predicted}, "
            f"latency {milliseconds(best.latency_ms)}{estimated}"
        )
        print("\n".join(f"  {string}" for string in best.network))
        print(f"  as TFLite  {_exported(parts, workdir, workers, result)}")
    print(f"  report     {report}")
    if result.best is not None:
        command = shlex.join(["python", "-m", "mnasnet.train", f"--from_search={workdir.path}"])
        print(f"  retrain    {command} --rank=1 --data_dir=IMAGENET --model_dir=DIR")


def _exported(parts: Parts, workdir: Workdir, workers: Workers, result: SearchResult) -> str:
    """Writes best.tflite; its path, or why there is none."""
    if not parts.trains:
        return "none, since nothing was trained; the command below trains it"
    try:
        return str(export_best(workdir, result.best, workers, parts.latency))
    except Infeasible as reason:
        return f"not written: {reason}"


@contextlib.contextmanager
def _failures_told(workdir: Workdir) -> Iterator[None]:
    """One line for what the user or the surroundings did; trials that are committed stay."""
    kept = f"the trials so far are kept in {workdir.path}"
    try:
        yield
    except (DataError, SettingsMismatch, UnknownOperation) as error:
        raise UsageError(str(error)) from error
    except (sqlite3.DatabaseError, OSError, SurroundingsError) as error:
        raise SurroundingsError(
            f"{error}; {kept}, start the same command again when that is mended"
        ) from error
    except KeyboardInterrupt:
        print(f"\nStopped; {kept}. Go on with:\n  {this_command()}", file=sys.stderr)
        raise


if __name__ == "__main__":
    command_line.run(main)
