"""What the driver of a search costs beside many workers, and how busy it keeps them.

  python -m benchmarks.scale

Runs the search of flags/surrogate.flags (its space, controller, batches, estimate, 8,000 trials, a
workdir on disk with all that `search.main` keeps there) on 10, 100 and 1,000 workers that sleep
instead of training. Prints CPU-seconds of the driver per trial, for each thousand of trials after
the first batch, whose functions TensorFlow traces; the most memory that it held after 1,000 trials
and at the end; the wall time. Beside it stands the same with random search: what is left is the
loop's.

Then --update=batch and --update=async with times that spread tenfold: which share of their time the
workers sleep, with random search, so that learning, which takes a share of training's time in real
life, takes none of sleeping's here. A batch has as many networks as there are workers.

Each figure is of a process of its own on one thread. Takes some six minutes; --quick takes one, and
shows that it runs.
"""

import argparse
import concurrent.futures
import dataclasses
import functools
import io
import logging
import multiprocessing
import os
import resource
import tempfile
import time
from pathlib import Path

from benchmarks.sleeping_executor import SleepingExecutor
from mnasnet.stats import count
from search.executors.dispatch import DispatchedMeasuring
from search.latency import LatencyConfig, make_latency
from search.loop import run_search
from search.progress import Progress
from search.recorder import Recorder
from search.reward import named_reward
from search.search_config import SearchConfig
from search.search_space import get_space
from search.tensorboard import Scalars
from search.workdir import Workdir

LIMIT_MS = 10
_IMAGE_SIZE, _NUM_CLASSES = 224, 1000
_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)
_QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3"}


@dataclasses.dataclass(frozen=True)
class Setting:
    """One search on sleeping workers.

    Attributes:
      workers: how many.
      trials: how many.
      algorithm: of the search.
      update: 'batch' or 'async'.
      batch_size: networks per update.
      unit: seconds; a training takes 1 to 10 of them.
    """

    workers: int
    trials: int
    algorithm: str = "ppo"
    update: str = "async"
    batch_size: int = 250
    unit: float = 0.0005


@dataclasses.dataclass(frozen=True)
class Cost:
    """What a search took.

    Attributes:
      cpu_ms: of the driver per trial, over the thousand trials (half of all, where there were less
        than two thousand) that follow each update but the last ones.
      start_seconds: CPU-seconds of the driver up to the first update, modules apart.
      memory_mb: most that was held up to the first thousand, up to the last update, and up to the
        end, where all trials are read once more, as the result.
      wall_seconds: from the first trial to the last.
      busy: share of the workers' time until the last network was handed in, and until the end.
    """

    cpu_ms: list[float]
    start_seconds: float
    memory_mb: tuple[float, float, float]
    wall_seconds: float
    busy: tuple[float, float]


class _Meter:
    """An observer that reads the clocks after each update."""

    def __init__(self, executor: SleepingExecutor):
        self._executor = executor
        self.readings: list[tuple[float, float]] = []  # CPU-seconds, MB

    def on_start(self, number, network) -> None:
        """See Observer."""

    def on_trial(self, trial) -> None:
        """See Observer."""

    def on_update(self, update: int, metrics: dict) -> None:
        """See Observer."""
        self.readings.append((self.cpu_seconds(), max_memory_mb()))

    def cpu_seconds(self) -> float:
        """Of this process, without the workers' thread."""
        return time.process_time() - self._executor.cpu_seconds


