"""The pictures of a comparison: curves with bands, and where each run ends; as SVG text."""

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from search.comparison.statistics import Summary
from search.reporting.plots import DOT_OPACITY, dot_area
from search.reporting.svg import BLUE, GREEN, INK, MUTED, ORANGE, STYLE, to_svg

_COLOURS = {"ppo": BLUE, "reinforce": GREEN, "evolution": ORANGE, "random": MUTED}
_FIRST_TRIAL = 10  # curves begin there: before it is chance
_POINTS = 400


def curves(summaries: Sequence[Summary], optimum: float | None) -> str:
    """Best reward so far over trials: the median run, and a band of 10 to 90 % of the runs.

    Args:
      summaries: of the variants, best first.
      optimum: the highest reward there is, None where that is not known.
    """
    trials = summaries[0].curves.shape[1]
    first = min(_FIRST_TRIAL, trials)
    counts = np.unique(np.geomspace(first, trials, _POINTS).astype(int))
    lowest = []
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9.6, 4.8))
        axes = figure.add_axes((0.085, 0.115, 0.895, 0.755))
        for depth, summary in enumerate(summaries):
            colour, dashes = _look(summary.variant)
            best = summary.curves[:, counts - 1]
            low, median, high = np.percentile(best, (10, 50, 90), axis=0)
            over = len(summaries) - depth
            axes.fill_between(counts, low, high, color=colour, alpha=0.13, linewidth=0, zorder=over)
            axes.plot(
                counts,
                median,
                color=colour,
                linestyle=dashes,
                linewidth=2.0,
                label=summary.variant,
                zorder=len(summaries) + over,
            )
            lowest.append(np.median(low[: max(len(low) // 8, 1)]))
        top = optimum or max(summary.best.max() for summary in summaries)
        margin = 0.05 * (top - min(lowest)) or 0.01
        axes.set_ylim(min(lowest) - margin, top + margin)
        if optimum:
            axes.axhline(optimum, color=INK, linewidth=1, linestyle=":")
            axes.annotate(
                f"optimum {optimum:.4f}",
                (first, optimum),
                (2, -3),
                textcoords="offset points",
                va="top",
                color=INK,
                fontsize=9.5,
            )
        _trial_axis(axes, first, trials)
        axes.set_ylabel("best reward so far")
        axes.legend(
            loc="lower left",
            bbox_to_anchor=(-0.01, 1.0),
            ncols=7,
            columnspacing=1.4,
            borderaxespad=0.2,
            fontsize=9.5,
            handlelength=2.6,
        )
        return to_svg(figure, "curves", "Best reward over trials, by algorithm")


def ends(summaries: Sequence[Summary], optimum: float | None) -> str:
    """Where each run ends: a dot per run, a bar at the mean of an algorithm's runs.

    Args:
      summaries: of the variants, best first.
      optimum: see `curves`.
    """
    rng = np.random.default_rng(0)  # spreads dots of equal reward over their row
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9.6, 0.9 + 0.42 * len(summaries)))
        height = figure.get_size_inches()[1]
        axes = figure.add_axes((0.135, 0.55 / height, 0.845, 1 - 0.7 / height))
        for row, summary in enumerate(summaries):
            colour, _ = _look(summary.variant)
            rewards = summary.best[:, -1]
            heights = row + rng.uniform(-0.22, 0.22, len(rewards))
            style = {"s": dot_area(len(rewards)), "alpha": DOT_OPACITY, "linewidths": 0}
            axes.scatter(rewards, heights, color=colour, zorder=3, **style)
            mean = rewards.mean()
            axes.plot([mean, mean], [row - 0.34, row + 0.34], color=INK, linewidth=1.6, zorder=4)
        if optimum:
            axes.axvline(optimum, color=INK, linewidth=1, linestyle=":")
        axes.set_ylim(len(summaries) - 0.5, -0.5)
        axes.set_yticks(range(len(summaries)), [summary.variant for summary in summaries])
        axes.tick_params(axis="y", length=0, labelsize=10.5)
        axes.grid(axis="y", visible=False)
        axes.xaxis.set_major_locator(MaxNLocator(8))
        axes.set_xlabel(f"best reward after {summaries[0].checkpoints[-1]:,} trials")
        return to_svg(figure, "ends", "Best reward of each run at its end, by algorithm")


def _look(variant: str) -> tuple[str, str | tuple]:
    """Colour by algorithm; the published hyperparameters are dashed."""
    colour = _COLOURS[variant.removeprefix("paper_")]
    return colour, (0, (4, 2)) if variant.startswith("paper_") else "-"


def _trial_axis(axes: Axes, first: int, trials: int) -> None:
    if trials >= 10 * first:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel("networks evaluated (logarithmic)")
    else:
        axes.xaxis.set_major_locator(MaxNLocator(10, integer=True))
        axes.set_xlabel("networks evaluated")
    axes.set_xlim(first, max(trials, first + 1))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda trial, _: f"{trial:,.0f}"))
