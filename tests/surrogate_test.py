"""A fit that finds what was planted, its terms, its cache, its use as an evaluator."""

import dataclasses
import itertools
import os
import pathlib

import made_up_nasbench as made_up
import numpy as np
import pytest

from mnasnet.architectures import ARCHITECTURES
from search.search_space import get_space
from search.surrogate import cache as surrogate_cache
from search.surrogate.accel_nasbench_data import Networks
from search.surrogate.regression import Surrogate, SurrogateAccuracy, fit, load_surrogate

SPACE = made_up.SPACE
SHARED = pathlib.Path(os.environ.get("MNASNET_SHARED", "../shared"))
DATA = SHARED / "data/accel_nasbench"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    return made_up.write(tmp_path_factory.mktemp("checkout"))


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "mnasnet"


def small_surrogate():
    """Two decisions, of two and of three choices, with terms that are told apart by their size."""
    pairs = np.zeros((5, 5))
    pairs[:2, 2:] = [[0.001, 0.002, 0.003], [0.004, 0.005, 0.006]]
    return Surrogate(
        num_choices=(2, 3),
        intercept=0.5,
        single=np.array([0.01, 0.02, 0.1, 0.2, 0.3]),
        pairs=pairs,
        data="made up",
        num_train=4100,
        num_test=512,
        test_r2=0.98,
        test_tau=0.918,
        test_error=0.0033,
    )


def test_a_prediction_is_the_sum_of_the_terms_of_choices_and_pairs():
    # Choice 1 of the first decision, choice 2 of the second, and their pair.
    predicted = small_surrogate().predict(np.array([[1, 2], [0, 0]]))
    np.testing.assert_allclose(predicted, [0.5 + 0.02 + 0.3 + 0.006, 0.5 + 0.01 + 0.1 + 0.001])


@pytest.mark.parametrize(
    ("tokens", "told"),
    [
        ([[0, 3]], "out of the range"),
        ([[-1, 0]], "out of the range"),
        ([[0, 0, 0]], r"shape \(1, 3\), must be \[n, 2\]"),
        ([0, 0], r"shape \(2,\), must be \[n, 2\]"),
    ],
)
def test_tokens_that_are_no_points_are_refused(tokens, told):
    with pytest.raises(ValueError, match=told):
        small_surrogate().predict(np.array(tokens))


def test_the_terms_of_a_fit_add_up_to_its_predictions(checkout):
    surrogate = load_surrogate(checkout)
    tokens = SPACE.sample_uniform(np.random.default_rng(1), 50)
    starts = np.cumsum([0, *surrogate.num_choices[:-1]])
    for row, predicted in zip(tokens, surrogate.predict(tokens), strict=True):
        places = starts + row
        total = surrogate.intercept + sum(surrogate.single[place] for place in places)
        total += sum(surrogate.pairs[i, j] for i, j in itertools.combinations(places, 2))
        assert predicted == pytest.approx(total, abs=1e-12)
    assert np.all(np.tril(surrogate.pairs) == 0)


def test_a_prediction_does_not_depend_on_the_networks_beside_it(checkout):
    surrogate = load_surrogate(checkout)
    tokens = SPACE.sample_uniform(np.random.default_rng(2), 300)
    together = surrogate.predict(tokens)
    for size in (1, 7, 100):
        apart = [surrogate.predict(tokens[i : i + size]) for i in range(0, 300, size)]
        # To the last bit: a search that was killed goes on as if it had not been.
        np.testing.assert_array_equal(np.concatenate(apart), together)


def test_a_fit_finds_what_was_planted(checkout):
    surrogate = load_surrogate(checkout)
    assert (surrogate.num_train, surrogate.num_test) == (300, 100)
    assert surrogate.test_r2 > 0.98
    assert surrogate.test_tau > 0.95
    # Half a point a step; 28 steps of the middle of the space are 0.45 + 0.14.
    tokens = np.array([[1] * 28])
    assert surrogate.predict(tokens)[0] == pytest.approx(0.59, abs=0.005)


def test_r2_tau_and_error_are_those_of_the_test_networks():
    # With nothing to fit to but one accuracy, every network is predicted to have it.
    train = Networks(np.array([[0], [1]]), np.array([0.6, 0.6]))
    test = Networks(np.array([[0], [1]]), np.array([0.5, 0.7]))
    fitted = fit(train, test, [2])
    # Errors of 0.1 where the deviations from the mean are 0.1: R2 = 1 - 1.
    assert fitted.test_r2 == pytest.approx(0.0, abs=1e-6)
    assert fitted.test_error == pytest.approx(0.1, abs=1e-6)
    # Two choices with 0.5 and 0.7: ridge with alpha 1 leaves half of each deviation.
    fitted = fit(test, test, [2])
    np.testing.assert_allclose(fitted.predict(test.tokens), [0.55, 0.65], atol=1e-6)
    assert fitted.test_r2 == pytest.approx(1 - 0.25, abs=1e-6)
    assert fitted.test_tau == pytest.approx(1.0)
    assert fitted.test_error == pytest.approx(0.05, abs=1e-6)


