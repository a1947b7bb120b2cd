"""The page of a study: its question, what came out, and two pictures."""

import dataclasses
from functools import cached_property

import numpy as np

from search.front import ReferencePoint, pareto_positions
from search.loop import SearchConfig
from search.quantities import counted, milliseconds, percent
from search.reporting import study_plots
from search.reporting.page import figure, page, paragraph, section, table
from search.sweeping.study import Run

QUESTIONS = {
    "rewards": "Soft or hard: what does the form of the reward make a search look at? (MnasNet, "
    "figure 6)",
    "targets": "Several targets: does one search for each give networks all along the front? "
    "(MnasNet, figure 5)",
    "spaces": "One choice for all blocks, or one for each: what does it give? (MnasNet, table 5)",
    "exponents": "Is a fixed exponent enough to find the Pareto front?",
}


@dataclasses.dataclass(frozen=True)
class Summary:
    """A variant over its seeds.

    Attributes:
      name: of the variant.
      share: mean of its hypervolume as a share of the long front's.
      deviation: standard deviation of that over seeds.
      behind: mean of how far the best networks by its own rewards lie below the long front, in
        points of top-1.
      landed_ms: median over seeds of the latency of the best network of each of its searches.
      middle_half_ms: quartiles of the latencies of all trials.
      networks: different ones, mean over seeds.
      cpu_seconds: mean over seeds.
    """

    name: str
    share: float
    deviation: float
    behind: float
    landed_ms: tuple[float, ...]
    middle_half_ms: tuple[float, float]
    networks: float
    cpu_seconds: float


@dataclasses.dataclass(frozen=True)
class Study:
    """A study that was run.

    Attributes:
      name: a key of `search.sweeping.study.STUDIES`.
      runs: of all variants and seeds.
      front: the run that they are measured against.
      reference: of hypervolumes.
      config: budget, batches and algorithm of each run, and the target.
      notes: what accuracy and latency are.
    """

    name: str
    runs: list[Run]
    front: Run
    reference: ReferencePoint
    config: SearchConfig
    notes: list[str]

    @cached_property
    def by_variant(self) -> dict[str, list[Run]]:
        """The runs of each variant, in order."""
        grouped: dict[str, list[Run]] = {}
        for run in self.runs:
            grouped.setdefault(run.variant.name, []).append(run)
        return grouped

    @cached_property
    def summaries(self) -> list[Summary]:
        """A row per variant."""
        whole = self.front.hypervolume(self.reference)
        accuracy, latency_ms = self.front.points
        front = pareto_positions(accuracy, latency_ms)
        accuracy, latency_ms = accuracy[front], latency_ms[front]
        rows = []
        for name, runs in self.by_variant.items():
            shares = [run.hypervolume(self.reference) / whole for run in runs]
            landed = [trial.measured for run in runs for trial in run.landed]
            places = np.searchsorted(latency_ms, [m.latency_ms for m in landed], side="right") - 1
            behind = accuracy[np.maximum(places, 0)] - [m.accuracy for m in landed]
            sampled = np.concatenate([run.points[1] for run in runs])
            rows.append(
                Summary(
                    name=name,
                    share=float(np.mean(shares)),
                    deviation=float(np.std(shares, ddof=1)) if len(shares) > 1 else 0.0,
                    behind=100 * float(np.mean(behind)),
                    landed_ms=tuple(
                        float(np.median([run.landed[i].measured.latency_ms for run in runs]))
                        for i in range(min(len(run.landed) for run in runs))
                    ),
                    middle_half_ms=tuple(np.quantile(sampled, [0.25, 0.75]).tolist()),
                    networks=float(np.mean([len({t.network for t in r.trials}) for r in runs])),
                    cpu_seconds=float(np.mean([run.cpu_seconds for run in runs])),
                )
            )
        return rows


def study_page(study: Study) -> str:
    """The page as HTML."""
    config, seeds = study.config, len(next(iter(study.by_variant.values())))
    lead = (
        f"{counted(config.max_trials, 'network')} in all for each variant and seed, "
        f"{counted(seeds, 'seed')}, algorithm {config.algorithm}, batches of {config.batch_size}, "
        f"target {config.reward.target_latency_ms:g} ms."
    )
    front_text = (
        f"Hypervolume is measured from {percent(study.reference.accuracy)} and "
        f"{milliseconds(study.reference.latency_ms)}, as a share of that of the "
        f"{study.front.variant.name} that a sweep by evolution found with another seed."
    )
    notes = "".join(paragraph(note, "note") for note in study.notes)
    header = (
        "variant",
        "hypervolume",
        "± over seeds",
        "its best below the front",
        "its best at",
        "half of the trials at",
        "networks",
        "CPU-s",
    )
    rows = [
        (
            row.name,
            f"{100 * row.share:.1f} %",
            f"{100 * row.deviation:.1f}",
            f"{row.behind:.2f} points",
            ", ".join(f"{ms:.3g}" for ms in row.landed_ms) + " ms",
            "{:.3g} to {:.3g} ms".format(*row.middle_half_ms),
            f"{row.networks:,.0f}",
            f"{row.cpu_seconds:.1f}",
        )
        for row in study.summaries
    ]
    card = (
        f"<h1>Study: {study.name}</h1>{paragraph(QUESTIONS[study.name], 'lead')}"
        f'<div class="card">{paragraph(lead)}{paragraph(front_text)}{notes}</div>'
    )
    shown = [runs[0] for runs in study.by_variant.values()]
    fronts = figure(
        study_plots.fronts(shown, study.front, study.config.reward.target_latency_ms),
        f"Fronts of seed {shown[0].seed}; a star is the best by the reward of its search. The grey "
        f"line is the {study.front.variant.name}.",
    )
    sampled = figure(
        study_plots.sampled(study.by_variant, study.config.reward.target_latency_ms),
        "Where the searches look: the latencies of all trials of all seeds. Dashed: the target.",
    )
    return page(
        f"MnasNet study: {study.name}",
        (
            card,
            section("What came out", table(header, rows, "tnnntnnn")),
            section("The fronts", fronts),
            section("What was sampled", sampled),
        ),
    )
