"""Searches a mobile network: python -m search.main --flagfile=flags/quickstart.flags --workdir=DIR

Samples networks with a recurrent controller, trains each for a short while, times it, and moves the
controller towards accuracy x (latency / target)^w by PPO. Everything is kept in --workdir. Stop it
with Ctrl-C, or kill it: the same command goes on where it was.
"""

import contextlib
import dataclasses
import functools
import math
import platform
import shlex
import signal
import sqlite3
import sys
from collections.abc import Callable, Iterator
from importlib import metadata

from absl import flags

from mnasnet import block_args
from mnasnet.architectures import Architecture
from mnasnet.datasets import load_dataset
from mnasnet.image_dataset import DataError
from mnasnet.stats import count
from search import search_flags
from search.accuracy import ProxyAccuracy
from search.evaluators import Evaluator, Infeasible, Network
from search.latency import make_latency
from search.loop import SearchResult, run_search, search_settings
from search.progress import Progress
from search.quantities import magnitude, milliseconds, percent
from search.recorder import Recorder
from search.report import write_report
from search.tables import write_atomically
from search.tensorboard import Scalars
from search.trials import Measured
from search.winner import export_best
from search.workdir import SettingsMismatch, Workdir, check_settings
from tflite_bench import command_line
from tflite_bench.command_line import SurroundingsError, UsageError, usage_errors
from tflite_bench.host import cpu_model

_PACKAGES = ("tensorflow", "tf-keras", "ai-edge-litert", "numpy")


class Setup:
    """The parts of the search that the flags describe.

    Raises:
      ValueError: for a flag whose value is unknown or out of range, or data that cannot be read.
    """

    def __init__(self):
        self.config = search_flags.search_config()
        self.proxy = search_flags.proxy_config()
        self.latency = search_flags.latency_config()
        self.space, self.reference = search_flags.space_and_reference()
        self.landmarks = search_flags.landmarks()
        self.dataset = load_dataset(
            search_flags.DATASET.value,
            data_dir=search_flags.DATA_DIR.value,
            image_size=self.proxy.image_size,
            validation_images=search_flags.VALIDATION_IMAGES.value,
        )
        self.accuracy, self.clock, self.count = self._evaluators(self._candidate)

    def measure_landmark(self, architecture: Architecture) -> Measured:
        """A published network by the same training and clock as the candidates."""
        accuracy, clock, count_of = self._evaluators(lambda network: architecture)
        evaluator = Evaluator(accuracy, clock, self.config.reward, count=count_of)
        return evaluator.measure(block_args.encode(architecture.blocks))

    def _candidate(self, network: Network) -> Architecture:
        """A sampled network's blocks between the reference's stem and head."""
        blocks = block_args.decode(network)
        return dataclasses.replace(self.reference, name="candidate", blocks=blocks)

    def _evaluators(self, architecture_of: Callable[[Network], Architecture]):
        size, num_classes = self.latency.image_size, self.dataset.num_classes

        @functools.lru_cache(maxsize=64)  # the estimate and the record ask for the same network
        def count_of(network):
            return count(architecture_of(network), image_size=size, num_classes=num_classes)

        accuracy = ProxyAccuracy(self.dataset, self.proxy, architecture_of)
        clock = make_latency(self.latency, architecture_of, count_of, num_classes)
        return accuracy, clock, count_of

    def about(self) -> dict:
        """What a reader of the report wants to know about the run."""
        space, config = self.space, self.config
        architecture = dataclasses.asdict(self.reference)
        del architecture["blocks"]
        return {
            "max_trials": config.max_trials,
            "batch_size": config.batch_size,
            "reward": dataclasses.asdict(config.reward),
            "space": {
                "name": space.name,
                "size": space.size,
                "per_layer_size": space.per_layer_size,
            },
            "decisions": [[d.name, list(d.choices)] for d in space.decisions],
            "architecture": {**architecture, "name": f"{space.name} candidate"},
            "dataset": self.dataset.description,
            "notes": [
                f"Accuracy: {self.accuracy.description}.",
                f"Latency: {self.clock.description}.",
            ],
            "device": cpu_model(),
            "versions": {"python": platform.python_version()}
            | {package: metadata.version(package) for package in _PACKAGES},
            "command": _command(),
            "flags": _flags_given(),
        }


