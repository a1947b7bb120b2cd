"""The sections of sweep.html."""

import html
import shlex

from search.quantities import amount, counted, milliseconds, percent
from search.reporting import sweep_plots
from search.reporting.clock import latency_label
from search.reporting.headline import notes
from search.reporting.page import command, figure, network, paragraph, section, table
from search.reporting.sweep_findings import SweepFindings
from search.trials import Measured, Trial

_SHOWN_AT_ONCE = 12


def headline(findings: SweepFindings) -> str:
    """How good the front is, and how to go on with a network of it."""
    whole, front = findings.whole, findings.front
    done, of = len(whole.trials), whole.max_trials
    state = (
        f"{counted(done, 'trial')}, finished" if done >= of else f"{done:,} of {of:,} trials so far"
    )
    what = "a target latency" if findings.targets_ms else "an exponent of the reward"
    lead = (
        f"{whole.workdir.resolve().name}: {len(findings.names)} searches, each with {what} of its "
        f"own, {state}."
    )
    if whole.settings.get("dataset"):
        lead += f" Data: {whole.settings['dataset']}."
    head = f"<h1>MnasNet sweep</h1>{paragraph(lead, 'lead')}"
    if not front:
        text = "No network has been measured yet."
        if done:
            text = f"Of {counted(done, 'trial')} none is feasible."
        return f'{head}<div class="card">{paragraph(text)}</div>'
    fastest, slowest = front[0].measured, front[-1].measured
    shown = [
        (f"{findings.hypervolume:.2f}", "hypervolume, ms × top-1"),
        (str(len(front)), "networks on the front"),
        (f"{percent(fastest.accuracy)}", f"the fastest, {milliseconds(fastest.latency_ms)}"),
        (f"{percent(slowest.accuracy)}", f"the most accurate, {milliseconds(slowest.latency_ms)}"),
        (f"{len(findings.networks):,}", "different networks"),
    ]
    measures = "".join(f"<div><b>{value}</b><span>{name}</span></div>" for value, name in shown)
    reference = findings.reference
    origin = "" if whole.settings.get("reference") else ", the worst that was measured"
    text = (
        "Hypervolume is the area that the front dominates, up to "
        f"{milliseconds(reference.latency_ms)} and down to {percent(reference.accuracy)}{origin}. "
        "The larger, the better; it compares sweeps that have this corner in common."
    )
    retrain = ""
    if whole.settings.get("architecture"):
        retrain = paragraph(
            "Train a network of the front in full; the rank is its row below", "caption"
        ) + command(
            f"python -m mnasnet.train --from_search={shlex.quote(str(whole.workdir))} "
            f"--rank={len(front) // 2 + 1} --data_dir=IMAGENET --model_dir=DIR"
        )
    return (
        f'{head}<div class="card"><div class="measures">{measures}</div>{paragraph(text)}'
        f"{retrain}{notes(whole)}</div>"
    )


def trade_off(findings: SweepFindings) -> str:
    """The union front, by search."""
    if not findings.front:
        return ""
    picture = sweep_plots.union_front(
        findings.networks,
        findings.front,
        [findings.turns.search(trial.trial) for trial in findings.networks],
        findings.names,
        [contribution.best for contribution in findings.contributions],
        findings.whole.landmarks,
        accuracy_name=findings.whole.accuracy_name,
        latency_name=latency_label(findings.whole),
    )
    caption = (
        "Each point is a network, in the colour of the search that was first to propose it. The "
        "line is the front of all searches together; rest the pointer on a mark to read its "
        "blocks. A star is what a search found best by its own reward."
    )
    return section("The union front", figure(picture, caption))


