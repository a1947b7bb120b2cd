"""The pictures of a sweep: the union front by search, and how it grew."""

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from search.front import ReferencePoint
from search.reporting.pareto_plot import BESIDE, Labels, draw_front, latency_axis, staircase
from search.reporting.plots import (
    DOT_OPACITY,
    MOST_VECTOR_POINTS,
    dot_area,
    robust_range,
    tell_hidden,
)
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
from search.trials import COMPLETED, Measured, Trial

# From slow to fast; each stands out on white and on near-black.
_BY_SEARCH = LinearSegmentedColormap.from_list(
    "searches", [PURPLE, BLUE, GREEN, OCHRE, ORANGE, RED]
)


def search_colours(count: int) -> list[str]:
    """A colour for each search of a sweep, as '#rrggbb'."""
    shades = _BY_SEARCH(np.linspace(0, 1, count)) if count > 1 else [_BY_SEARCH(0.2)]
    return [matplotlib.colors.to_hex(shade) for shade in shades]


def union_front(
    networks: Sequence[Trial],
    front: Sequence[Trial],
    numbers: Sequence[int],
    names: Sequence[str],
    best: Sequence[Trial | None],
    landmarks: dict[str, Measured],
    accuracy_name: str = "top-1",
    latency_name: str = "latency",
) -> str:
    """Accuracy against latency of all networks, coloured by the search that found them first.

    Args:
      networks: feasible, at least one.
      front: of them, fastest first.
      numbers: [networks], the search of each.
      names: of the searches.
      best: of each search by its own reward.
      landmarks: reference networks by name; infeasible ones are left out.
      accuracy_name: see `pareto_plot.pareto`.
      latency_name: see there.
    """
    landmarks = {name: m for name, m in landmarks.items() if m.status == COMPLETED}
    shown = [trial.measured for trial in networks]
    latencies = np.array([m.latency_ms for m in shown])
    accuracies = np.array([100 * m.accuracy for m in shown])
    colours = search_colours(len(names))
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9.6, 5.8))
        axes = figure.add_axes((0.072, 0.095, 0.913, 0.745))
        of_landmarks = [100 * m.accuracy for m in landmarks.values()]
        axes.set_ylim(*robust_range([*accuracies, *of_landmarks]))
        in_view = [*latencies, *(m.latency_ms for m in landmarks.values())]
        latency_axis(axes, np.array(in_view), None, latency_name)
        axes.scatter(
            latencies,
            accuracies,
            c=[colours[number] for number in numbers],
            s=dot_area(len(shown)),
            alpha=DOT_OPACITY,
            linewidths=0,
            rasterized=len(shown) > MOST_VECTOR_POINTS,
            zorder=3,
        )
        tooltips = draw_front(axes, front)
        label = Labels(axes)
        label.keep_off(staircase([trial.measured for trial in front]), joined=True)
        for colour, of_search in zip(colours, best, strict=True):
            if of_search is not None:
                at = (of_search.measured.latency_ms, 100 * of_search.measured.accuracy)
                axes.plot(*at, "*", color=colour, markeredgecolor=INK, markersize=15, zorder=7)
        for name, measured in landmarks.items():
            at = (measured.latency_ms, 100 * measured.accuracy)
            axes.plot(*at, "D", color=GREEN, markeredgecolor=PAPER, markersize=8, zorder=6)
            label.add(at, name, GREEN, BESIDE)
        axes.set_ylabel(f"accuracy, {accuracy_name}, %")
        tell_hidden(axes, accuracies, "networks")
        _search_legend(axes, names, colours)
        return to_svg(figure, "sweep", "Accuracy against latency, by search", tooltips)


def growth(trials: np.ndarray, volumes: np.ndarray, reference: ReferencePoint) -> str:
    """Hypervolume after so many trials, as shares of that at the end.

    Args:
      trials: [N].
      volumes: [N], of the front of so many trials.
      reference: that they are measured from.
    """
    last = volumes[-1] or 1.0
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9.6, 2.9))
        axes = figure.add_axes((0.072, 0.19, 0.913, 0.72))
        axes.plot(trials, 100 * volumes / last, color=BLUE, linewidth=2.4)
        axes.set_xlabel("trials of all searches")
        axes.set_ylabel("hypervolume, % of the end")
        axes.set_xlim(0, trials[-1] * 1.01)
        low = 100 * np.percentile(volumes / last, 10)
        axes.set_ylim(max(0, min(low - 5, 90)), 101.5)
        axes.xaxis.set_major_locator(MaxNLocator(10, integer=True))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda trial, _: f"{trial:,.0f}"))
        title = (
            f"Hypervolume from {100 * reference.accuracy:.3g} % and {reference.latency_ms:.4g} ms"
        )
        return to_svg(figure, "growth", title)


def _search_legend(axes, names, colours) -> None:
    mark = {"linestyle": "", "markeredgecolor": PAPER}
    handles = [
        axes.plot([], [], "o", color=colour, markersize=8, label=name, **mark)[0]
        for name, colour in zip(names, colours, strict=True)
    ]
    style = {"color": INK, "markerfacecolor": PAPER, "markersize": 5.5, "linewidth": 1.4}
    handles.append(axes.plot([], [], "-o", label="union front", **style)[0])
    star = {"color": MUTED, "markeredgecolor": INK, "markersize": 12, "linestyle": ""}
    handles.append(axes.plot([], [], "*", label="best of its search", **star)[0])
    axes.legend(
        handles=handles,
        ncols=min(len(handles), 6),
        columnspacing=1.2,
        fontsize=9.5,
        handletextpad=0.3,
        loc="lower left",
        bbox_to_anchor=(-0.01, 1.01),
        borderaxespad=0.2,
    )