def main() -> None:
    """Runs or goes on with the search in --workdir."""
    # SIGTERM stops as cleanly as Ctrl-C, and that works also where a shell that starts us in the
    # background has switched it off.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    with usage_errors():
        if not search_flags.WORKDIR.value:
            raise ValueError("--workdir is missing: name a folder for the search, --workdir=DIR")
        setup = Setup()
        workdir = Workdir(search_flags.WORKDIR.value)
    with workdir, _failures_told(workdir):
        check_settings(
            workdir.store,
            search_settings(setup.space, setup.accuracy, setup.clock, setup.config),
        )
        done = len(workdir.store.trials())
        _print_head(setup)
        result = _search(setup, workdir)
        _finish(setup, workdir, result)
        if done >= setup.config.max_trials:
            print(f"Nothing was left to do: all {done} trials were there. --max_trials raises it.")


def _search(setup: Setup, workdir: Workdir) -> SearchResult:
    about = setup.about()
    workdir.store.save_settings(about)
    write_atomically(workdir.path / "flags.txt", about["flags"])
    recorder = Recorder(workdir, about)
    scalars = Scalars(workdir.path / "tensorboard")
    progress = Progress(
        setup.config.max_trials,
        workdir.store.trials(),
        max_entropy=math.log(setup.space.size),
    )
    with progress:
        for architecture in setup.landmarks:
            if architecture.name not in workdir.store.landmarks():
                progress.now(f"measuring {architecture.name}, to compare with")
                workdir.store.add_landmark(architecture.name, setup.measure_landmark(architecture))
        try:
            return run_search(
                setup.space,
                setup.accuracy,
                setup.clock,
                setup.config,
                workdir=workdir,
                count=setup.count,
                observers=(recorder, scalars, progress),
            )
        finally:
            recorder.write()


def _finish(setup: Setup, workdir: Workdir, result: SearchResult) -> None:
    """Report, the best network as a file, and what to do with it."""
    report = write_report(workdir.path, workdir.store)
    if result.best is None:
        reason = result.trials[-1].measured.reason
        print(f"None of the {len(result.trials)} networks was feasible; the last one: {reason}")
    else:
        exported = _exported(setup, workdir, result)
        best = result.best.measured
        print(
            f"\nBest of {len(result.trials)} trials is trial {result.best.trial}: reward "
            f"{best.reward:.4f}, accuracy {percent(best.accuracy)}, "
            f"latency {milliseconds(best.latency_ms)}"
        )
        print("\n".join(f"  {string}" for string in best.network))
        print(f"  as TFLite  {exported}")
    print(f"  report     {report}")
    if result.best is not None:
        command = shlex.join(["python", "-m", "mnasnet.train", f"--from_search={workdir.path}"])
        print(f"  retrain    {command} --rank=1   (full training is not in this version yet)")


def _exported(setup: Setup, workdir: Workdir, result: SearchResult) -> str:
    """Writes best.tflite; its path, or why there is none."""
    try:
        return str(export_best(workdir, result.best, setup.accuracy, setup.latency))
    except Infeasible as reason:
        return f"not written: {reason}"


def _print_head(setup: Setup) -> None:
    space = setup.space
    print(
        f"Space     {space.name}: {magnitude(space.size)} networks, "
        f"{len(space.decisions)} decisions",
        end="",
    )
    if space.per_layer_size:
        print(f" (were each layer to choose for itself: {magnitude(space.per_layer_size)})", end="")
    print(f"\nData      {setup.dataset.description}")
    print(f"Accuracy  {setup.accuracy.description}")
    print(f"Latency   {setup.clock.description}")
    reward = setup.config.reward
    print(
        f"Reward    {reward.form}, target {reward.target_latency_ms:g} ms, "
        f"alpha {reward.alpha:g}, beta {reward.beta:g}\n"
    )


def _flags_given() -> str:
    """The flags that differ from their defaults, as a flagfile."""
    given = [flag for flag in map(flags.FLAGS.__getitem__, flags.FLAGS) if flag.present]
    return "".join(f"{flag.serialize()}\n" for flag in given if flag.name != "flagfile")


@contextlib.contextmanager
def _failures_told(workdir: Workdir) -> Iterator[None]:
    """One line for what the user or the surroundings did; trials that are committed stay."""
    kept = f"the trials so far are kept in {workdir.path}"
    try:
        yield
    except (DataError, SettingsMismatch) as error:
        raise UsageError(str(error)) from error
    except (sqlite3.DatabaseError, OSError) as error:
        raise SurroundingsError(
            f"{error}; {kept}, start the same command again when that is mended"
        ) from error
    except KeyboardInterrupt:
        print(f"\nStopped; {kept}. Go on with:\n  {_command()}", file=sys.stderr)
        raise


def _command() -> str:
    return shlex.join([sys.executable, "-m", "search.main", *sys.argv[1:]])


if __name__ == "__main__":
    command_line.run(main)
