"""The picture of all networks: accuracy against latency (MnasNet, figures 4 and 5)."""

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from search.quantities import milliseconds, percent
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
    GREY,
    HALO,
    INK,
    MUTED,
    ORANGE,
    PAPER,
    RED,
    STYLE,
    to_svg,
)
from search.reward import RewardConfig, reward
from search.tables import distinct_feasible, pareto_front, top
from search.trials import COMPLETED, Measured, Trial

BY_ORDER = LinearSegmentedColormap.from_list("order", [GREY, BLUE, ORANGE])
# Spans of latency from here on are drawn on a logarithmic axis.
_WIDE_SPREAD = 3.0


def pareto(
    trials: Sequence[Trial],
    landmarks: dict[str, Measured],
    config: RewardConfig | None,
    accuracy_name: str = "top-1",
    latency_name: str = "latency",
) -> str:
    """Accuracy against latency of all feasible networks, with the front and the best of them.

    Args:
      trials: at least one of them feasible.
      landmarks: reference networks by name; infeasible ones are left out.
      config: draws the target and curves of equal reward; None where it is not known.
      accuracy_name: what the accuracies are, such as 'top-1, proxy task'.
      latency_name: what the latencies are, such as 'latency, on Google Pixel'.
    """
    networks, front, best = distinct_feasible(trials), pareto_front(trials), top(trials, 1)[0]
    landmarks = {name: m for name, m in landmarks.items() if m.status == COMPLETED}
    shown = [trial.measured for trial in networks]
    latencies = np.array([m.latency_ms for m in (*shown, *landmarks.values())])
    accuracies = np.array([100 * m.accuracy for m in shown])
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9.6, 5.6))
        axes = figure.add_axes((0.072, 0.1, 0.873, 0.775))
        in_view = [*accuracies, *(100 * m.accuracy for m in landmarks.values())]
        axes.set_ylim(*robust_range(in_view))
        latency_axis(axes, latencies, config, latency_name)
        if config:
            _draw_reward(axes, config)
        points = axes.scatter(
            latencies[: len(shown)],
            accuracies,
            c=[trial.trial for trial in networks],
            s=1.3 * dot_area(len(shown)),
            cmap=BY_ORDER,
            alpha=DOT_OPACITY,
            linewidths=0,
            rasterized=len(shown) > MOST_VECTOR_POINTS,
            zorder=3,
        )
        tooltips = draw_front(axes, front)
        label = Labels(axes)
        label.keep_off([(m.latency_ms, 100 * m.accuracy) for m in landmarks.values()])
        label.keep_off(staircase([trial.measured for trial in front]), joined=True)
        for name, measured in landmarks.items():
            at = (measured.latency_ms, 100 * measured.accuracy)
            axes.plot(*at, "D", color=GREEN, markeredgecolor=PAPER, markersize=8, zorder=6)
            label.add(at, name, GREEN, BESIDE)
        at = (best.measured.latency_ms, 100 * best.measured.accuracy)
        axes.plot(*at, "*", color=RED, markeredgecolor=PAPER, markersize=19, zorder=7)
        label.add(at, f"best, trial {best.trial}", RED, _ABOVE)
        axes.set_ylabel(f"accuracy, {accuracy_name}, %")
        tell_hidden(axes, accuracies, "networks")
        _order_bar(figure, points, networks)
        _pareto_legend(axes, bool(landmarks), bool(config))
        return to_svg(figure, "pareto", "Accuracy against latency of all networks", tooltips)


