"""The page and the tables of a comparison."""

import html.parser

import numpy as np

from search.comparison.comparison import Findings
from search.comparison.runs import Run
from search.comparison.statistics import Summary, verdicts
from search.comparison.tables import csv_of_runs, p_value, summary_header, summary_rows, trials_text
from search.optimum.branch_and_bound import Optimum
from search.reporting.comparison_page import comparison_page, power, sentence
from search.reward import RewardConfig


def findings(num_runs=6, trials=300, noise_points=0.0, optimum=0.66):
    rng = np.random.default_rng(0)
    summaries = []
    levels = {"ppo": 0.65, "evolution": 0.648, "reinforce": 0.63, "random": 0.629}
    for variant, level in levels.items():
        runs = []
        for seed in range(num_runs):
            rewards = np.minimum(level + rng.normal(0, 0.003, trials), 0.66)
            runs.append(Run(variant, seed, rewards, rewards + 1e-4, trials - 3, 2.0))
        summaries.append(Summary.of(runs))
    return Findings(
        summaries=tuple(summaries),
        verdicts={name: verdicts(summaries, name) for name in ("random", "evolution")},
        trials=trials,
        batch_size=20,
        noise_points=noise_points,
        reward=RewardConfig(60.0),
        optimum=Optimum((0,), optimum, 0.67, 90.0, 5) if optimum else None,
        optimum_note="The optimum is such & such.",
        space="toy: 12 networks, 3 decisions",
        notes=("Accuracy: made up <here>.", "Latency: estimate."),
        command="python -m search.compare --output=x",
    )


class Text(html.parser.HTMLParser):
    """The page's text, and the tags that are open at its end."""

    def __init__(self, page):
        super().__init__()
        self.text, self.open = [], []
        self.feed(page)
        self.text = " ".join(" ".join(self.text).split())

    def handle_starttag(self, tag, attrs):
        if tag not in ("meta", "br", "path", "use", "rect", "line"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag in self.open:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def test_the_page_shows_curves_figures_verdicts_optimum_and_what_the_numbers_are():
    page = comparison_page(findings(noise_points=0.26))
    shown = Text(page)
    assert shown.open == []
    for text in (
        "Search algorithms compared",
        "4 algorithms, 6 runs each of 300 networks in batches of 20. Space toy: 12 networks",
        "error of 0.26 points",
        "optimum 0.6600",
        "The optimum is such & such.",
        "Accuracy: made up <here>.",
        "Against random",
        "Against evolution",
        "chosen",
        "as good as random",
        "python -m search.compare --output=x",
    ):
        assert text in shown.text, text
    assert page.count("<svg") == 2
    assert "http://" not in page.replace("http://www.w3.org", "")  # opens offline


def test_what_is_not_known_is_left_out():
    shown = Text(comparison_page(findings(optimum=None))).text
    assert "at optimum" not in shown and "chosen" not in shown and "dotted" not in shown
    assert "at optimum" not in summary_header(findings(optimum=None))


def test_the_headline_says_who_is_better_in_words():
    told = sentence(findings(), "random")
    # 6 against 6 without ties: p = 2 / 924; corrected for 9 comparisons (3 algorithms, at 100, 200
    # and 300), ppo and evolution have the smallest six.
    assert told.startswith("After 300 networks, against random: better ppo (p = 0.019), evolution")
    assert "no difference shown reinforce" in told
    assert power(findings(), "random") == ""


def test_so_few_runs_that_nothing_can_be_shown_are_said_to_be():
    # 2 / C(6, 3) = 0.1 for the clearest of all differences, times 9, at most 1.
    assert "With 3 runs of each algorithm no difference can be shown" in sentence(
        findings(num_runs=3), "random"
    )
    assert "would be 0.9." in power(findings(num_runs=3), "random")


def test_a_row_of_figures_by_hand():
    runs = [
        Run("random", seed, np.full(100, reward), np.full(100, reward), 75, 1.0)
        for seed, reward in ((0, 0.5), (1, 0.7))
    ]
    summaries = (Summary.of(runs),)
    base = findings()
    only = Findings(**{**vars(base), "summaries": summaries, "trials": 100, "verdicts": {}})
    only = Findings(**{**vars(only), "optimum": Optimum((0,), 0.7, 0.7, 60.0, 1)})
    assert summary_header(only) == [
        "algorithm",
        "100",
        "sd",
        "at optimum",
        "different",
        "CPU-s/1,000",
    ]
    # Mean of .5 and .7; their sample deviation is .2 / sqrt(2); 1 s for 100 is 10 s for 1,000.
    assert summary_rows(only) == [["random", "0.6000", "0.1414", "1 of 2", "75 %", "10.0"]]
    assert csv_of_runs(only).splitlines()[5] == "random,0,100,0.5,0.5,75,1.000"


def test_numbers_are_written_with_the_digits_that_count():
    assert [p_value(p) for p in (1.0, 0.0321, 0.00123, 0.000456, 1e-12)] == [
        "1",
        "0.032",
        "0.0012",
        "4.6e-4",
        "1.0e-12",
    ]
    assert [trials_text(n) for n in (1234.0, np.inf)] == ["1,234", "not reached"]
