"""Runs what a plan asks for, here or in several processes, and gathers the findings."""

import concurrent.futures
import dataclasses
import logging
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence

from absl import flags

from search.comparison import flags as compare_flags
from search.comparison.flags import Plan
from search.comparison.runs import Run, run, variant_settings
from search.comparison.statistics import Summary, Verdict, verdicts
from search.comparison.store import ComparisonStore
from search.loop import search_settings
from search.optimum.block_latency import block_latency
from search.optimum.branch_and_bound import Optimum, find_optimum
from search.parts import Parts
from search.quantities import magnitude, milliseconds, percent
from search.reward import RewardConfig
from search.surrogate.regression import has_tokens_of
from tflite_bench.command_line import this_command

# Everything is compared with random search, and with evolution, the usual strong alternative.
BASELINES = ("random", "evolution")


@dataclasses.dataclass(frozen=True)
class Findings:
    """All that the outputs of a comparison draw on.

    Attributes:
      summaries: of the variants, the best after the last trial first.
      verdicts: by baseline.
      trials: of each run.
      batch_size: networks per update.
      noise_points: standard deviation of the accuracy's error, in points of top-1.
      reward: how accuracy and latency became the reward.
      optimum: the best network of the space, None where that is not known.
      optimum_note: what is known of it, a sentence.
      space: what is searched, in a few words.
      notes: what the accuracy and the latency are.
      command: that made the comparison.
    """

    summaries: tuple[Summary, ...]
    verdicts: dict[str, list[Verdict]]
    trials: int
    batch_size: int
    noise_points: float
    reward: RewardConfig
    optimum: Optimum | None
    optimum_note: str
    space: str
    notes: tuple[str, ...]
    command: str

    @property
    def baselines(self) -> list[str]:
        """Those of BASELINES that took part beside others."""
        return [name for name in BASELINES if self.verdicts.get(name)]


