"""Tests of search.preview: what it says of rewards and targets, its page and its command."""

import dataclasses
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from html_pages import assert_stands_alone

from search.evaluators import Evaluation, Infeasible
from search.latency import LatencyConfig
from search.previewing.latencies import SpaceLatencies, fit_scale
from search.previewing.maker import PreviewConfig, SpacePricer, num_classes_of, published_marks
from search.previewing.reward_preview import Mark, Preview, landings_by_target, rewards_beside
from search.reporting import preview_words as words
from search.reporting.preview_page import preview_page
from search.reporting.preview_warnings import warnings
from search.reward import RewardConfig, named_reward
from search.search_space import get_space

ROOT = Path(__file__).parent.parent
SHARED = Path(os.environ.get("MNASNET_SHARED", ROOT.parent / "shared"))
NASBENCH = SHARED / "data" / "accel_nasbench"

# 1 to 100 ms, in even steps.
LATENCIES = SpaceLatencies(np.arange(1.0, 101.0), 0.5, 200.0, "made-up milliseconds")


def preview(name="soft", target_ms=75.0, **fields):
    known = {"latencies": LATENCIES, "space_name": "mnasnet", "num_networks": 10**6, **fields}
    return Preview(name, known.pop("config", named_reward(name, target_ms)), **known)


def on_imagenet(name="soft", target_ms=75.0, **fields):
    found = published_marks("imagenet", LatencyConfig("estimate:pixel1", 224))
    return preview(name, target_ms, **found, **fields)


def all_words(of):
    return " ".join([*warnings(of), *(text for _, text in words.statements(of))])


def test_soft_reward_is_told_to_ignore_its_target_and_where_to_find_one_that_does_not():
    said = words.aim(preview("soft"))
    assert "the target is a constant factor" in said
    assert "--reward=two_slope (−0.07 up to the target, −0.3 above)" in said


@pytest.mark.parametrize("name", ["hard", "two_slope", "absolute"])
def test_other_named_rewards_are_told_to_aim_at_their_target(name):
    assert "The reward aims at the target" in words.aim(preview(name))
    assert words.aim_of_named(named_reward(name, 75.0)) == "yes"


def test_price_of_a_doubling_is_the_paper_s_five_percent():
    assert words.price(preview("soft")) == (
        "Twice the latency costs 4.7 % of the reward, anywhere. It takes 5.0 % more accuracy to "
        "make up for it: 3.7 points at 75 % top-1."
    )


def test_price_of_the_hard_reward_is_nothing_below_and_impossible_above():
    said = words.price(preview("hard"))
    assert "from 37.5 ms to 75 ms, costs nothing" in said
    assert "costs 50 % of the reward: 75.0 points" in said and "no network has" in said


def test_slope_that_the_winner_needs_is_told_with_numbers_at_the_target():
    # 0.75 (1.1^0.07 - 1) = 0.00502.
    said = words.slope(preview("soft"))
    assert "1 % of latency buys exactly 0.07 % of accuracy" in said
    assert "10 % more latency, to 82.5 ms, buys 0.50 points of top-1" in said


def test_share_of_networks_within_the_target_is_counted():
    assert preview(target_ms=30.0).share_within == 0.3
    assert words.latencies(preview(target_ms=30.0)).startswith("30 % of 100 random networks meet")
    scaled = dataclasses.replace(LATENCIES, scale=fit_scale([1.0], [1.0]))
    assert words.latencies(preview(latencies=scaled)).startswith("About 75 % of 100")


@pytest.mark.parametrize(
    ("name", "target_ms", "said"),
    [
        ("soft", 0.4, "outside the space: the fastest network found takes 0.5 ms. With this "
                      "reward the target changes nothing."),
        ("two_slope", 0.4, "There it acts like the one exponent −0.3"),
        ("two_slope", 300.0, "There it acts like the one exponent −0.07"),
        ("hard", 300.0, "the slowest network found takes 200 ms. Up to the target latency costs "
                        "nothing, so accuracy alone decides."),
        ("absolute", 0.6, "at the far end of the space: 0 % of random networks meet it."),
        ("two_slope", 150.0, "at the far end of the space: 100 % of random networks meet it."),
    ],
)  # fmt: skip
def test_target_off_the_space_is_warned_of_with_what_follows_for_the_reward(name, target_ms, said):
    (warning,) = warnings(preview(name, target_ms))
    assert said in warning


