import types
import zlib

import numpy as np
import pytest

from search.comparison.comparison import known_optimum
from search.comparison.runs import (
    VARIANTS,
    NoisyAccuracy,
    Run,
    run,
    variant_config,
    variant_settings,
)
from search.comparison.statistics import (
    Summary,
    checkpoints_of,
    holm,
    mann_whitney,
    verdicts,
)
from search.comparison.store import ComparisonStore
from search.evaluators import Evaluation, Infeasible
from search.hyperparameters import PAPER_CONTROLLER, PAPER_EVOLUTION, PAPER_PPO, PPOConfig
from search.loop import SearchConfig
from search.reward import RewardConfig
from search.search_space import Decision, SearchSpace

SPACE = SearchSpace([Decision(name, (0, 1, 2)) for name in "abcdef"], name="toy")
CONFIG = SearchConfig(RewardConfig(50.0), max_trials=60, batch_size=10)


def accuracy_of(network):
    return 0.3 + zlib.crc32(" ".join(network).encode()) % 1000 / 2500


def latency_of(network):
    return 20.0 + sum(int(string[-1]) for string in network)


def made_run(rewards, told=None, variant="random", seed=0, cpu_seconds=1.0):
    rewards = np.array(rewards, float)
    told = rewards if told is None else np.array(told, float)
    return Run(variant, seed, rewards, told, len(rewards), cpu_seconds)


def test_variants_named_paper_have_the_published_hyperparameters_the_others_the_config_s():
    config = SearchConfig(RewardConfig(50.0), ppo=PPOConfig(learning_rate=0.5))
    assert variant_config("ppo", config).ppo.learning_rate == 0.5
    paper = variant_config("paper_ppo", config)
    assert (paper.algorithm, paper.controller, paper.ppo) == ("ppo", PAPER_CONTROLLER, PAPER_PPO)
    assert variant_config("paper_evolution", config).evolution == PAPER_EVOLUTION
    assert variant_config("random", config).algorithm == "random"
    # What a variant does not depend on does not make its runs others.
    assert variant_settings("random", config) == {}
    assert list(variant_settings("evolution", config)) == ["evolution"]
    assert variant_settings("ppo", config)["ppo"]["learning_rate"] == 0.5


def test_an_unknown_variant_is_named_with_those_there_are():
    with pytest.raises(ValueError, match="unknown algorithm 'sgd', known are ppo, paper_ppo"):
        variant_config("sgd", CONFIG)


@pytest.mark.parametrize("variant", ["random", "evolution", "paper_evolution"])
def test_a_run_is_a_search_of_the_loop_and_the_same_each_time(variant):
    one, again = (run(variant, 3, SPACE, accuracy_of, latency_of, CONFIG) for _ in range(2))
    np.testing.assert_array_equal(one.rewards, again.rewards)
    assert len(one.rewards) == 60 and (one.variant, one.seed) == (variant, 3)
    np.testing.assert_array_equal(one.told, one.rewards)
    assert one.cpu_seconds > 0 and 1 < one.distinct <= 60
    other = run(variant, 4, SPACE, accuracy_of, latency_of, CONFIG)
    assert (other.rewards != one.rewards).any()


def test_noise_is_gaussian_of_the_size_asked_for_and_one_for_each_network_and_seed():
    noisy = NoisyAccuracy(lambda network: 0.5, 0.26, seed=1)
    networks = [(f"a={i}",) for i in range(4000)]
    errors = np.array([evaluation.value for evaluation in noisy.evaluate_all(networks)]) - 0.5
    # 0.26 points are 0.0026; the standard error of the deviation is 0.0026 / sqrt(8000).
    assert errors.std() == pytest.approx(0.0026, abs=4 * 0.0026 / 8000**0.5)
    assert errors.mean() == pytest.approx(0.0, abs=4 * 0.0026 / 4000**0.5)
    # A third of a Gaussian is further than 0.967 deviations from its mean.
    assert np.mean(np.abs(errors) > 0.967 * 0.0026) == pytest.approx(1 / 3, abs=0.03)
    assert noisy.evaluate(networks[7]).value == 0.5 + errors[7]
    assert NoisyAccuracy(lambda network: 0.5, 0.26, seed=2).evaluate(networks[7]).value != errors[7]
    assert noisy.evaluate(networks[7]).record["without_noise"] == 0.5


