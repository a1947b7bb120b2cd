import json
import pathlib

import pytest

from mnasnet.recipe import learning_rate

_OFFICIAL = pathlib.Path(__file__).parent / "testdata" / "official_learning_rate.json"


def test_learning_rates_are_those_of_the_official_code():
    official = json.loads(_OFFICIAL.read_text())
    rates = [
        learning_rate(
            step,
            batch_size=official["train_batch_size"],
            num_train_images=official["num_train_images"],
            base=official["base_learning_rate"],
        )
        for step in official["steps"]
    ]
    assert len(rates) == 44
    assert rates == pytest.approx(official["lr"], rel=3e-7, abs=0)  # two units in the last place


def test_the_rate_rises_for_five_epochs_and_falls_by_three_percent_every_2_4_epochs():
    # 2,560 images at 256 a step are 10 steps an epoch: warm-up ends at 50, each stair has 24 steps.
    def rate(step):
        return learning_rate(step, batch_size=256, num_train_images=2560, base=0.016)

    assert rate(0) == 0
    assert rate(25) == pytest.approx(0.008)
    assert rate(50) == pytest.approx(0.016 * 0.97**2)
    assert rate(71) == pytest.approx(0.016 * 0.97**2)
    assert rate(73) == pytest.approx(0.016 * 0.97**3)


def test_the_rate_grows_in_proportion_to_the_batch():
    # 5 epochs of ImageNet are 1,563 steps of 4,096 images; the paper's peak is 0.256.
    assert learning_rate(1562, batch_size=4096) == pytest.approx(0.256, rel=1e-3)
    assert learning_rate(1562 * 4, batch_size=1024) == pytest.approx(0.064, rel=2e-3)
