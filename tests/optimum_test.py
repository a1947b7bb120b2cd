import itertools
import os
import pathlib
import types

import numpy as np
import pytest

from mnasnet.stats import count
from search.latency import EstimatedLatency
from search.optimum.block_latency import BlockLatency, block_latency
from search.optimum.branch_and_bound import find_optimum
from search.reward import RewardConfig, named_reward, reward
from search.search_space import Decision, SearchSpace, get_space
from search.spaces.accel_nasbench import accel_nasbench_space
from search.surrogate.regression import Surrogate, first_places, load_surrogate

DATA = pathlib.Path(os.environ.get("MNASNET_SHARED", "../shared")) / "data/accel_nasbench"


def made_up(seed, num_choices=(3, 2, 3, 2, 4, 2)):
    """A surrogate over three blocks of two decisions, and a latency of each block of 10 - 40 ms."""
    rng = np.random.default_rng(seed)
    width = sum(num_choices)
    owner = np.repeat(np.arange(len(num_choices)), num_choices)
    pairs = rng.normal(0, 0.01, (width, width)) * (owner[:, None] < owner)
    single = rng.normal(0, 0.02, width)
    surrogate = Surrogate(
        num_choices, 0.6, single, pairs,
        **dict.fromkeys(("data", "num_train", "num_test", "test_r2", "test_tau", "test_error")),
    )  # fmt: skip
    positions = ((0, 1), (2, 3), (4, 5))
    tokens = tuple(
        np.array(list(itertools.product(*(range(num_choices[p]) for p in places))))
        for places in positions
    )
    latency = BlockLatency(
        5.0, positions, tokens, tuple(rng.uniform(10, 40, len(choices)) for choices in tokens)
    )
    return surrogate, latency


def brute_force(surrogate, latency, config, limit=np.inf):
    """(reward, tokens) of the best of all networks."""
    tokens = np.array(list(itertools.product(*map(range, surrogate.num_choices))))
    onehot = np.zeros((len(tokens), len(surrogate.single)))
    np.put_along_axis(onehot, tokens + first_places(surrogate.num_choices), 1, axis=1)
    accuracy = surrogate.intercept + onehot @ surrogate.single
    accuracy += np.einsum("ni,ij,nj->n", onehot, surrogate.pairs, onehot)
    milliseconds = np.full(len(tokens), latency.base_ms)
    for positions, choices, added in zip(
        latency.positions, latency.tokens, latency.added_ms, strict=True
    ):
        row_of = {tuple(choice): row for row, choice in enumerate(choices)}
        rows = [row_of[tuple(network)] for network in tokens[:, list(positions)]]
        milliseconds += added[rows]
    rewards = reward(accuracy, milliseconds, config)
    rewards[milliseconds > limit] = -np.inf
    return rewards.max(), tuple(tokens[rewards.argmax()])


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "config",
    [
        *(named_reward(name, 60.0) for name in ("soft", "hard", "two_slope", "absolute")),
        named_reward("hard", 90.0),
        named_reward("absolute", 100.0),
        RewardConfig(70.0, alpha=-0.3, beta=-2.5),  # curves upwards above the target
        RewardConfig(1.0, alpha=0.0, beta=0.0),
    ],
    ids=lambda config: f"{config.form} {config.alpha} {config.beta} {config.target_latency_ms}",
)
def test_the_optimum_is_that_of_trying_all_networks(config, seed):
    surrogate, latency = made_up(seed)
    optimum = find_optimum(surrogate, latency, config)
    expected, tokens = brute_force(surrogate, latency, config)
    assert optimum.reward == pytest.approx(expected, abs=1e-12)
    assert optimum.tokens == tokens
    assert reward(optimum.accuracy, optimum.latency_ms, config) == optimum.reward


def test_strong_pairs_mislead_greedy_choices_but_not_the_proof():
    surrogate, latency = made_up(7)
    # Pairs ten times as strong as single choices, of several signs: many local optima.
    surrogate = Surrogate(**{**vars(surrogate), "pairs": surrogate.pairs * 4})
    config = named_reward("soft", 60.0)
    optimum = find_optimum(surrogate, latency, config)
    assert optimum.reward == pytest.approx(brute_force(surrogate, latency, config)[0], abs=1e-12)


@pytest.mark.parametrize("limit", [60.0, 75.0, 90.0])
def test_networks_over_the_limit_do_not_count(limit):
    surrogate, latency = made_up(1)
    config = RewardConfig(60.0, alpha=0.0, beta=0.0)
    optimum = find_optimum(surrogate, latency, config, limit)
    assert optimum.latency_ms <= limit
    assert optimum.reward == pytest.approx(
        brute_force(surrogate, latency, config, limit)[0], abs=1e-12
    )


