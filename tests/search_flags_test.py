import pytest
from absl import flags

from search import search_flags
from search.hyperparameters import (
    PAPER_CONTROLLER,
    PAPER_EVOLUTION,
    PAPER_PPO,
    ControllerConfig,
    EvolutionConfig,
    PPOConfig,
)
from search.loop import SearchConfig


@pytest.fixture
def parse():
    yield lambda *arguments: flags.FLAGS(["test", *arguments])
    flags.FLAGS.unparse_flags()
    for module_flags in flags.FLAGS.flags_by_module_dict().values():
        for flag in module_flags:
            flag.unparse()


def test_without_flags_the_hyperparameters_are_the_defaults(parse):
    parse()
    config = search_flags.search_config()
    assert isinstance(config, SearchConfig)
    assert (config.controller, config.ppo) == (ControllerConfig(), PPOConfig())


def test_the_paper_s_setting_is_a_flag(parse):
    parse("--hyperparameters=paper")
    config = search_flags.search_config()
    assert (config.controller, config.ppo) == (PAPER_CONTROLLER, PAPER_PPO)
    assert config.ppo.learning_rate == 3.5e-4


def test_single_hyperparameters_replace_those_of_the_setting(parse):
    parse("--hyperparameters=paper", "--ppo_clip_range=0.3", "--controller_units=64")
    config = search_flags.search_config()
    assert config.ppo.clip_range == 0.3
    assert config.ppo.learning_rate == PAPER_PPO.learning_rate
    assert config.controller.units == 64


def test_evolution_has_its_flags_too(parse):
    parse()
    assert search_flags.search_config().evolution == EvolutionConfig()
    parse("--algorithm=evolution", "--hyperparameters=paper", "--evolution_population_size=30")
    config = search_flags.search_config()
    assert config.algorithm == "evolution"
    assert config.evolution == EvolutionConfig(30, PAPER_EVOLUTION.tournament_size, 0)


def test_an_impossible_hyperparameter_is_named(parse):
    parse("--ppo_clip_range=2")
    with pytest.raises(ValueError, match=r"clip_range must be in \(0, 1\), got 2.0"):
        search_flags.search_config()


def test_named_rewards_and_exponents_reach_the_config(parse):
    parse("--reward=two_slope", "--target_latency_ms=40", "--beta=-0.5")
    reward = search_flags.search_config().reward
    assert (reward.target_latency_ms, reward.alpha, reward.beta) == (40.0, -0.07, -0.5)


def test_landmarks_and_the_space_follow_from_names(parse):
    parse("--references=mnasnet-small", "--reference=mnasnet-a1")
    assert [architecture.name for architecture in search_flags.landmarks()] == ["mnasnet-small"]
    space = search_flags.search_space()
    assert (space.size, space.skeleton.name) == (432**7, "mnasnet-a1")


def test_the_reward_of_an_infeasible_network_is_a_flag(parse):
    parse("--reward=absolute")
    assert search_flags.search_config().reward.infeasible_reward == -1.0
    parse("--infeasible_reward=-0.5")
    assert search_flags.search_config().reward.infeasible_reward == -0.5


def test_landmarks_are_trained_by_default_and_not_asked_of_a_surrogate(parse):
    parse()
    names = [architecture.name for architecture in search_flags.landmarks()]
    assert names == ["mnasnet-a1", "mobilenet-v2"]
    parse("--accuracy=surrogate")
    assert search_flags.landmarks() == []
    parse("--accuracy=surrogate", "--references=mnasnet-small")
    assert [architecture.name for architecture in search_flags.landmarks()] == ["mnasnet-small"]


def test_a_space_of_published_data_has_no_reference(parse):
    parse("--search_space=accel_nasbench")
    assert search_flags.search_space().name == "accel_nasbench"
    parse("--reference=mnasnet-a1")
    with pytest.raises(ValueError, match="takes no reference, got 'mnasnet-a1'"):
        search_flags.search_space()