def measure(setting: Setting) -> Cost:
    """Searches, in this process."""
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    space = get_space("accel_nasbench")

    @functools.lru_cache(maxsize=4096)
    def count_of(network):
        architecture = space.architecture(network)
        return count(architecture, image_size=_IMAGE_SIZE, num_classes=_NUM_CLASSES)

    config = SearchConfig(
        reward=named_reward("soft", 60.0),
        max_trials=setting.trials,
        batch_size=setting.batch_size,
        algorithm=setting.algorithm,
        update=setting.update,
    )
    latency = make_latency(
        LatencyConfig(kind="estimate:pixel1", image_size=_IMAGE_SIZE),
        space.architecture,
        count_of,
        _NUM_CLASSES,
    )
    window = max(1, min(1000, setting.trials // 2) // setting.batch_size)
    with (
        tempfile.TemporaryDirectory() as folder,
        Workdir(folder) as workdir,
        SleepingExecutor(setting.workers, setting.unit) as executor,
    ):
        meter = _Meter(executor)
        progress = Progress(setting.trials, workload=executor.workload, stream=io.StringIO())
        recorder = Recorder(workdir, {}, executor.workload)
        started_cpu, started = meter.cpu_seconds(), time.monotonic()
        with progress:
            result = run_search(
                space,
                lambda network: 0.0,  # sleeping workers tell
                latency,
                config,
                workdir=workdir,
                count=count_of,
                observers=(recorder, Scalars(Path(folder) / "tensorboard"), progress, meter),
                measuring=functools.partial(DispatchedMeasuring, runner=executor),
            )
        recorder.write()
        wall = time.monotonic() - started
        if len(result.trials) != setting.trials:
            raise AssertionError(f"{len(result.trials)} trials, {setting.trials} were asked for")
        cpu, memory = zip(*meter.readings, strict=True)
        trials, ends = window * setting.batch_size, zip(cpu, cpu[window:], strict=False)
        return Cost(
            cpu_ms=[1000 * (b - a) / trials for a, b in ends],
            start_seconds=cpu[0] - started_cpu,
            memory_mb=(memory[window], memory[-1], max_memory_mb()),
            wall_seconds=wall,
            busy=(executor.busy_share(with_tail=False), executor.busy_share(with_tail=True)),
        )


def max_memory_mb() -> float:
    """The most that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _apart(setting: Setting) -> Cost:
    """`measure` in a fresh process."""
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as process:
        return process.submit(measure, setting).result()


def cost_row(setting: Setting, cost: Cost) -> str:
    """A line of the first table."""
    first, last, most = cost.cpu_ms[0], cost.cpu_ms[-1], max(cost.cpu_ms)
    figures = (
        f"{setting.workers:,}",
        setting.algorithm,
        f"{first:.2f}",
        f"{last:.2f}",
        f"{last / first:.2f}",
        f"{most:.2f}",
        f"{cost.start_seconds:.1f}",
        *(f"{megabytes:.0f}" for megabytes in cost.memory_mb),
        f"{cost.wall_seconds:.0f}",
    )
    return f"| {' | '.join(figures)} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=8000)
    parser.add_argument("--quick", action="store_true", help="few trials, few workers")
    args = parser.parse_args()
    os.environ.update(dict.fromkeys(_THREADS, "1") | _QUIET)
    trials, worker_counts = (750, (10,)) if args.quick else (args.trials, (10, 100, 1000))

    print(f"Driver, {trials:,} trials in batches of 250, --update=async; at most {LIMIT_MS} ms\n")
    print("| workers | algorithm | ms a trial, first thousand | last | ratio | most | start, s | "
          "MB after 1,000 | MB after all | with the result | wall s |")  # fmt: skip
    print("|--:|---" + "|--:" * 9 + "|", flush=True)
    for algorithm in ("ppo", "random"):
        for workers in worker_counts:
            # So short that the driver has always something to do.
            setting = Setting(workers, trials, algorithm, unit=0.0002 * workers)
            print(cost_row(setting, _apart(setting)), flush=True)

    print(
        "\nBusy share of the workers, times spread tenfold, batches of as many as there are workers"
    )
    print("(the same until the last network began: without the end, when there is no more to do)\n")
    print("| workers | trials | batch | async | batch, without end | async, without end |")
    print("|--:" * 6 + "|", flush=True)
    for workers in worker_counts:
        few = min(trials, max(40 * workers, 500))
        # At most some 200 trainings a second, so that they wait for each other, not for the driver.
        shares = {}
        for update in ("batch", "async"):
            setting = Setting(
                workers, few, "random", update, batch_size=workers, unit=max(workers / 800, 0.05)
            )
            shares[update] = _apart(setting).busy
        (batch, batch_all), (asynchronous, asynchronous_all) = shares["batch"], shares["async"]
        print(
            f"| {workers:,} | {few:,} | {batch_all:.0%} | {asynchronous_all:.0%} | {batch:.0%} | "
            f"{asynchronous:.0%} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