def test_noise_keeps_accuracies_in_range_and_infeasible_networks_infeasible():
    assert NoisyAccuracy(lambda network: 1.0, 1000.0, 0).evaluate(("x",)).value in (0.0, 1.0)

    def refuse(network):
        raise Infeasible("no")

    (evaluation,) = NoisyAccuracy(refuse, 0.26, 0).evaluate_all([("x",)])
    assert isinstance(evaluation, Infeasible)

    at_once = types.SimpleNamespace(
        evaluate=None, evaluate_all=lambda networks: [Evaluation(0.25, {"kind": "x"})] * 2
    )
    both = NoisyAccuracy(at_once, 0.0, 0).evaluate_all([("x",), ("y",)])
    assert [evaluation.value for evaluation in both] == [0.25, 0.25]
    assert both[0].record == {"kind": "x", "without_noise": 0.25}


def test_a_noisy_run_keeps_what_was_told_beside_the_reward_without_noise():
    exact = run("random", 0, SPACE, accuracy_of, latency_of, CONFIG)
    noisy = run("random", 0, SPACE, accuracy_of, latency_of, CONFIG, noise_points=2.0)
    # Random search does not listen, so both runs are of the same networks.
    np.testing.assert_allclose(noisy.rewards, exact.rewards, rtol=1e-12)
    relative = noisy.told / noisy.rewards
    assert 0.01 < relative.std() < 0.1


def test_infeasible_networks_have_their_reward_without_noise_too():
    config = SearchConfig(RewardConfig(50.0), max_trials=40, batch_size=10, max_latency_ms=25.0)
    slow = run("random", 0, SPACE, accuracy_of, latency_of, config, noise_points=1.0)
    assert (slow.rewards == 0).any() and (slow.rewards > 0).any()
    np.testing.assert_array_equal(slow.rewards == 0, slow.told == 0)


def test_best_so_far_and_what_the_noise_would_have_chosen():
    noisy = made_run([0.5, 0.6, 0.4, 0.7, 0.3], told=[0.5, 0.55, 0.65, 0.6, 0.65])
    np.testing.assert_array_equal(noisy.best, [0.5, 0.6, 0.6, 0.7, 0.7])
    # The third is told to be the best and stays so: 0.6 is less, and the last is but equal.
    np.testing.assert_array_equal(noisy.chosen, [0.5, 0.6, 0.4, 0.4, 0.4])


def test_checkpoints_are_those_below_the_last_trial_and_the_last():
    assert checkpoints_of(2000) == (100, 200, 500, 2000)
    assert checkpoints_of(300) == (100, 200, 300)
    assert checkpoints_of(8000) == (100, 200, 500, 2000, 8000)
    assert checkpoints_of(5) == (5,)


def test_a_summary_by_hand():
    runs = [made_run([0.1, 0.2, 0.4], cpu_seconds=3.0), made_run([0.3, 0.2, 0.1], cpu_seconds=6.0)]
    summary = Summary.of(runs)
    np.testing.assert_array_equal(summary.best, [[0.4], [0.3]])
    assert summary.cpu_seconds == 1500.0  # (1,000 + 2,000) / 2 for 1,000 trials
    assert summary.at_optimum(0.4) == 1
    assert summary.trials_to(0.15) == 2.0  # after 2 and after 1: the later
    assert summary.trials_to(0.35) == np.inf  # one of two never has it


def test_mann_whitney_by_hand():
    # All 3 x 3 pairs won; of the 20 ways to deal 6 ranks, 2 are as extreme: p = 2 / 20.
    assert mann_whitney(np.array([4.0, 5, 6]), np.array([1.0, 2, 3])) == (1.0, pytest.approx(0.1))
    # With equal ones: 1 of the pairs is won, 3 are equal; by symmetry nothing is shown.
    superiority, p = mann_whitney(np.array([1.0, 1.0]), np.array([1.0, 1.0]))
    assert (superiority, p) == (0.5, 1.0)
    # 2 2 3 against 1 1 2: pairs won 6 + 1, equal 2. Of the 20 ways 2 (or, mirrored, 2) deal as
    # extremely: {2, 2, 3} can be drawn from three 2s in 3 ways, {2, 2, 2} is less extreme.
    superiority, p = mann_whitney(np.array([2.0, 2, 3]), np.array([1.0, 1, 2]))
    assert superiority == pytest.approx((7 + 2 / 2) / 9)
    assert p == pytest.approx(2 * 3 / 20)