def test_a_fit_that_predicts_badly_is_refused_with_its_figures(tmp_path):
    scattered = made_up.write(tmp_path / "scattered", scatter=3.0)
    with pytest.raises(ValueError) as refusal:
        load_surrogate(scattered)
    told = str(refusal.value)
    # Noise six times the size of a step leaves nothing to predict.
    assert "predicts its test split with R2 -0.1" in told
    assert told.endswith("at least 0.95 and 0.88 are needed")


def test_test_networks_that_are_all_alike_prove_nothing(tmp_path):
    def alike(records):
        for number in range(300, 400):
            records[f"result_{number}.json"] = records["result_300.json"]

    with pytest.raises(ValueError, match="R2 nan"):
        load_surrogate(made_up.write(tmp_path / "alike", change=alike))


def test_a_fit_is_kept_and_read_back_to_the_bit(checkout, cache, monkeypatch):
    fitted = load_surrogate(checkout)
    assert len(list(cache.iterdir())) == 1
    monkeypatch.setattr("search.surrogate.regression.fit", None)  # to fit once more would fail
    kept = load_surrogate(checkout)
    for field in dataclasses.fields(Surrogate):
        np.testing.assert_array_equal(getattr(kept, field.name), getattr(fitted, field.name))


@pytest.mark.parametrize("damage", ["cut", "emptied", "replaced", "flipped"])
def test_a_damaged_cache_is_not_used_and_made_anew(damage, checkout, cache):
    fitted = load_surrogate(checkout)
    (file,) = cache.iterdir()
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    changed = {
        "cut": content[:1000],
        "emptied": b"",
        "replaced": b"no archive",
        "flipped": content,
    }[damage]
    file.write_bytes(changed)
    again = load_surrogate(checkout)
    np.testing.assert_array_equal(again.pairs, fitted.pairs)
    assert file.read_bytes() != bytes(changed)


def test_a_cache_of_other_data_is_not_used(checkout, tmp_path):
    fitted = load_surrogate(checkout)
    other = load_surrogate(made_up.write(tmp_path / "other", num_train=250))
    assert (fitted.num_train, other.num_train) == (300, 250)


def test_a_cache_that_cannot_be_written_is_done_without(checkout, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert load_surrogate(checkout).num_train == 300
    assert surrogate_cache.load("any") is None


def test_a_relative_cache_folder_is_ignored_as_its_specification_says(
    checkout, tmp_path, monkeypatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    load_surrogate(checkout)
    assert len(list((tmp_path / "home/.cache/mnasnet").iterdir())) == 1


def test_an_evaluator_predicts_networks_by_their_block_strings(checkout):
    surrogate = load_surrogate(checkout)
    accuracy = SurrogateAccuracy(surrogate)
    tokens = SPACE.sample_uniform(np.random.default_rng(3), 20)
    networks = [SPACE.decode(row) for row in tokens]
    values = [evaluation.value for evaluation in accuracy.evaluate_all(networks)]
    assert values == surrogate.predict(tokens).tolist()
    assert [accuracy.evaluate(network).value for network in networks] == values
    assert accuracy.evaluate_all([]) == []


def test_every_number_says_what_it_is_and_how_far_it_is_off():
    accuracy = SurrogateAccuracy(small_surrogate(), SPACE)
    assert accuracy.description == (
        "ImageNet top-1 after short training, predicted by a regression on 4,100 networks of "
        "Accel-NASBench, nothing was trained here; on 512 others R2 0.980, Kendall tau 0.918, mean "
        "error 0.33 points"
    )
    assert accuracy.note == accuracy.description


def test_a_space_that_the_surrogate_does_not_know_is_refused():
    accuracy = SurrogateAccuracy(small_surrogate())
    accuracy.check_space(get_space("accel_nasbench"))
    with pytest.raises(
        ValueError, match="'accel_nasbench' only, not all of 'mnasnet': block 0, 'r"
    ):
        accuracy.check_space(get_space("mnasnet"))


def test_a_published_network_outside_the_space_is_refused():
    accuracy = SurrogateAccuracy(small_surrogate())
    skeleton = get_space("accel_nasbench").skeleton
    accuracy.check_network(skeleton)
    with pytest.raises(ValueError, match="stem_filters is 16, the space has 32"):
        accuracy.check_network(dataclasses.replace(skeleton, stem_filters=16))
    with pytest.raises(ValueError, match="mnasnet-a1 is outside the space 'accel_nasbench'"):
        accuracy.check_network(ARCHITECTURES["mnasnet-a1"])


def test_the_published_data_are_fitted_as_well_as_they_should_be():
    if not DATA.exists():
        pytest.skip(f"no Accel-NASBench at {DATA}; MNASNET_SHARED names the folder above data/")
    surrogate = load_surrogate(DATA)
    assert (surrogate.num_train, surrogate.num_test) == (4100, 512)
    assert surrogate.test_r2 == pytest.approx(0.982, abs=0.001)
    assert surrogate.test_tau == pytest.approx(0.919, abs=0.001)
    assert surrogate.test_error == pytest.approx(0.0033, abs=0.0001)
