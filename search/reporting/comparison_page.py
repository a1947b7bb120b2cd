"""The page of a comparison, from its findings."""

import html
import math

from search.comparison.comparison import Findings
from search.comparison.runs import VARIANTS
from search.comparison.statistics import SIGNIFICANCE
from search.comparison.tables import (
    p_value,
    summary_header,
    summary_rows,
    trials_text,
    verdict_header,
    verdict_rows,
)
from search.quantities import counted
from search.reporting import comparison_plots as plots
from search.reporting.page import command, figure, page, paragraph, section, table


def comparison_page(findings: Findings) -> str:
    """The whole document."""
    sections = [
        _headline(findings),
        _curves(findings),
        _figures(findings),
        *(_verdicts(findings, baseline) for baseline in findings.baselines),
        _how(findings),
    ]
    return page("MnasNet: search algorithms compared", sections)


def _headline(findings: Findings) -> str:
    best = findings.summaries[0]
    runs = len(best.runs)
    lead = (
        f"{counted(len(findings.summaries), 'algorithm')}, {counted(runs, 'run')} each of "
        f"{counted(findings.trials, 'network')} in batches of {findings.batch_size}. "
        f"Space {findings.space}."
    )
    if findings.noise_points:
        lead += (
            f" The accuracy that they saw had an error of {findings.noise_points:g} points "
            "(standard deviation); what is compared is the reward without it."
        )
    shown = [
        (best.variant, f"ahead after {findings.trials:,} networks"),
        (f"{best.best[:, -1].mean():.4f}", f"its best reward, mean of {counted(runs, 'run')}"),
    ]
    if findings.optimum:
        found = best.at_optimum(findings.optimum.reward)
        shown += [(f"{findings.optimum.reward:.4f}", "the optimum, proven")]
        shown += [(f"{found} of {runs}", "of its runs found it")]
    measures = "".join(
        f"<div><b>{html.escape(value)}</b><span>{html.escape(name)}</span></div>"
        for value, name in shown
    )
    sentences = "".join(paragraph(sentence(findings, baseline)) for baseline in findings.baselines)
    return (
        f"<h1>Search algorithms compared</h1>{paragraph(lead, 'lead')}"
        f'<div class="card"><div class="measures">{measures}</div>{sentences}'
        f"{paragraph(findings.optimum_note, 'note')}{_notes(findings)}</div>"
    )


def sentence(findings: Findings, baseline: str) -> str:
    """How the algorithms stand to a baseline after the last trial, in words."""
    told = {"better": [], "worse": [], "no difference shown": []}
    for verdict in findings.verdicts[baseline]:
        if verdict.trials == findings.trials:
            told[verdict.word].append(f"{verdict.variant} (p = {p_value(verdict.p_holm)})")
    parts = [f"{word} {', '.join(names)}" for word, names in told.items() if names]
    after = f"After {findings.trials:,} networks, against {baseline}"
    return f"{after}: {'; '.join(parts)}. {power(findings, baseline)}".strip()


def power(findings: Findings, baseline: str) -> str:
    """A warning where so few runs cannot show a difference, however large; else nothing."""
    runs = len(findings.summaries[0].runs)
    comparisons = len(findings.verdicts[baseline])
    # Of all ways to deal 2 n ranks to two groups, the two in which one group has all the best.
    least = min(1.0, 2 / math.comb(2 * runs, runs) * comparisons)
    if least < SIGNIFICANCE:
        return ""
    return (
        f"With {runs} runs of each algorithm no difference can be shown: were one ahead in all "
        f"pairs, p (Holm) would be {p_value(least)}. More --seeds are added to what is here."
    )


def _notes(findings: Findings) -> str:
    return "".join(paragraph(note, "note") for note in findings.notes)


def _curves(findings: Findings) -> str:
    optimum = findings.optimum.reward if findings.optimum else None
    told = (
        "Lines are medians over runs, bands hold the middle 80 % of them (10th to 90th percentile)."
    )
    ends = "Each dot is a run, each bar the mean of an algorithm's runs."
    if optimum:
        ends += " The dotted line is the optimum."
    return section(
        "Best reward over networks evaluated",
        figure(plots.curves(findings.summaries, optimum), told),
        figure(plots.ends(findings.summaries, optimum), ends),
    )


def _figures(findings: Findings) -> str:
    header, rows = summary_header(findings), summary_rows(findings)
    told = (
        "Best reward after so many networks, mean over runs; repeats of a network count. sd: "
        f"standard deviation over runs after {findings.trials:,}. "
    )
    if findings.noise_points:
        told += (
            "chosen: the reward without noise of the network that the noisy rewards call the best, "
            "which is what a user would have picked; the other columns are the best network seen. "
        )
    told += (
        "different: share of the networks that are no repeats. CPU-s: CPU-seconds per 1,000 "
        "networks, their evaluation included."
    )
    if "random" in findings.baselines:
        random = next(s for s in findings.summaries if s.variant == "random")
        mark = float(random.best[:, -1].mean())
        header.append("as good as random")
        for row, summary in zip(rows, findings.summaries, strict=True):
            row.append("" if summary is random else trials_text(summary.trials_to(mark)))
        told += (
            " as good as random: after how many networks the median run has the reward that random "
            f"search has after {findings.trials:,} in the mean, {mark:.4f}."
        )
    kinds = "t" + "n" * (len(header) - 1)
    return section("Figures", table(header, rows, kinds), paragraph(told, "caption"))


def _verdicts(findings: Findings, baseline: str) -> str:
    found = findings.verdicts[baseline]
    text = (
        f"Best rewards of the runs of an algorithm against those of {baseline} after the same "
        "number of networks. difference: of the means. ahead in: share of pairs of runs in which "
        "the algorithm's is ahead, equal ones counting half (Vargha and Delaney's A). p: "
        "Mann-Whitney U test, two-sided. p (Holm): corrected for the "
        f"{counted(len(found), 'comparison')} of this table; better and worse are said below "
        f"{SIGNIFICANCE}."
    )
    rows, before = verdict_rows(found), None
    for row in rows:
        row[0], before = "" if row[0] == before else row[0], row[0]
    return section(
        f"Against {baseline}",
        table(verdict_header(), rows, "tnnnnnt", "narrow"),
        paragraph(text, "caption"),
    )


def _how(findings: Findings) -> str:
    rows = [(summary.variant, VARIANTS[summary.variant]) for summary in findings.summaries]
    reward = findings.reward
    text = (
        f"Reward: {reward.form} form, target {reward.target_latency_ms:g} ms, alpha "
        f"{reward.alpha:g}, beta {reward.beta:g}. The runs are kept in runs/, their curves in "
        "comparison.csv."
    )
    return section(
        "How it was made",
        table((), rows, "tt", "narrow"),
        paragraph(text),
        command(findings.command),
    )
