"""The pictures of a preview: equal rewards above the space's latencies, and where rewards land."""

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from search.previewing.reward_aim import accuracy_for
from search.previewing.reward_preview import Mark, Preview, landings_by_target
from search.reporting.pareto_plot import BESIDE, Labels
from search.reporting.svg import (
    BLUE,
    GREEN,
    HALO,
    INK,
    LINE,
    MUTED,
    ORANGE,
    PAPER,
    RED,
    STYLE,
    to_svg,
)
from search.reward import RewardConfig, reward

_MOST_POINTS = 10_000
_BINS = 70
_MOST_CURVES = 16
# Height of the histogram's axes, of its highest bar.
_HEADROOM = 1.42
# Of a name beside a mark over the histogram.
_TO_LEFT = ((-9, 0, "right"), (-9, 13, "right"))
_TO_RIGHT = ((9, 0, "left"), (9, 13, "left"))
_ABOVE = ((-12, 12, "right"), (0, 18, "center"), (12, 14, "left"), *BESIDE)
_COLOURS = {"soft": BLUE, "two_slope": ORANGE, "hard": RED, "absolute": GREEN}


def reward_and_space(preview: Preview) -> str:
    """Curves of equal reward over accuracy and latency, above a histogram of the latencies."""
    with matplotlib.rc_context(STYLE):
        known = preview.latencies is not None
        figure = Figure(figsize=(9.6, 6.9 if known else 4.6))
        place = (0.065, 0.375, 0.875, 0.56) if known else (0.065, 0.13, 0.875, 0.78)
        axes = figure.add_axes(place)
        below = figure.add_axes((0.065, 0.085, 0.875, 0.245)) if known else axes
        low, high = _latency_range(preview)
        for each in dict.fromkeys((axes, below)):
            _latency_axis(each, low, high)
        bottom, top = _accuracy_range(preview)
        axes.set_ylim(100 * bottom, 100 * top)
        axes.set_ylabel("top-1, %")
        axes.set_xlim(low, high)
        if known:
            axes.tick_params(labelbottom=False)
            axes.set_xlabel("")
            _histogram(below, preview)
        _equal_rewards(axes, preview.config)
        label = Labels(axes)
        marks = _networks(axes, preview)
        label.keep_off([(mark.latency_ms, 100 * mark.accuracy) for mark in marks])
        for mark in marks:
            at = (mark.latency_ms, 100 * mark.accuracy)
            axes.plot(*at, "D", color=GREEN, markeredgecolor=PAPER, markersize=7, zorder=6)
            label.add(at, mark.name, GREEN, BESIDE)
        landed = preview.landing(preview.config)
        if landed is not None:
            at = (landed.latency_ms, 100 * landed.accuracy)
            axes.plot(*at, "*", color=RED, markeredgecolor=PAPER, markersize=19, zorder=7)
            label.add(at, f"lands at {landed.latency_ms:.3g} ms", RED, _ABOVE)
        for each in dict.fromkeys((axes, below)):
            # Over the histogram stand the names of networks.
            height = 1.0 if each is axes else 1 / _HEADROOM
            _target(each, preview.target_ms, named=each is axes, height=height)
        return to_svg(figure, "reward", "Curves of equal reward, and the latencies of the space")


def landings(preview: Preview) -> str:
    """The latency of the best known network for each target, a line per reward."""
    front = preview.known_front
    positions = front.front()
    fastest, slowest = front.latency_ms[positions[[0, -1]]]
    targets = np.geomspace(fastest, slowest, 60)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9.6, 3.6))
        axes = figure.add_axes((0.065, 0.15, 0.875, 0.72))
        _latency_axis(axes, fastest / 1.05, slowest * 1.05)
        axes.set_xlabel("target, ms (logarithmic)")
        axes.set_yscale("log")
        axes.set_ylim(fastest / 1.05, slowest * 1.05)
        _ticks(axes.yaxis, fastest, slowest)
        axes.set_ylabel("latency of the best network, ms")
        axes.plot(targets, targets, color=INK, linewidth=0.9, linestyle=(0, (6, 3)),
                  label="at the target")  # fmt: skip
        for position, (name, config) in enumerate(preview.rewards()):
            axes.plot(
                targets,
                landings_by_target(preview, config, targets),
                color=_COLOURS.get(name, MUTED),
                linewidth=3.0 if position == 0 else 1.5,
                drawstyle="steps-mid" if preview.explored else "default",
                label=name,
            )
        _target(axes, preview.target_ms, named=False)
        axes.legend(
            loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=6, borderaxespad=0.2, fontsize=10
        )
        return to_svg(figure, "landings", "Latency of the best network for each target")