def test_holm_by_hand():
    # In order .01 x 3, .02 x 2, .04 x 1, none smaller than the one before it.
    assert holm([0.04, 0.01, 0.02]) == pytest.approx([0.04, 0.03, 0.04])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


def test_verdicts_say_better_worse_or_nothing_after_correction():
    rng = np.random.default_rng(0)
    summaries = [
        Summary.of(
            [made_run([level + 0.01 * rng.random()], variant=name, seed=s) for s in range(12)]
        )
        for name, level in (("random", 0.5), ("ppo", 0.6), ("reinforce", 0.4), ("evolution", 0.5))
    ]
    found = {verdict.variant: verdict for verdict in verdicts(summaries, "random")}
    assert {name: verdict.word for name, verdict in found.items()} == {
        "ppo": "better",
        "reinforce": "worse",
        "evolution": "no difference shown",
    }
    assert found["ppo"].superiority == 1.0 and found["reinforce"].superiority == 0.0
    assert found["ppo"].difference == pytest.approx(0.1, abs=0.01)
    # 2 of C(24, 12) = 2,704,156 ways; three verdicts, the two smallest p are equal.
    assert found["ppo"].p == pytest.approx(2 / 2704156)
    assert found["ppo"].p_holm == pytest.approx(3 * 2 / 2704156)
    assert verdicts(summaries, "paper_ppo") == []


def test_runs_are_kept_and_read_back_and_a_broken_one_is_none(tmp_path):
    store = ComparisonStore(tmp_path / "out", {"space": "toy"}, {"random": {}})
    kept = made_run([0.1, 0.3], told=[0.2, 0.1], seed=7, cpu_seconds=2.5)
    store.save(kept)
    again = ComparisonStore(tmp_path / "out", {"space": "toy"}, {"random": {}}).load("random", 7)
    np.testing.assert_array_equal(again.rewards, kept.rewards)
    np.testing.assert_array_equal(again.told, kept.told)
    assert (again.distinct, again.cpu_seconds) == (2, 2.5)
    assert store.load("random", 8) is None
    path = tmp_path / "out/runs/random-7.npz"
    path.write_bytes(path.read_bytes()[:60])
    assert store.load("random", 7) is None


def test_the_folder_of_another_comparison_is_refused_with_what_differs(tmp_path):
    ComparisonStore(tmp_path / "out", {"noise": 0.0}, {"ppo": {"rate": 1}})
    # More algorithms may join.
    ComparisonStore(tmp_path / "out", {"noise": 0.0}, {"random": {}})
    with pytest.raises(ValueError, match=r"noise is 0.0 there, 0.26 now"):
        ComparisonStore(tmp_path / "out", {"noise": 0.26}, {"random": {}})
    with pytest.raises(ValueError, match=r"ppo.rate is 1 there, 2 now"):
        ComparisonStore(tmp_path / "out", {"noise": 0.0}, {"ppo": {"rate": 2}})


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "search.sqlite").touch()
    with pytest.raises(ValueError, match="not empty and holds no comparison"):
        ComparisonStore(tmp_path, {}, {})
    with pytest.raises(ValueError, match="is a file"):
        ComparisonStore(tmp_path / "search.sqlite" / "x", {}, {})
    (tmp_path / "comparison.json").write_text("{")
    with pytest.raises(ValueError, match="damaged"):
        ComparisonStore(tmp_path, {}, {})


def test_without_a_surrogate_the_optimum_is_not_known():
    parts = types.SimpleNamespace(surrogate=None, config=CONFIG)
    assert known_optimum(parts) == (
        None,
        "The optimum is not known: accuracy is no sum of terms of pairs of choices.",
    )


def test_every_variant_can_be_configured():
    for name in VARIANTS:
        assert variant_config(name, CONFIG).max_trials == 60