def front_networks(findings: SweepFindings) -> str:
    """The table of the front's networks."""
    if not findings.front:
        return ""
    rows = [_front_row(rank, trial, findings) for rank, trial in enumerate(findings.front, start=1)]
    spread = _spread(len(rows), _SHOWN_AT_ONCE)
    text = (
        "Ordered by latency. All are in top.json under these ranks, and in pareto.csv; the trials "
        "of all searches are in trials.csv."
    )
    header = ("rank", "top-1", "latency", "params", "MAdds", "found by", "trial", "network")
    if len(spread) < len(rows):
        text = f"{len(spread)} of the front's {len(rows)}, evenly along it. {text}"
    parts = [table(header, [rows[i] for i in spread], "nnnnnhnh")]
    if len(spread) < len(rows):
        parts.append(
            f"<details><summary>All {len(rows)} networks of the front</summary>"
            f"{table(header, rows, 'nnnnnhnh')}</details>"
        )
    return section("Networks of the front", *parts, paragraph(text, "caption"))


def contributions(findings: SweepFindings) -> str:
    """What each search gave."""
    if not findings.front:
        return ""
    colours = sweep_plots.search_colours(len(findings.names))
    total = findings.hypervolume or 1.0
    rows = []
    targets_ms = findings.targets_ms or [None] * len(findings.names)
    for colour, of_search, target_ms in zip(
        colours, findings.contributions, targets_ms, strict=True
    ):
        best = of_search.best.measured if of_search.best else None
        rows.append(
            (
                f'<span style="color:{colour}">●</span> '
                f'<a class="string" href="{html.escape(of_search.name)}/report.html">'
                f"{html.escape(of_search.name)}</a>",
                f"{of_search.trials:,}",
                percent(best.accuracy) if best else "-",
                milliseconds(best.latency_ms) if best else "-",
                *([_share_of(target_ms, best)] if target_ms else []),
                of_search.on_front,
                f"{100 * of_search.hypervolume / total:.1f} %",
                f"{100 * of_search.lost_without / total:.2f} %",
            )
        )
    header = (
        "search",
        "trials",
        "its best: top-1",
        "latency",
        *(["of its target"] if findings.targets_ms else []),
        "on the front",
        "hypervolume alone",
        "lost without it",
    )
    text = (
        "On the front: networks of the union front that it was first to propose. Hypervolume "
        "alone: of its own networks, as a share of the union's. Lost without it: what the union "
        "would lack without the networks that it alone proposed."
    )
    return section(
        "What each search contributed",
        table(header, rows, "h" + "n" * (len(header) - 1), "narrow"),
        paragraph(text, "caption"),
    )


def _share_of(target_ms: float, best: Measured | None) -> str:
    return f"{100 * best.latency_ms / target_ms:.0f} % of {target_ms:g} ms" if best else "-"


def growth(findings: SweepFindings) -> str:
    """Hypervolume over trials."""
    if not findings.front:
        return ""
    trials, volumes = findings.course
    caption = (
        f"Half of the trials gave {100 * _at(trials, volumes, trials[-1] / 2):.1f} % of the "
        f"hypervolume at the end, a quarter {100 * _at(trials, volumes, trials[-1] / 4):.1f} %."
    )
    picture = sweep_plots.growth(trials, volumes, findings.reference)
    return section("How the front grew", figure(picture, caption))


def _at(trials, volumes, number: float) -> float:
    """The share of the last hypervolume that the last point within so many trials had."""
    within = [volume for n, volume in zip(trials, volumes, strict=True) if n <= number]
    return (within[-1] if within else 0.0) / (volumes[-1] or 1.0)


def _spread(count: int, most: int) -> list[int]:
    """At most so many of `count` positions, evenly, both ends among them."""
    if count <= most:
        return list(range(count))
    return [round(i * (count - 1) / (most - 1)) for i in range(most)]


def _front_row(rank: int, trial: Trial, findings: SweepFindings) -> tuple:
    measured = trial.measured
    return (
        rank,
        percent(measured.accuracy),
        milliseconds(measured.latency_ms),
        amount(measured.params),
        amount(measured.multiply_adds),
        network([findings.found_by(trial)]),
        trial.trial,
        network(trial.network),
    )