def test_target_among_the_networks_gives_no_warning():
    assert warnings(preview("two_slope", 50.0)) == []
    assert warnings(preview("soft", 50.0, latencies=None)) == []


def test_exponents_the_wrong_way_round_idle_ones_and_tight_limits_are_warned_of():
    away = preview(config=RewardConfig(50.0, alpha=-1.0, beta=-0.07))
    assert warnings(away) == ["alpha is steeper than beta: the reward leads away from its target."]
    idle = preview(config=RewardConfig(50.0, alpha=-0.2, beta=-0.1, form="absolute"))
    assert warnings(idle) == ["--alpha=-0.2 has no effect on the absolute reward."]
    (tight,) = warnings(preview(target_ms=50.0, max_latency_ms=10.0))
    assert "90 % of random networks are over --max_latency_ms=10" in tight


def test_soft_reward_picks_a1_among_published_networks_for_any_target():
    for target_ms in (20.0, 75.0, 300.0):
        landed = on_imagenet("soft", target_ms).landing(named_reward("soft", target_ms))
        assert (landed.latency_ms, landed.accuracy) == (pytest.approx(78.0), pytest.approx(0.752))
    # ln(75.2 / 73.3) / ln(78 / 61) = 0.104; ln(77.2 / 75.2) / ln(135 / 78) = 0.048.
    said = words.landing(on_imagenet())
    assert "highest at 78 ms and 75.2 % top-1 for every target" in said
    assert "just below 1 % of latency buys 0.104 %" in said
    assert "just above 1 % of latency buys 0.048 %" in said


def test_rewards_that_aim_land_at_their_targets_on_the_published_line():
    targets = np.array([40.0, 60.0, 75.0])
    aimed = on_imagenet("two_slope")
    found = landings_by_target(aimed, named_reward("two_slope", 75.0), targets)
    np.testing.assert_allclose(found, targets, rtol=2e-3)


def test_latency_limit_keeps_the_landing_within_it():
    limited = on_imagenet("soft", max_latency_ms=50.0)
    assert limited.landing(limited.config).latency_ms == pytest.approx(50.0, rel=2e-3)


def test_published_networks_are_compared_where_data_latency_and_size_are_theirs():
    assert published_marks("digits", LatencyConfig("estimate:pixel1", 224)) == {}
    assert published_marks("imagenet", LatencyConfig("estimate:pixel1", 192)) == {}
    assert published_marks("imagenet", LatencyConfig("host", 224)) == {}


def test_rewards_beside_are_the_named_ones_but_the_own():
    assert [n for n, _ in rewards_beside("hard", named_reward("hard", 9.0))] == [
        "hard", "soft", "two_slope", "absolute"]  # fmt: skip
    # Exponents that were changed by hand; what an infeasible network gets is no difference.
    assert rewards_beside("soft", RewardConfig(9.0, beta=-0.5))[0][0] == "soft, changed"
    changed = RewardConfig(9.0, infeasible_reward=-0.5)
    assert rewards_beside("soft", changed)[0][0] == "soft"
    assert len(rewards_beside("soft", changed)) == 4


def test_classes_of_unknown_data_are_imagenet_s_and_that_is_said():
    assert num_classes_of("cifar10") == (10, "")
    classes, note = num_classes_of("my.module")
    assert classes == 1000
    assert "my.module is not opened" in note


class FakeClock:
    """A tenth of the estimate; every third network fails."""

    description = "a made-up clock"

    def __init__(self, pricer, space):
        self.calls, self._pricer, self._space = 0, pricer, space

    def measure(self, network):
        self.calls += 1
        if self.calls % 3 == 0:
            raise Infeasible("it does not convert")
        return Evaluation(0.1 * self._pricer.estimate.measure(network).value)


def test_clock_sees_a_few_networks_and_scales_the_others(monkeypatch):
    space = get_space("mnasnet")
    pricer = SpacePricer(space, LatencyConfig("host", 32), num_classes=10)
    clock, make = FakeClock(pricer, space), pricer._make
    monkeypatch.setattr(
        pricer, "_make", lambda config, of: clock if config.kind == "host" else make(config, of)
    )
    tokens = space.sample_uniform(np.random.default_rng(0), 20)
    found = pricer.latencies(tokens, timed=4)
    assert clock.calls == 4
    assert found.scale.factor == pytest.approx(0.1)
    assert len(found.scale.measured_ms) == 3
    np.testing.assert_allclose(found.sample_ms, 0.1 * pricer.estimated_ms(tokens))
    assert "estimated from 3 timed networks" in found.note
    assert "mean error 0 %" in found.note
    assert pricer.latencies(tokens, timed=0) is None
    monkeypatch.setattr(clock, "calls", 2)
    with pytest.raises(ValueError, match="none of 1 network could be timed: it does not convert"):
        pricer.latencies(tokens, timed=1)