def latency_axis(
    axes: Axes, latencies: np.ndarray, config: RewardConfig | None, name: str = "latency"
) -> None:
    """Range and scale of an axis of latencies, with the target where it is near."""
    low, high = latencies.min(), latencies.max()
    # A target far from all networks would leave them a corner of the picture.
    if config and low / 2 <= config.target_latency_ms <= high * 2:
        low, high = min(low, config.target_latency_ms), max(high, config.target_latency_ms)
    axes.set_xlabel(f"{name}, ms")
    if high / low > _WIDE_SPREAD:
        axes.set_xscale("log")
        margin = (high / low) ** 0.04
        axes.set_xlim(low / margin, high * margin)
        subs = (1, 2, 5) if high / low > 20 else (1, 1.5, 2, 3, 4, 5, 6, 8)
        axes.xaxis.set_major_locator(LogLocator(subs=subs))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda ms, _: f"{ms:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel(f"{name}, ms (logarithmic)")
    else:
        margin = 0.06 * (high - low) or 0.1 * high
        axes.set_xlim(low - margin, high + margin)


def _draw_reward(axes: Axes, config: RewardConfig) -> None:
    """The target, and curves of equal reward with their values at the right edge."""
    (left, right), (bottom, high) = axes.get_xlim(), axes.get_ylim()
    if left < config.target_latency_ms < right:
        axes.axvline(config.target_latency_ms, color=INK, linewidth=1, linestyle=(0, (6, 3)))
        axes.annotate(
            f"target {config.target_latency_ms:g} ms",
            (config.target_latency_ms, 0.02),
            (5, 0),
            xycoords=axes.get_xaxis_transform(),
            textcoords="offset points",
            fontsize=9,
            gid=HALO,
        )
    x = np.geomspace(left, right, 200) if left > 0 else np.linspace(right / 200, right, 200)
    # At any latency the reward is a straight line over accuracy, so its inverse is exact.
    at_zero, at_one = reward(np.zeros_like(x), x, config), reward(np.ones_like(x), x, config)
    middle = len(x) // 2
    spans = [at_zero[middle] + y / 100 * (at_one - at_zero)[middle] for y in (bottom, high)]
    levels = MaxNLocator(6).tick_values(*spans)
    decimals = next(d for d in range(9) if np.allclose(levels, np.round(levels, d), 0, 1e-9))
    for level in levels:
        y = 100 * (level - at_zero) / (at_one - at_zero)
        axes.plot(x, y, color=MUTED, linewidth=0.9, linestyle=(0, (1, 2)), zorder=1)
        style = {"fontsize": 9, "color": MUTED, "annotation_clip": False}
        style["textcoords"] = "offset points"
        text = f"{level:.{decimals}f}"
        if bottom < y[-1] < high:
            axes.annotate(text, (right, y[-1]), (4, 0), va="center", **style)
        elif bottom < y[0] < high <= y[-1]:
            # It leaves through the top.
            axes.annotate(text, (np.interp(high, y, x), high), (0, 3), ha="center", **style)
    axes.text(1.005, 1.012, "reward", transform=axes.transAxes, fontsize=9, color=MUTED)


def draw_front(axes: Axes, front: Sequence[Trial]) -> dict[str, str]:
    """The front as a staircase with a mark per network; returns what the marks tell."""
    corners = staircase([trial.measured for trial in front])
    axes.plot(*zip(*corners, strict=True), color=INK, linewidth=1.4, zorder=4)
    tooltips = {}
    for trial in front:
        gid, measured = f"trial{trial.trial}", trial.measured
        mark = {"color": PAPER, "markeredgecolor": INK, "markersize": 5.5, "zorder": 5}
        axes.plot(measured.latency_ms, 100 * measured.accuracy, "o", gid=gid, **mark)
        tooltips[gid] = (
            f"trial {trial.trial}: {percent(measured.accuracy)}, "
            f"{milliseconds(measured.latency_ms)}, "
            f"reward {trial.reward:.4f}\n" + "\n".join(trial.network)
        )
    return tooltips


def staircase(front: Sequence[Measured]) -> list[tuple[float, float]]:
    """The corners of the front's line; each network's accuracy holds until the next one's."""
    corners, accuracy = [], 100 * front[0].accuracy
    for measured in front:
        corners += [(measured.latency_ms, accuracy), (measured.latency_ms, 100 * measured.accuracy)]
        accuracy = 100 * measured.accuracy
    return corners


