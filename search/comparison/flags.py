"""The flags of search.compare, and what they ask for."""

import dataclasses
import math
from pathlib import Path

from absl import flags

from search import search_flags
from search.comparison.runs import VARIANTS
from search.loop import SearchConfig
from search.parts import Parts

_DEFAULT = ("ppo", "paper_ppo", "reinforce", "evolution", "paper_evolution", "random")


def define() -> None:
    """Defines the flags. A function, since other commands have flags of the same names."""
    flags.DEFINE_list(
        "algorithms",
        list(_DEFAULT),
        "what to compare; those named paper_ have the published hyperparameters, the others those "
        "of the flags: " + "; ".join(f"{name}: {text}" for name, text in VARIANTS.items()),
    )
    flags.DEFINE_integer("seeds", 20, "runs of each algorithm, of seeds --seed and following")
    flags.DEFINE_float(
        "accuracy_noise",
        0.0,
        "standard deviation of a Gaussian error on the accuracy that the algorithms see, in points "
        "of top-1; the same for a network whenever a run meets it. Compared is the reward without",
    )
    flags.DEFINE_integer("num_processes", 1, "runs at a time")
    flags.DEFINE_string(
        "output", None, "folder of the comparison; runs that it holds are not redone"
    )


@dataclasses.dataclass(frozen=True)
class Plan:
    """What to compare.

    Attributes:
      parts: space and evaluators.
      variants: names, each once.
      seeds: of the runs.
      noise_points: standard deviation of the accuracy's error, in points of top-1.
      output: the folder.
    """

    parts: Parts
    variants: tuple[str, ...]
    seeds: tuple[int, ...]
    noise_points: float
    output: Path

    @property
    def config(self) -> SearchConfig:
        """Of all runs, but for algorithm, hyperparameters and seed."""
        return self.parts.config


def plan() -> Plan:
    """What the flags ask for.

    Raises:
      ValueError: for a flag whose value is unknown or out of range, or data that cannot be read.
    """
    values = flags.FLAGS
    if values["algorithm"].present:
        raise ValueError(
            f"--algorithm={values.algorithm} is of search.main, here --algorithms names them"
        )
    variants = tuple(dict.fromkeys(name.strip() for name in values.algorithms))
    if not variants:
        raise ValueError(f"--algorithms names none, known are {', '.join(VARIANTS)}")
    for name in variants:
        if name not in VARIANTS:
            raise ValueError(f"unknown algorithm {name!r}, known are {', '.join(VARIANTS)}")
    if values.seeds < 2:
        raise ValueError(f"--seeds is {values.seeds}, must be 2 or more: one run says nothing")
    if not 0 <= values.accuracy_noise < math.inf:
        raise ValueError(f"--accuracy_noise is {values.accuracy_noise}, must be 0 or more points")
    if values.num_processes < 1:
        raise ValueError(f"--num_processes is {values.num_processes}, must be 1 or more")
    if not values.output:
        raise ValueError("--output is missing: name a folder for the comparison, --output=DIR")
    parts = Parts(search_flags.parts_config())
    seeds = range(parts.config.seed, parts.config.seed + values.seeds)
    return Plan(parts, variants, tuple(seeds), values.accuracy_noise, Path(values.output))