def test_numbers_out_of_range_are_refused():
    with pytest.raises(ValueError, match="preview_networks is 0, must be 1 to 1,000,000"):
        PreviewConfig(networks=0)
    with pytest.raises(ValueError, match="preview_timed is -1, must be 0 or more"):
        PreviewConfig(timed=-1)


@pytest.mark.parametrize("name", ["soft", "hard", "two_slope", "absolute"])
@pytest.mark.parametrize("target_ms", [1e-4, 50.0, 1e6])
def test_page_says_what_the_terminal_says_for_any_target(name, target_ms):
    marks = (Mark("mnasnet-a1", 20.0), Mark("mobilenet-v2", 21.0))
    shown = on_imagenet(name, target_ms, marks=marks)
    page = preview_page(shown, ["--flagfile=flags/<x>.flags"])
    assert_stands_alone(page)
    told = re.sub(r"&#x27;", "'", page)
    for said in (words.aim(shown), words.price(shown), words.landing(shown), *warnings(shown)):
        assert said in told
    assert "flags/&lt;x&gt;.flags" in page


def test_page_without_latencies_or_accuracies_stands_alone():
    page = preview_page(preview(latencies=None), [])
    assert_stands_alone(page)
    assert "nothing was timed (--preview_timed=0)" in page


def run_command(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "search.preview", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )


def test_command_previews_imagenet_without_imagenet(tmp_path):
    output = tmp_path / "preview.html"
    done = run_command(
        "--flagfile=flags/imagenet.flags", "--preview_networks=200", f"--output={output}"
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "the target is a constant factor" in " ".join(done.stdout.split())
    assert "of 200 random networks meet the target of 75 ms" in " ".join(done.stdout.split())
    assert done.stdout.endswith(f"{output}\n")
    assert_stands_alone(output.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--target_latency_ms=0"], "target_latency_ms is 0.0, must be over 0"),
        (["--preview_timed=-1"], "preview_timed is -1, must be 0 or more"),
        (["--accuracy=surrogate"], "--accuracy=surrogate needs --surrogate_data=DIR"),
        (["--output=nowhere/x.html"], "--output=nowhere/x.html: there is no folder nowhere"),
        (["--output=tests"], "--output=tests is a folder"),
    ],
)
def test_mistakes_get_one_line_and_exit_2(arguments, message):
    done = run_command(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {message}")
    assert len(done.stderr.splitlines()) == 1


def test_preview_imports_no_tensorflow():
    code = "import sys, search.preview; print('tensorflow' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout == "False\n"


@pytest.mark.skipif(not NASBENCH.is_dir(), reason=f"no checkout of Accel-NASBench in {NASBENCH}")
def test_surrogate_s_winner_is_proven(tmp_path):
    output = tmp_path / "preview.html"
    done = run_command(
        "--flagfile=flags/surrogate.flags",
        f"--surrogate_data={NASBENCH}",
        "--preview_networks=300",
        f"--output={output}",
    )
    assert (done.returncode, done.stderr) == (0, "")
    said = " ".join(done.stdout.split())
    assert re.search(r"The best network lands at \S+ ms and \S+ % for every target", said)
    assert "that is proven: no network of the space has a higher one" in said
    assert_stands_alone(output.read_text(encoding="utf-8"))


@pytest.mark.skipif(not NASBENCH.is_dir(), reason=f"no checkout of Accel-NASBench in {NASBENCH}")
def test_a_space_that_the_surrogate_s_tokens_do_not_fit_is_priced_all_the_same(tmp_path):
    done = run_command(
        "--flagfile=flags/surrogate.flags",
        f"--surrogate_data={NASBENCH}",
        "--search_space=accel_nasbench_cell",
        "--preview_networks=50",
        f"--output={tmp_path / 'preview.html'}",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "50 random networks meet the target of 60 ms" in " ".join(done.stdout.split())