def _order_bar(figure: Figure, points, networks: Sequence[Trial]) -> None:
    first, last = networks[0].trial, networks[-1].trial
    if first == last:
        return
    bar_axes = figure.add_axes((0.825, 0.945, 0.08, 0.02))
    bar = figure.colorbar(points, cax=bar_axes, orientation="horizontal", ticks=[])
    bar.outline.set_visible(False)
    bar.solids.set(rasterized=True, alpha=1)
    for x, text, side in ((-0.06, f"trial {first}", "right"), (1.06, f"{last:,}", "left")):
        bar_axes.text(
            x, 0.4, text, transform=bar_axes.transAxes, ha=side, va="center", fontsize=9.5
        )


def _pareto_legend(axes: Axes, landmarks: bool, curves: bool) -> None:
    mark = {"markeredgecolor": PAPER, "linestyle": ""}
    entries = [
        axes.plot([], [], "*", color=RED, markersize=14, label="best reward", **mark),
        axes.plot([], [], "-o", color=INK, markerfacecolor=PAPER, markersize=5.5, linewidth=1.4,
                  label="Pareto front"),
    ]  # fmt: skip
    if landmarks:
        entries.append(axes.plot([], [], "D", color=GREEN, label="reference networks", **mark))
    if curves:
        dotted = {"color": MUTED, "linewidth": 0.9, "linestyle": (0, (1, 2))}
        entries.append(axes.plot([], [], label="equal reward", **dotted))
    handles = [entry[0] for entry in entries]
    place = {"loc": "lower left", "bbox_to_anchor": (-0.01, 1.045), "borderaxespad": 0.2}
    axes.legend(
        handles=handles,
        ncols=len(handles),
        columnspacing=1.2,
        fontsize=10,
        handletextpad=0.5,
        **place,
    )


# Of a label around its point, in points; the first that is free is taken.
BESIDE = (
    (12, 0, "left"),
    (-12, 0, "right"),
    (0, 17, "center"),
    (0, -17, "center"),
    (12, 16, "left"),
    (12, -16, "left"),
)
# On the side of the front where no networks are.
_ABOVE = ((-12, 0, "right"), (-8, 13, "right"), (0, 18, "center"), (9, 16, "left"), *BESIDE)


class Labels:
    """Names beside points, moved where they would lie on each other."""

    def __init__(self, axes: Axes):
        self._axes, self._taken = axes, []

    def keep_off(self, points: Sequence[tuple[float, float]], joined: bool = False) -> None:
        """Marks points, or the lines that join each with the next, as taken."""
        pixels = self._axes.transData.transform(points) if len(points) else []
        for (x, y), (next_x, next_y) in zip(pixels, pixels[1:] if joined else pixels, strict=False):
            low_x, high_x, low_y, high_y = *sorted((x, next_x)), *sorted((y, next_y))
            self._taken.append((low_x - 6, low_y - 6, high_x + 6, high_y + 6))

    def add(self, at: tuple[float, float], text: str, colour: str, places: tuple) -> None:
        """Writes text beside a point, at the first of `places` that is free."""
        x, y = self._axes.transData.transform(at)
        area = self._axes.get_window_extent()
        pixels_per_point = self._axes.figure.dpi / 72
        width, height = 6.2 * pixels_per_point * len(text), 12 * pixels_per_point
        for dx, dy, side in places:
            start = (
                x + dx * pixels_per_point - {"left": 0, "right": width, "center": width / 2}[side]
            )
            middle = y + dy * pixels_per_point
            box = (start, middle - height / 2, start + width, middle + height / 2)
            inside = area.x0 <= box[0] and box[2] <= area.x1
            if inside and not any(_overlap(box, other) for other in self._taken):
                break
        self._taken.append(box)
        self._axes.annotate(
            text, at, (dx, dy), textcoords="offset points", ha=side, va="center", color=colour,
            fontweight="bold", fontsize=10, zorder=8, gid=HALO,
        )  # fmt: skip


def _overlap(a: tuple, b: tuple) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
