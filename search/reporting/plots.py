"""The report's curves over trials and updates, as SVG text."""

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullFormatter
from numpy.lib.stride_tricks import sliding_window_view

from search.reporting.svg import BLUE, GREEN, HALO, INK, MUTED, ORANGE, STYLE, to_svg
from search.trials import COMPLETED, Trial

# So that a single dot has a contrast of 3 : 1 with the page, light or dark (WCAG 2.1, 1.4.11).
DOT_OPACITY = 0.9
# More points than these are drawn as pixels, which keeps the page small.
MOST_VECTOR_POINTS = 1500
_MOST_LINE_POINTS = 1500


def expected_best(rewards: Sequence[float], n: np.ndarray) -> np.ndarray:
    """Expected best of n draws with replacement from a sample of rewards.

    The k-th smallest of m rewards is the best of n draws with probability
    (k / m) ** n - ((k - 1) / m) ** n: all draws are among the k smallest, but not among the k - 1.

    Args:
      rewards: [m], m at least 1.
      n: [N] numbers of draws, 1 or more.

    Returns:
      float64 [N].
    """
    ordered = np.sort(np.asarray(rewards, np.float64))
    shares = np.arange(len(ordered) + 1) / len(ordered)
    all_below = shares[None, :] ** np.asarray(n, np.float64)[:, None]
    return np.diff(all_below, axis=1) @ ordered


def robust_range(values: Sequence[float]) -> tuple[float, float]:
    """Limits of an axis that a few outliers at the low end do not squash.

    From the lowest value that is not further below the 5th percentile than that is below the
    highest one, to the highest value; with a margin.
    """
    values = np.asarray(values, np.float64)
    high, fifth = values.max(), np.percentile(values, 5)
    low = values[values >= fifth - (high - fifth)].min()
    margin = 0.06 * (high - low) or 0.05 * abs(high) or 0.05
    return low - margin, high + margin


def dot_area(count: int) -> float:
    """Size of each of so many dots, in square points: a few are to be seen, many not to merge."""
    return 26.0 if count <= 200 else 12.0 if count <= 1500 else 7.0


def tell_hidden(axes: Axes, values: Sequence[float], things: str) -> None:
    """Says in the picture how many values lie below its range, where any do."""
    hidden = int(np.sum(np.asarray(values) < axes.get_ylim()[0]))
    if hidden:
        text = f"{hidden:,} of {len(values):,} {things} lie below the range drawn"
        axes.text(
            0.01, 0.975, text, transform=axes.transAxes, va="top", fontsize=9, color=MUTED, gid=HALO
        )


def rewards(trials: Sequence[Trial], batch_size: int, random_rewards: Sequence[float]) -> str:
    """Best reward so far and running median over trials, against random sampling.

    Args:
      trials: at least one, in order.
      batch_size: the running median is over this many trials, in long searches over more.
      random_rewards: of trials that were sampled before the controller learnt; may be empty.
    """
    values = np.array([trial.reward for trial in trials])
    numbers = np.arange(1, len(values) + 1)
    feasible = np.array([t.reward if t.status == COMPLETED else -np.inf for t in trials])
    best = np.maximum.accumulate(feasible)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9.6, 4.0))
        axes = figure.add_axes((0.072, 0.14, 0.908, 0.74))
        axes.scatter(
            numbers,
            values,
            s=dot_area(len(values)),
            color=MUTED,
            alpha=DOT_OPACITY,
            linewidths=0,
            rasterized=len(values) > MOST_VECTOR_POINTS,
            label="each trial",
        )
        window = max(batch_size, len(values) // 50)
        if len(values) > window:  # one median would be no line
            # The median, since a few infeasible networks would make the mean jump.
            medians = np.median(sliding_window_view(values, window), axis=1)
            kept = _thinned(len(medians))
            label = f"median of the last {window}"
            axes.plot(numbers[window - 1 :][kept], medians[kept], color=ORANGE, label=label)
        if len(random_rewards):
            n = np.arange(1, len(random_rewards) + 1)
            n = n[_thinned(len(n))]
            expected = expected_best(random_rewards, n)
            axes.plot(n, expected, "--", color=INK, label="random sampling: expected best")
        if np.isfinite(best).any():
            changes = np.flatnonzero(np.isfinite(best) & (np.diff(best, prepend=-np.inf) > 0))
            steps = np.append(changes, len(best) - 1)
            label = "best so far"
            axes.step(
                numbers[steps], best[steps], where="post", color=BLUE, linewidth=2.4, label=label
            )
        axes.set_ylim(*robust_range(values))
        tell_hidden(axes, values, "trials")
        _trial_axis(axes, len(values), len(random_rewards))
        axes.set_ylabel("reward")
        axes.legend(
            loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=4, borderaxespad=0.2, fontsize=10
        )
        return to_svg(figure, "rewards", "Reward over trials")


def learning(updates: Sequence[tuple[int, dict]], max_entropy: float | None) -> str:
    """How the controller learns: entropy, KL divergence and clip fraction over its updates.

    Args:
      updates: (number, metrics); the panels are those of the metrics that are there.
      max_entropy: of the untrained controller, in nats, or None.
    """
    panels = (
        ("entropy", "entropy of the controller, nats", BLUE),
        ("approx_kl", "KL divergence of an update, nats", ORANGE),
        ("clip_fraction", "clipped share of decisions, %", GREEN),
    )
    panels = [panel for panel in panels if any(panel[0] in metrics for _, metrics in updates)]
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9.6, 2.7))
        columns = figure.subplots(1, max(len(panels), 1), squeeze=False)[0]
        figure.subplots_adjust(0.035, 0.19, 0.985, 0.88, wspace=0.56)
        for axes, (key, title, colour) in zip(columns, panels, strict=False):
            points = [(n, metrics[key]) for n, metrics in updates if key in metrics]
            x, y = np.array(points, np.float64)[_thinned(len(points))].T
            y = 100 * y if key == "clip_fraction" else y
            axes.plot(x, y, color=colour, marker="o" if len(x) < 30 else "", markersize=3.5)
            axes.set_title(title)
            axes.set_xlabel("update")
            axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
            axes.yaxis.set_major_locator(MaxNLocator(5))
            if key == "entropy" and max_entropy:
                axes.set_ylim(0, 1.04 * max_entropy)
                axes.axhline(max_entropy, color=INK, linewidth=0.8, linestyle=":")
                share = axes.secondary_yaxis(
                    "right", (lambda h: 100 * h / max_entropy, lambda s: s * max_entropy / 100)
                )
                share.yaxis.set_major_formatter("{x:.0f} %")
                share.yaxis.set_major_locator(FixedLocator((0, 50, 100)))
                share.spines["right"].set_visible(False)
            else:
                axes.set_ylim(0, 1.08 * y.max() or 1.0)
        return to_svg(figure, "learning", "Entropy, KL divergence and clip fraction over updates")


def _trial_axis(axes: Axes, trials: int, random_trials: int) -> None:
    axes.set_xlabel("trials")
    # The random trials would be a sliver at the left of a long search.
    if random_trials and trials > 25 * random_trials:
        axes.set_xscale("log")
        axes.set_xlim(0.9, trials * 1.05)
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel("trials (logarithmic)")
    else:
        axes.set_xlim(0, trials + max(1, 0.01 * trials))
        axes.xaxis.set_major_locator(MaxNLocator(10, integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda trial, _: f"{trial:,.0f}"))


def _thinned(count: int) -> np.ndarray:
    """At most so many positions of `count` as a line needs, the first and last among them."""
    return np.unique(np.linspace(0, count - 1, min(count, _MOST_LINE_POINTS)).astype(int))
