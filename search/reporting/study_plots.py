"""The pictures of a study: fronts of its variants, and the latencies that they sampled."""

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from search.front import pareto_positions
from search.reporting.pareto_plot import latency_axis
from search.reporting.svg import (
    BLUE,
    GREEN,
    INK,
    MUTED,
    OCHRE,
    ORANGE,
    PAPER,
    PURPLE,
    RED,
    STYLE,
    to_svg,
)
from search.sweeping.study import Run

_COLOURS = (BLUE, ORANGE, GREEN, RED, PURPLE, OCHRE)
_BINS = 70


def fronts(runs: Sequence[Run], long_run: Run, target_latency_ms: float) -> str:
    """The front of one run of each variant, over that of the long run.

    Args:
      runs: one of each variant, at most six.
      long_run: drawn in grey behind them.
      target_latency_ms: a dashed line.
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9.6, 5.6))
        axes = figure.add_axes((0.072, 0.1, 0.913, 0.76))
        x, y = _staircase(long_run)
        low, high = y.min(), y.max()
        latency_axis(axes, x, None)
        axes.plot(x, y, color=MUTED, alpha=0.45, linewidth=6, label=long_run.variant.name)
        for colour, run in zip(_COLOURS, runs, strict=False):
            axes.plot(*_staircase(run), color=colour, label=run.variant.name, zorder=4)
            for trial in run.landed:
                at = (trial.measured.latency_ms, 100 * trial.measured.accuracy)
                axes.plot(*at, "*", color=colour, markeredgecolor=PAPER, markersize=14, zorder=6)
        axes.axvline(target_latency_ms, color=INK, linewidth=1, linestyle=(0, (6, 3)))
        axes.set_ylim(low - 0.5, high + 1)
        axes.set_ylabel("accuracy, top-1, %")
        axes.legend(
            loc="lower left", bbox_to_anchor=(-0.01, 1.01), ncols=3, borderaxespad=0.2, fontsize=10
        )
        return to_svg(figure, "fronts", "Fronts of the variants")


def sampled(runs: dict[str, list[Run]], target_latency_ms: float) -> str:
    """Histograms of the latencies of all trials, a row per variant."""
    latencies = {name: np.concatenate([r.points[1] for r in of]) for name, of in runs.items()}
    everything = np.concatenate(list(latencies.values()))
    edges = np.geomspace(everything.min() / 1.01, everything.max() * 1.01, _BINS)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9.6, 0.7 + 0.85 * len(runs)))
        rows = figure.subplots(len(runs), 1, sharex=True, squeeze=False)[:, 0]
        bottom = 0.55 / figure.get_figheight()
        figure.subplots_adjust(0.26, bottom, 0.985, 0.985, hspace=0.12)
        for axes, colour, (name, values) in zip(rows, _COLOURS, latencies.items(), strict=False):
            axes.hist(values, edges, color=colour, alpha=0.85)
            latency_axis(axes, everything, None)
            axes.axvline(target_latency_ms, color=INK, linewidth=1, linestyle=(0, (6, 3)))
            axes.set_yticks([])
            axes.grid(False)
            axes.spines["left"].set_visible(False)
            if axes is not rows[-1]:
                axes.set_xlabel("")
                axes.tick_params(labelbottom=False)
            axes.text(
                -0.015, 0.35, name, transform=axes.transAxes, ha="right", va="center", color=colour
            )
        return to_svg(figure, "sampled", "Latencies of all trials of each variant")


def _staircase(run: Run) -> tuple[np.ndarray, np.ndarray]:
    """Corners (latency [M], accuracy in % [M]) of the line of a run's front."""
    accuracy, latency_ms = run.points
    front = pareto_positions(accuracy, latency_ms)
    return np.repeat(latency_ms[front], 2)[1:], np.repeat(100 * accuracy[front], 2)[:-1]