def _latency_range(preview: Preview) -> tuple[float, float]:
    target = preview.target_ms
    if preview.latencies is None:
        low, high = target / 4, target * 4
    else:
        low = min(preview.latencies.fastest_ms, *(m.latency_ms for m in preview.marks), np.inf)
        high = max(preview.latencies.slowest_ms, *(m.latency_ms for m in preview.marks), 0)
    # A target far outside is told in words: it would leave the space a corner of the picture.
    if low / 4 <= target <= high * 4:
        low, high = min(low, target), max(high, target)
    margin = (high / low) ** 0.04
    return low / margin, high * margin


def _latency_axis(axes: Axes, low: float, high: float) -> None:
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    _ticks(axes.xaxis, low, high)
    axes.set_xlabel("latency, ms (logarithmic)")


def _ticks(axis: Axis, low: float, high: float) -> None:
    subs = (1, 2, 5) if high / low > 20 else (1, 1.5, 2, 3, 5, 7)
    axis.set_major_locator(LogLocator(subs=subs))
    axis.set_major_formatter(FuncFormatter(lambda ms, _: f"{ms:g}"))
    axis.set_minor_formatter(NullFormatter())


def _accuracy_range(preview: Preview) -> tuple[float, float]:
    if preview.explored:
        accuracies = preview.explored.pool.accuracy
        low, high = np.percentile(accuracies, 1), accuracies.max()
    elif preview.published:
        accuracies = [mark.accuracy for mark in preview.published]
        low, high = min(accuracies), max(accuracies)
    else:
        return 0.0, 1.0
    margin = 0.12 * (high - low)
    return max(low - margin, 0.0), min(high + margin, 1.0)


def _equal_rewards(axes: Axes, config: RewardConfig) -> None:
    """Curves of equal reward, named at the right edge or where they leave through the top."""
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    # The target is one of the points: the curves have a corner there.
    x = np.union1d(np.geomspace(left, right, 300), np.clip(config.target_latency_ms, left, right))
    corners = reward([[bottom / 100, top / 100]] * 2, [[left] * 2, [right] * 2], config)
    middle = reward([bottom / 100, top / 100], [np.sqrt(left * right)] * 2, config)
    # As many as tell the middle of the picture apart; a steep reward has some more at its edges.
    step = np.diff(MaxNLocator(7).tick_values(*middle))[0]
    levels = np.arange(np.floor(corners.min() / step), np.ceil(corners.max() / step) + 1) * step
    if len(levels) > _MOST_CURVES:
        levels = MaxNLocator(_MOST_CURVES).tick_values(corners.min(), corners.max())
    decimals = next(d for d in range(9) if np.allclose(levels, np.round(levels, d), 0, 1e-9))
    taken = []
    for level in levels:
        y = 100 * accuracy_for(level, x, config)
        axes.plot(x, y, color=MUTED, linewidth=0.9, linestyle=(0, (1, 2)), zorder=1)
        style = {"fontsize": 9, "color": MUTED, "annotation_clip": False}
        style["textcoords"] = "offset points"
        text = f"{level:.{decimals}f}"
        if bottom <= y[-1] <= top:
            axes.annotate(text, (right, y[-1]), (4, 0), va="center", **style)
            continue
        leaves = np.flatnonzero((y[:-1] < top) & (y[1:] >= top))
        if len(leaves):
            at = x[leaves[-1]]
            if all(abs(np.log(at / other)) > 0.05 * np.log(right / left) for other in taken):
                axes.annotate(text, (at, top), (0, 3), ha="center", **style)
                taken.append(at)
    axes.text(1.005, 1.012, "reward", transform=axes.transAxes, fontsize=9, color=MUTED)


