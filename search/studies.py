"""The paper's studies on published data: python -m search.studies --study=rewards
--surrogate_data=Accel-NASBench --output=DIR

rewards: soft against hard (MnasNet, figure 6). targets: several targets (figure 5). spaces: one
choice for all blocks against one for each (table 5). exponents: is a fixed exponent enough for the
Pareto front? Each runs its variants with the same budget and seeds, and leaves STUDY.html, with a
picture, and STUDY.csv. Nothing is trained: see --accuracy and --latency.
"""

import csv
import dataclasses
import io

from absl import flags

from search import search_flags
from search.front import ReferencePoint
from search.parts import Parts
from search.reporting.study_page import Study, study_page
from search.sweeping import flags as sweep_flags
from search.sweeping.study import LONG_SWEEP, STUDIES, Run, long_front, longer_config, run
from search.sweeping.sweep import SweepConfig
from search.tables import write_atomically
from search.workdir import made_folder
from tflite_bench import command_line
from tflite_bench.command_line import check_writable, usage_errors, writes_to

# Below all of Accel-NASBench's accuracies that matter, and slower than its networks of interest.
_REFERENCE = ReferencePoint(accuracy=0.43, latency_ms=200.0)
_DEFAULTS = {
    "accuracy": "surrogate",
    "search_space": "accel_nasbench",
    "latency": "estimate:pixel1",
    "max_trials": 2000,
}
# What a study varies, so that a flag would be taken and not heeded.
_OF_THE_STUDY = ("sweep", "sweep_values", "reward", "alpha", "beta", "max_latency_ms")
_COLUMNS = (
    "variant",
    "seed",
    "trials",
    "networks",
    "hypervolume",
    "share_of_front",
    "landed_accuracy",
    "landed_latency_ms",
    "cpu_seconds",
)


def define() -> None:
    """Defines the flags. A function, since other commands have flags of the same names."""
    flags.DEFINE_enum("study", None, list(STUDIES), "which one")
    flags.DEFINE_integer("seeds", 5, "runs of each variant, of seeds --seed and following")
    flags.DEFINE_integer(
        "front_factor", 20, "the front to measure by is that of so many times --max_trials"
    )
    flags.DEFINE_string("output", None, "folder of the page and the table")
    for name, value in _DEFAULTS.items():
        flags.FLAGS.set_default(name, value)


def main() -> None:
    """Runs a study and writes its page and table."""
    with usage_errors():
        for name in ("study", "output"):
            if not flags.FLAGS[name].value:
                allowed = f", it is one of {', '.join(STUDIES)}" if name == "study" else ""
                raise ValueError(f"--{name} is missing{allowed}")
        for name in ("seeds", "front_factor"):
            if flags.FLAGS[name].value < 1:
                raise ValueError(f"--{name}={flags.FLAGS[name].value} must be 1 or more")
        for name in _OF_THE_STUDY:
            if flags.FLAGS[name].value is not None and flags.FLAGS[name].present:
                raise ValueError(
                    f"--{name}={flags.FLAGS[name].value} is of search.main, a study sets it itself"
                )
        if search_flags.ACCURACY.value != _DEFAULTS["accuracy"]:
            raise ValueError(
                f"--accuracy={search_flags.ACCURACY.value}: the studies are of published networks, "
                "--accuracy=surrogate"
            )
        parts = Parts(search_flags.parts_config())
        name, reference = flags.FLAGS.study, sweep_flags.reference_point() or _REFERENCE
        variants = STUDIES[name](parts.config.reward.target_latency_ms)
        if parts.space.name != _DEFAULTS["search_space"]:
            raise ValueError(
                f"--search_space={search_flags.search_space().name}: the studies are of the space "
                f"{_DEFAULTS['search_space']}"
            )
        for variant in variants:
            if variant.sweep:
                # Before anything is run: is the budget enough for it?
                SweepConfig(*variant.sweep, parts.config)
        SweepConfig(*LONG_SWEEP, longer_config(parts.config, flags.FLAGS.front_factor))
        with writes_to("output", flags.FLAGS.output):
            output = made_folder(flags.FLAGS.output, "output")
        check_writable("output", output, output)
    print("\n".join(parts.notes) + "\nA study that is stopped starts over.\n", flush=True)
    runs = []
    for seed in range(parts.config.seed, parts.config.seed + flags.FLAGS.seeds):
        for variant in variants:
            runs.append(run(variant, parts, dataclasses.replace(parts.config, seed=seed)))
            volume = runs[-1].hypervolume(reference)
            print(f"seed {seed}  {variant.name:36}  hypervolume {volume:.3f}", flush=True)
    front = long_front(parts, parts.config, flags.FLAGS.front_factor)
    print(f"{front.variant.name}  hypervolume {front.hypervolume(reference):.3f}", flush=True)
    study = Study(name, runs, front, reference, parts.config, parts.notes)
    page, table = output / f"{name}.html", output / f"{name}.csv"
    with writes_to("output", output):
        write_atomically(page, study_page(study))
        write_atomically(table, _csv(runs, front.hypervolume(reference), reference))
    print()
    for row in study.summaries:
        print(
            f"{row.name:36}  {row.share:.4f} +- {row.deviation:.4f} of the front's hypervolume  "
            f"{row.cpu_seconds:.1f} CPU-s a run"
        )
    print(f"  page   {page}\n  table  {table}")


def _csv(runs: list[Run], volume_of_front: float, reference: ReferencePoint) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for of_run in runs:
        volume = of_run.hypervolume(reference)
        writer.writerow(
            (
                of_run.variant.name,
                of_run.seed,
                len(of_run.trials),
                len({trial.network for trial in of_run.trials}),
                round(volume, 6),
                round(volume / volume_of_front, 6),
                " ".join(f"{t.measured.accuracy:.6f}" for t in of_run.landed),
                " ".join(f"{t.measured.latency_ms:.4f}" for t in of_run.landed),
                round(of_run.cpu_seconds, 2),
            )
        )
    return text.getvalue()


if __name__ == "__main__":
    # Not at import: other commands have flags of these names too.
    define()
    command_line.run(main)
