"""The findings of a comparison as text: for a terminal, and as CSV for other programs."""

import csv
import io
import math
from collections.abc import Iterable, Sequence

import numpy as np

from search.comparison.comparison import Findings
from search.comparison.statistics import Verdict, checkpoints_of

COLUMNS = ("algorithm", "seed", "trials", "best_reward", "chosen_reward", "distinct", "cpu_seconds")


def csv_of_runs(findings: Findings) -> str:
    """A line per run and number of trials, after each batch and checkpoint.

    `distinct` and `cpu_seconds` are of the whole run and stand in its last line.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    last = findings.trials
    counts = {*range(findings.batch_size, last + 1, findings.batch_size), *checkpoints_of(last)}
    for summary in findings.summaries:
        for run in summary.runs:
            best, chosen = run.best, run.chosen
            for count in sorted(counts):
                whole = (run.distinct, f"{run.cpu_seconds:.3f}") if count == last else ("", "")
                figures = (float(best[count - 1]), float(chosen[count - 1]))
                writer.writerow((run.variant, run.seed, count, *figures, *whole))
    return text.getvalue()


def summary_header(findings: Findings) -> list[str]:
    """Names of the columns of `summary_rows`."""
    header = ["algorithm", *(f"{count:,}" for count in checkpoints_of(findings.trials)), "sd"]
    if findings.noise_points:
        header.append("chosen")
    if findings.optimum:
        header.append("at optimum")
    return [*header, "different", "CPU-s/1,000"]


def summary_rows(findings: Findings) -> list[list[str]]:
    """A row per variant, the best first: mean best reward at each checkpoint, and so on."""
    rows = []
    for summary in findings.summaries:
        last = summary.best[:, -1]
        row = [summary.variant, *(f"{mean:.4f}" for mean in summary.best.mean(axis=0))]
        row.append(f"{last.std(ddof=1):.4f}")
        if findings.noise_points:
            row.append(f"{summary.chosen[:, -1].mean():.4f}")
        if findings.optimum:
            found = summary.at_optimum(findings.optimum.reward)
            row.append(f"{found} of {len(last)}")
        rows.append([*row, f"{100 * summary.distinct:.0f} %", f"{summary.cpu_seconds:.1f}"])
    return rows


def verdict_header() -> list[str]:
    """Names of the columns of `verdict_rows`."""
    return ["algorithm", "trials", "difference", "ahead in", "p", "p (Holm)", "verdict"]


def verdict_rows(verdicts: Iterable[Verdict]) -> list[list[str]]:
    """A row per verdict."""
    return [
        [
            verdict.variant,
            f"{verdict.trials:,}",
            f"{verdict.difference:+.4f}",
            f"{100 * verdict.superiority:.0f} %",
            p_value(verdict.p),
            p_value(verdict.p_holm),
            verdict.word,
        ]
        for verdict in verdicts
    ]


def p_value(p: float) -> str:
    """Two digits that count: '0.034', '7e-08'."""
    return f"{p:.1e}".replace("e-0", "e-") if p < 0.001 else f"{p:.2g}"


def trials_text(trials: float) -> str:
    """A number of trials, or that it was not reached."""
    return "not reached" if math.isinf(trials) else f"{trials:,.0f}"


def table_of_summaries(findings: Findings) -> str:
    """`summary_rows` for a terminal."""
    return aligned([summary_header(findings), *summary_rows(findings)])


def table_of_verdicts(findings: Findings, baseline: str) -> str:
    """`verdict_rows` against one baseline, for a terminal."""
    return aligned([verdict_header(), *verdict_rows(findings.verdicts[baseline])])


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Lines of columns, the first flush left, the others right."""
    widths = np.max([[len(cell) for cell in row] for row in rows], axis=0)
    lines = []
    for row in rows:
        others = (cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))
        lines.append("  ".join([row[0].ljust(widths[0]), *others]))
    return "\n".join(lines)