def _networks(axes: Axes, preview: Preview) -> list[Mark]:
    """Networks whose accuracies are known, and the line through the best; returns whom to name."""
    if preview.explored:
        sample, pool = preview.explored.sample, preview.explored.pool
        shown = slice(0, _MOST_POINTS)
        axes.scatter(
            sample.latency_ms[shown],
            100 * sample.accuracy[shown],
            s=5,
            color=BLUE,
            alpha=0.4,  # thousands: where they lie close is to be seen
            linewidths=0,
            rasterized=True,
            zorder=2,
        )
        front = pool.front()
        axes.plot(
            pool.latency_ms[front], 100 * pool.accuracy[front], color=INK, linewidth=1.4, zorder=4
        )
    elif preview.published_curve:
        accuracies, latencies = preview.published_curve
        axes.plot(latencies, 100 * accuracies, color=INK, linewidth=1.4, zorder=4)
    return list(preview.published)


def _histogram(axes: Axes, preview: Preview) -> None:
    """Shares of the random networks over latency, those within the target in another colour."""
    sample = preview.latencies.sample_ms
    low, high = axes.get_xlim()
    edges = np.geomspace(low, high, _BINS + 1)
    if low < preview.target_ms < high:
        # A bar that the target cuts would have to be of both colours.
        edges = np.union1d(edges, preview.target_ms)
        nearest = np.argsort(np.abs(np.log(edges / preview.target_ms)))[1]
        edges = np.delete(edges, nearest)
    counts = np.histogram(sample, edges)[0] / len(sample) * 100
    # Per width on the logarithmic axis, so that bars beside the target are as high as they should.
    heights = counts / np.diff(np.log(edges)) * (np.log(high / low) / _BINS)
    within = edges[1:] <= preview.target_ms * (1 + 1e-9)
    for chosen, colour in ((within, GREEN), (~within, MUTED)):
        axes.bar(
            edges[:-1][chosen],
            heights[chosen],
            np.diff(edges)[chosen],
            align="edge",
            color=colour,
            alpha=0.6,
            linewidth=0,
        )
    axes.set_ylim(0, _HEADROOM * heights.max())
    axes.yaxis.set_major_locator(MaxNLocator(3))
    axes.set_ylabel("networks, %")
    axes.grid(axis="x", visible=False)
    label = Labels(axes)
    top = 1.1 * heights.max()
    marks = sorted(preview.marks, key=lambda mark: mark.latency_ms)
    for mark in marks:
        label.keep_off([(mark.latency_ms, y) for y in np.linspace(0, top, 12)])
    for position, mark in enumerate(marks):
        at = (mark.latency_ms, top)
        axes.plot([mark.latency_ms] * 2, [0, top], color=GREEN, linewidth=1, zorder=3)
        axes.plot(*at, "D", color=GREEN, markeredgecolor=PAPER, markersize=7, zorder=6)
        # The faster ones to the left, so that neighbours have room.
        left_first = 2 * position < len(marks) - 1
        places = _TO_LEFT + _TO_RIGHT if left_first else _TO_RIGHT + _TO_LEFT
        label.add(at, f"{mark.name}, {mark.latency_ms:.3g} ms", GREEN, places)
    for latency_ms, name, side in (
        (preview.latencies.fastest_ms, "fastest", "left"),
        (preview.latencies.slowest_ms, "slowest", "right"),
    ):
        axes.axvline(latency_ms, color=LINE, linewidth=1, zorder=0)
        text = f"{name} found\n{latency_ms:.3g} ms"
        place = {"xycoords": axes.get_xaxis_transform(), "textcoords": "offset points"}
        shift = 4 if side == "left" else -4
        axes.annotate(
            text, (latency_ms, 0.97), (shift, 0), ha=side, va="top", fontsize=9, color=MUTED,
            gid=HALO, **place,
        )  # fmt: skip


def _target(axes: Axes, target_ms: float, named: bool, height: float = 1.0) -> None:
    """A line at the target, up to a share of the height."""
    low, high = axes.get_xlim()
    if not low < target_ms < high:
        return
    axes.axvline(target_ms, ymax=height, color=INK, linewidth=1, linestyle=(0, (6, 3)), zorder=5)
    if named:
        axes.annotate(
            f"target {target_ms:g} ms",
            (target_ms, 0.02),
            (5, 0),
            xycoords=axes.get_xaxis_transform(),
            textcoords="offset points",
            fontsize=9,
            gid=HALO,
        )