def test_a_limit_below_all_networks_is_an_error_that_names_the_fastest():
    surrogate, latency = made_up(0)
    with pytest.raises(ValueError, match=r"within 2 ms, the fastest takes \d+"):
        find_optimum(surrogate, latency, named_reward("soft", 60.0), 2.0)


def estimate(space):
    return EstimatedLatency(
        "estimate:pixel1",
        224,
        lambda network: count(space.architecture(network)),
        1000,
    )


def test_the_estimate_is_a_sum_over_the_blocks_of_accel_nasbench():
    space = accel_nasbench_space()
    latency = estimate(space)
    blocks = block_latency(space, latency)
    # 3 expand ratios x 2 kernels x 3 numbers of layers (block 5: 4) x 2 squeeze ratios.
    assert [len(added) for added in blocks.added_ms] == [36, 36, 36, 36, 36, 48, 36]
    for tokens in space.sample_uniform(np.random.default_rng(3), 20):
        added = blocks.base_ms
        for positions, choices, ms in zip(
            blocks.positions, blocks.tokens, blocks.added_ms, strict=True
        ):
            added += ms[(choices == tokens[list(positions)]).all(axis=1)].item()
        assert added == pytest.approx(latency.measure(space.decode(tokens)).value, rel=1e-12)
    assert blocks.fastest_ms < added < blocks.slowest_ms


def test_blocks_whose_filters_are_decisions_are_refused():
    space = get_space("mnasnet")
    with pytest.raises(ValueError, match="of block 0 change block 1"):
        block_latency(space, estimate(space))


def test_a_clock_is_refused():
    clock = types.SimpleNamespace(settings={"kind": "host"})
    with pytest.raises(ValueError, match="the latency is host, which need not be a sum"):
        block_latency(accel_nasbench_space(), clock)


def test_a_latency_that_is_no_sum_after_all_is_refused():
    space = SearchSpace(
        [Decision(f"block_{b}/kernel", (3, 5)) for b in range(2)],
        lambda kernels: tuple(f"r1_k{k}_s11_e1_i8_o8" for k in kernels),
        lambda strings: None,
    )

    def measure(network):
        return types.SimpleNamespace(value=1.0 + (network[0] == network[1]))

    latency = types.SimpleNamespace(settings={"kind": "estimate:odd"}, measure=measure)
    # Both blocks "add" -1 ms to the 2 ms of the first network, but together they take 2 again.
    with pytest.raises(ValueError, match="blocks add up to 0 ms where a network takes 2 ms"):
        block_latency(space, latency)


@pytest.mark.skipif(not DATA.is_dir(), reason=f"there is no {DATA}")
def test_on_the_published_data_no_search_from_random_networks_gets_above_the_optimum():
    space, config = accel_nasbench_space(), named_reward("soft", 60.0)
    surrogate, latency = load_surrogate(DATA), estimate(space)
    optimum = find_optimum(surrogate, block_latency(space, latency), config)
    assert 0.65 < optimum.reward < 0.67
    network = space.decode(optimum.tokens)
    accuracy = surrogate.predict(np.array([optimum.tokens]))[0]
    assert accuracy == pytest.approx(optimum.accuracy, abs=1e-12)
    assert latency.measure(network).value == pytest.approx(optimum.latency_ms, rel=1e-12)

    # Steepest ascent over pairs of decisions from 10 networks.
    num_choices = [len(decision.choices) for decision in space.decisions]
    blocks = block_latency(space, latency)

    def rewards(tokens):
        ms = np.full(len(tokens), blocks.base_ms)
        for places, choices, added in zip(
            blocks.positions, blocks.tokens, blocks.added_ms, strict=True
        ):
            shape = tuple(choices.max(axis=0) + 1)
            ms += added[np.ravel_multi_index(tokens[:, list(places)].T, shape)]
        return reward(surrogate.predict(tokens), ms, config)

    found = []
    for start in space.sample_uniform(np.random.default_rng(0), 5):
        best, value = start, -1.0
        while True:
            neighbours = []
            for i, j in itertools.combinations(range(len(num_choices)), 2):
                for a, b in itertools.product(range(num_choices[i]), range(num_choices[j])):
                    changed = best.copy()
                    changed[[i, j]] = a, b
                    neighbours.append(changed)
            values = rewards(np.array(neighbours))
            if values.max() <= value:
                break
            best, value = neighbours[values.argmax()], values.max()
        found.append(value)
    assert max(found) <= optimum.reward + 1e-9
    assert max(found) > optimum.reward - 0.003  # so it is not a bound that nothing comes near
