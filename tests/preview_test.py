import re
import subprocess
import sys

import pytest


def preview(*flags):
    return subprocess.run(
        [sys.executable, "-m", "search.preview", *flags], capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def estimated(tmp_path_factory):
    page = tmp_path_factory.mktemp("preview") / "preview.html"
    done = preview(
        "--latency=estimate:pixel1",
        "--target_latency_ms=75",
        "--preview_networks=300",
        f"--output={page}",
    )
    assert done.returncode == 0, done.stderr
    return " ".join(done.stdout.split()), page.read_text()


def test_one_exponent_is_said_to_make_the_target_a_constant_factor(estimated):
    text, page = estimated
    assert "the target is a constant factor" in text
    assert "the target is a constant factor" in page


def test_the_price_of_twice_the_latency_is_the_paper_s_five_percent(estimated):
    text, _ = estimated
    # 2^0.07 - 1 = 5.0 % more accuracy for 1 - 2^-0.07 = 4.7 % of the reward.
    assert "Twice the latency costs 4.7 % of the reward" in text
    assert "5.0 % more accuracy" in text


def test_the_share_of_networks_under_the_target_and_the_estimate_s_error_are_told(estimated):
    text, page = estimated
    assert re.search(r"\d+ % of 300 random networks meet the target of 75 ms", text)
    assert "mean error 2.9 %" in text
    assert page.count("<svg") >= 1


def test_a_target_that_no_network_meets_is_warned_of():
    done = preview(
        "--latency=estimate:pixel1", "--target_latency_ms=0.5", "--preview_networks=100",
        "--output=/dev/null",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "0.5 ms" in done.stdout
    assert "outside" in done.stdout or "no network" in done.stdout.lower()


def test_a_flag_out_of_range_is_one_line():
    done = preview("--latency=estimate:pixel1", "--target_latency_ms=-3")
    assert done.returncode == 2
    assert "target_latency_ms is -3" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