class Comparison:
    """A comparison that is begun or gone on with.

    Args:
      plan: what to compare.

    Raises:
      ValueError: where the output folder holds something else.
      OSError: where it cannot be written.
    """

    def __init__(self, plan: Plan):
        self._plan = plan
        config = plan.config
        settings = search_settings(plan.parts.space, plan.parts.accuracy, plan.parts.clock, config)
        search = settings["search"]
        for of_a_variant in ("seed", "algorithm", "controller", "ppo", "evolution"):
            del search[of_a_variant]
        settings |= {"max_trials": config.max_trials, "accuracy_noise": plan.noise_points}
        hyperparameters = {name: variant_settings(name, config) for name in plan.variants}
        self._store = ComparisonStore(plan.output, settings, hyperparameters)

    def describe(self) -> str:
        """What there is to do, and what it costs where that is much."""
        plan, config = self._plan, self._plan.config
        missing = len(self._missing())
        runs = len(plan.variants) * len(plan.seeds)
        lines = [
            f"{len(plan.variants)} algorithms x {len(plan.seeds)} seeds x {config.max_trials:,} "
            f"networks, in batches of {config.batch_size}; {runs - missing} of {runs} runs done",
            f"Space     {_space(plan.parts)}",
            *plan.parts.notes,
        ]
        if missing and not self._cheap:
            lines.append(
                f"Note: this trains or times up to {missing * config.max_trials:,} networks, each "
                "run its own; --accuracy=surrogate with --latency=estimate:pixel1 takes minutes"
            )
        return "\n".join(lines)

    def run(self, argv: Sequence[str], num_processes: int, say: Callable[[str], None]) -> Findings:
        """Makes the runs that are missing.

        Args:
          argv: the command line, from which other processes make the same plan.
          num_processes: runs at a time.
          say: is told of each run that is done.
        """
        missing = self._missing()
        for number, done in enumerate(self._runs(missing, argv, num_processes), start=1):
            self._store.save(done)
            say(
                f"{number:4} of {len(missing)}  {done.variant} seed {done.seed}: "
                f"best reward {done.best[-1]:.4f}, {done.cpu_seconds:.1f} CPU-seconds"
            )
        return self._findings()

    @property
    def _cheap(self) -> bool:
        parts = self._plan.parts
        return not parts.trains and hasattr(parts.clock, "measure_all")

    def _missing(self) -> list[tuple[str, int]]:
        # Seed by seed, so that a comparison that is stopped has all variants to compare.
        everything = [(name, seed) for seed in self._plan.seeds for name in self._plan.variants]
        return [one for one in everything if self._store.load(*one) is None]

    def _runs(self, missing, argv, num_processes) -> Iterator[Run]:
        if min(num_processes, len(missing)) <= 1:
            for variant, seed in missing:
                yield _run(self._plan, variant, seed)
            return
        # Linear algebra on several threads in each of several processes is slower than on one: they
        # wait for each other, busily. The libraries read this when a worker loads them.
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        # Started anew rather than forked: TensorFlow does not live through a fork.
        with concurrent.futures.ProcessPoolExecutor(
            min(num_processes, len(missing)),
            multiprocessing.get_context("spawn"),
            _start_worker,
            (list(argv),),
        ) as pool:
            futures = [pool.submit(_run_in_worker, *one) for one in missing]
            try:
                for future in concurrent.futures.as_completed(futures):
                    yield future.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                for worker in multiprocessing.active_children():
                    worker.terminate()
                raise

    def _findings(self) -> Findings:
        plan = self._plan
        runs = {
            name: [self._store.load(name, seed) for seed in plan.seeds] for name in plan.variants
        }
        summaries = [Summary.of(of_variant) for of_variant in runs.values()]
        summaries.sort(key=lambda summary: -summary.best[:, -1].mean())
        optimum, note = known_optimum(plan.parts)
        return Findings(
            summaries=tuple(summaries),
            verdicts={name: verdicts(summaries, name) for name in BASELINES},
            trials=plan.config.max_trials,
            batch_size=plan.config.batch_size,
            noise_points=plan.noise_points,
            reward=plan.config.reward,
            optimum=optimum,
            optimum_note=note,
            space=_space(plan.parts),
            notes=tuple(plan.parts.notes),
            command=this_command(),
        )


def known_optimum(parts: Parts) -> tuple[Optimum | None, str]:
    """The best network of the space, and a sentence about it or why it is not known."""
    config = parts.config
    if parts.surrogate is None:
        return None, "The optimum is not known: accuracy is no sum of terms of pairs of choices."
    try:
        if not has_tokens_of(parts.space):
            raise ValueError("the decisions are not those of the surrogate")
        latency = block_latency(parts.space, parts.clock)
        found = find_optimum(parts.surrogate, latency, config.reward, config.max_latency_ms)
    except ValueError as reason:
        return None, f"The optimum is not known: {reason}."
    return found, (
        f"The optimum of the space has the reward {found.reward:.4f}: top-1 "
        f"{percent(found.accuracy)}, {milliseconds(found.latency_ms)}; proven by branch and bound "
        f"({found.nodes:,} nodes)."
    )


def _space(parts: Parts) -> str:
    space = parts.space
    return f"{space.name}: {magnitude(space.size)} networks, {len(space.decisions)} decisions"


def _run(plan: Plan, variant: str, seed: int) -> Run:
    parts = plan.parts
    return run(
        variant, seed, parts.space, parts.accuracy, parts.clock, plan.config, plan.noise_points
    )


_worker_plan: list[Plan] = []  # of a process that was started for runs


def _start_worker(argv: list[str]) -> None:
    # Ctrl-C reaches every process; the one that asked for the runs says so.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    compare_flags.define()
    flags.FLAGS(argv)
    _worker_plan.append(compare_flags.plan())


def _run_in_worker(variant: str, seed: int) -> Run:
    return _run(_worker_plan[0], variant, seed)
