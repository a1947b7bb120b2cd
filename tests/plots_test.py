"""Tests of the plots in search.reporting: the statistics by hand, the pictures as XML."""

import math
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from search.reporting import page as page_module
from search.reporting import pareto_plot, plots
from search.reporting.pareto_plot import pareto
from search.reporting.svg import MUTED
from search.reporting.sweep_plots import search_colours
from search.reward import RewardConfig
from search.trials import Measured, Trial


def trial(number, accuracy=0.7, latency_ms=50.0, reason=None):
    measured = Measured(
        (f"network={number}",), None if reason else accuracy, latency_ms, accuracy, reason=reason
    )
    return Trial(number, (number,), measured)


def some_trials(count, seed=0):
    rng = np.random.default_rng(seed)
    return [trial(i, rng.uniform(0.5, 0.8), rng.uniform(20, 150)) for i in range(count)]


def texts(svg):
    root = ElementTree.fromstring(svg)
    return [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]


def test_expected_best_of_n_draws_with_replacement():
    # From {0, 1, 4}: one draw gives the mean 5/3. The best of two draws is 0 in 1 of 9 cases, 1 in
    # 3 of 9, 4 in 5 of 9: 23/9.
    best = plots.expected_best([4.0, 0.0, 1.0], np.array([1, 2]))
    np.testing.assert_allclose(best, [5 / 3, 23 / 9])


def test_expected_best_of_many_draws_is_the_largest():
    assert plots.expected_best([0.2, 0.9], np.array([200]))[0] == pytest.approx(0.9)


def test_range_covers_all_values_when_none_is_far_out():
    low, high = plots.robust_range([1.0, 2.0, 3.0])
    assert (low, high) == pytest.approx((1 - 0.12, 3 + 0.12))  # margin: 6 % of the span of 2


def test_range_leaves_out_a_few_values_far_below():
    # The 5th percentile is 10; what is further below it than 10 lies below 20 is left out.
    low, high = plots.robust_range([-50.0] + [10.0] * 50 + [20.0] * 50)
    assert (low, high) == pytest.approx((10 - 0.6, 20 + 0.6))


@pytest.mark.parametrize("value", [0.0, 0.7, -1.0])
def test_range_of_equal_values_is_not_empty(value):
    low, high = plots.robust_range([value, value])
    assert low < value < high


def test_pareto_picture_names_target_best_and_landmarks():
    trials = [trial(0, 0.70, 40.0), trial(1, 0.75, 55.0), trial(2, 0.65, 45.0)]
    landmarks = {
        "mnasnet-a1": Measured(("x",), 0.72, 52.0, 0.72),
        "broken": Measured(("y",), None, None, 0.0, reason="does not convert"),
    }
    svg = pareto(trials, landmarks, RewardConfig(target_latency_ms=50.0))
    shown = texts(svg)
    assert {"target 50 ms", "best, trial 1", "mnasnet-a1", "latency, ms"} <= set(shown)
    assert "broken" not in shown


def test_pareto_picture_tells_the_blocks_of_each_network_on_the_front():
    svg = pareto([trial(0, 0.7, 40.0), trial(1, 0.6, 50.0)], {}, None)
    titles = re.findall("<title>(.*?)</title>", svg, re.DOTALL)
    assert titles == ["trial 0: 70.00 %, 40.0 ms, reward 0.7000\nnetwork=0"]


def test_latency_axis_is_logarithmic_where_the_spread_is_wide():
    wide = pareto([trial(0, 0.5, 10.0), trial(1, 0.7, 100.0)], {}, None)
    narrow = pareto([trial(0, 0.5, 90.0), trial(1, 0.7, 100.0)], {}, None)
    assert "latency, ms (logarithmic)" in texts(wide)
    assert "latency, ms" in texts(narrow)


@pytest.mark.parametrize(
    "config",
    [
        RewardConfig(60.0),
        RewardConfig(60.0, alpha=0.0, beta=-1.0),
        RewardConfig(60.0, alpha=0.0, beta=-0.1, form="absolute"),
        RewardConfig(1e4),
    ],
)
def test_curves_of_equal_reward_carry_their_reward(config):
    shown = texts(pareto(some_trials(30), {}, config))
    assert "reward" in shown
    assert sum(bool(re.fullmatch(r"[-−]?0\.\d+", text or "")) for text in shown) >= 2


def test_a_single_network_can_be_drawn():
    assert "best, trial 0" in texts(pareto([trial(0)], {}, RewardConfig(60.0)))
    assert "best so far" in texts(plots.rewards([trial(0)], 20, [0.7]))


def test_networks_below_the_range_are_counted_in_the_picture():
    trials = [*some_trials(100), trial(100, 0.01, 60.0)]
    assert "1 of 101 networks lie below the range drawn" in texts(pareto(trials, {}, None))


def test_colours_follow_the_page():
    svg = pareto(some_trials(5), {}, RewardConfig(60.0))
    assert "var(--ink)" in svg
    assert "#010203" not in svg


def test_ids_of_two_pictures_in_one_page_differ():
    ids = [
        set(re.findall(r'\bid="([^"]+)"', svg))
        for svg in (pareto(some_trials(5), {}, None), plots.rewards(some_trials(5), 2, []))
    ]
    assert ids[0] and ids[1]
    assert not ids[0] & ids[1]


def test_random_expectation_is_drawn_only_where_there_are_random_trials():
    assert "random sampling: expected best" in texts(plots.rewards(some_trials(9), 3, [0.5, 0.6]))
    assert "random sampling: expected best" not in texts(plots.rewards(some_trials(9), 3, []))


def test_learning_draws_a_panel_for_each_metric_that_is_there():
    updates = [(1, {"entropy": 3.0, "approx_kl": 0.01}), (2, {"entropy": 2.0, "approx_kl": 0.02})]
    shown = texts(plots.learning(updates, math.log(100)))
    assert "entropy of the controller, nats" in shown
    assert "KL divergence of an update, nats" in shown
    assert "clipped share of decisions, %" not in shown


def luminance(colour):
    """Relative luminance of (red, green, blue) in [0, 1], by WCAG 2.1."""
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


# White, which paper is too, and the dark page.
@pytest.mark.parametrize("page", ["#ffffff", "#14181e"])
def test_a_dot_of_any_colour_can_be_seen_on_the_page(page):
    assert page in page_module.page("", ())
    behind = np.array(to_rgb(page))
    colours = [*pareto_plot.BY_ORDER(np.linspace(0, 1, 41))[:, :3]]
    colours += [to_rgb(name) for count in range(2, 13) for name in search_colours(count)]
    # The muted grey as it is on each page, and where many dots are drawn as pixels.
    colours += [to_rgb({"#ffffff": "#66707d", "#14181e": "#98a2b0"}[page]), to_rgb(MUTED)]
    for colour in colours:
        seen = plots.DOT_OPACITY * np.array(colour) + (1 - plots.DOT_OPACITY) * behind
        low, high = sorted((luminance(seen), luminance(behind)))
        assert (high + 0.05) / (low + 0.05) >= 3, colour


def test_trials_below_the_range_of_the_course_are_counted_in_it():
    many = some_trials(40)
    assert "lie below" not in plots.rewards(many, 4, [])
    infeasible = [trial(40, accuracy=0.0, reason="too slow")]
    assert "1 of 41 trials lie below the range drawn" in texts(
        plots.rewards([*many, *infeasible], 4, [])
    )
