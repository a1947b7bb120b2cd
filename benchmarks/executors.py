"""Wall time per trial of two workers beside that of a search alone: python -m benchmarks.executors

The search of flags/quickstart.flags, with latency by estimate so that no clock is disturbed, one
processor thread each, inline and on each executor in turn, several times over. Trials are counted
from the first update on: the start of workers and of the controller is apart. It wants two idle
cores; the load beside is printed. All searches must find the same trials.
"""

import argparse
import contextlib
import functools
import json
import os
import statistics
import subprocess
import sys
import time

EXECUTORS = ("inline", "processes", "ray")
_COUNTED_FROM = 1  # updates


class _Pace:
    """An observer that times updates."""

    def __init__(self):
        self.updates = []

    def on_start(self, number, network):
        """See search.loop.Observer."""

    def on_trial(self, trial):
        """See search.loop.Observer."""

    def on_update(self, update, metrics):
        """See search.loop.Observer."""
        self.updates.append(time.monotonic())


def _run(executor: str, num_workers: int, max_trials: int) -> dict:
    """Runs a search in this process: seconds per trial, and what it found."""
    from absl import flags

    from search import search_flags
    from search.executors.config import ExecutorConfig
    from search.executors.open import open_executor
    from search.loop import run_search
    from search.parts import Parts, accuracy_of, latency_of

    config = ExecutorConfig(executor, num_workers=None if executor == "inline" else num_workers)
    os.environ.update(config.environment)
    flags.FLAGS(
        [
            "benchmark",
            "--flagfile=flags/quickstart.flags",
            "--latency=estimate:pixel1",
            f"--max_trials={max_trials}",
        ]
    )
    parts_config = search_flags.parts_config()
    pace = _Pace()
    with open_executor(config) as opened:
        parts = Parts(parts_config)
        workers = opened.workers(
            parts.accuracy,
            parts.clock,
            functools.partial(accuracy_of, parts_config),
            functools.partial(latency_of, parts_config),
        )
        result = run_search(
            parts.space,
            parts.accuracy,
            parts.clock,
            parts.config,
            count=parts.count,
            observers=[pace],
            measuring=workers.measuring,
        )
    counted = len(pace.updates) - _COUNTED_FROM
    seconds = pace.updates[-1] - pace.updates[_COUNTED_FROM - 1]
    return {
        "seconds": seconds / (counted * parts.config.batch_size),
        "trials": [[trial.tokens, trial.measured.accuracy] for trial in result.trials],
    }


def main() -> None:
    """Takes turns, and prints the medians with their ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--executors", default=",".join(EXECUTORS), help="the first is the basis")
    parser.add_argument("--num_workers", type=int, default=2)
    parser.add_argument("--max_trials", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        with contextlib.redirect_stdout(sys.stderr):
            found = _run(arguments.one, arguments.num_workers, arguments.max_trials)
        print(json.dumps(found))
        return
    executors = arguments.executors.split(",")
    seconds, trials = {executor: [] for executor in executors}, []
    for _ in range(arguments.rounds):
        for executor in executors:
            load = os.getloadavg()[0]
            finished = subprocess.run(
                [
                    *(sys.executable, "-m", "benchmarks.executors", f"--one={executor}"),
                    f"--num_workers={arguments.num_workers}",
                    f"--max_trials={arguments.max_trials}",
                ],
                stdout=subprocess.PIPE,
                check=True,
            )
            found = json.loads(finished.stdout)
            seconds[executor].append(found["seconds"])
            trials.append(found["trials"])
            print(f"{executor:10} {found['seconds']:.3f} s per trial, load before {load:.1f}")
    print(
        f"\nmedians of {arguments.rounds}, {arguments.num_workers} workers, "
        f"{len(os.sched_getaffinity(0))} cores"
    )
    basis = statistics.median(seconds[executors[0]])
    for executor in executors:
        median = statistics.median(seconds[executor])
        print(f"{executor:10} {median:.3f} s per trial, {median / basis:.2f} of {executors[0]}'s")
    same = all(found == trials[0] for found in trials)
    print("trials     the same in the same order" if same else "trials     DIFFER")
    sys.exit(not same)


if __name__ == "__main__":
    main()
