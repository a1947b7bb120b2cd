"""Tests of search.sweeping.sweep, on a made-up objective, without TensorFlow but for PPO."""

import random

import numpy as np
import pytest

from search.front import pareto_positions
from search.loop import SearchConfig
from search.reward import RewardConfig, reward
from search.search_space import Decision, SearchSpace
from search.sweeping.sweep import Sweep, SweepConfig, Turns
from search.workdir import SettingsMismatch

SPACE = SearchSpace([Decision(name, (0, 1, 2)) for name in "abcdefgh"], name="toy")
REWARD = RewardConfig(target_latency_ms=50.0)
EXPONENTS = (-0.1, -0.3, -0.9)


def digits(network):
    return np.array([int(string[-1]) for string in network])


def accuracy_of(network):
    return 0.3 + 0.6 * float(digits(network) @ np.arange(8, 0, -1)) / 72


def latency_of(network):
    return 20.0 + float(digits(network) @ np.array([9, 2, 7, 4, 5, 1, 8, 3]))


class Counted:
    """A function that keeps what it was asked, and stops the sweep when told."""

    def __init__(self, function, stop_at=None):
        self.function, self.stop_at, self.asked = function, stop_at, []

    def __call__(self, network):
        if len(self.asked) == self.stop_at:
            raise KeyboardInterrupt
        self.asked.append(network)
        return self.function(network)


def config(values=EXPONENTS, kind="exponents", max_trials=120, batch_size=10, **fields):
    fields = {"algorithm": "evolution", "reward": REWARD} | fields
    return SweepConfig(
        kind, values, SearchConfig(max_trials=max_trials, batch_size=batch_size, **fields)
    )


def sweep(path=None, accuracy=accuracy_of, latency=latency_of, **fields):
    with Sweep(SPACE, accuracy, latency, config(**fields), path=path) as running:
        while not running.done:
            running.advance()
        return running.trials()


def rows(trials):
    return [(t.trial, t.tokens, t.measured.accuracy, t.reward, t.reused_from) for t in trials]


def test_trials_are_dealt_out_in_batches_and_numbered_in_the_order_of_turns():
    turns = Turns(searches=3, batch_size=10)
    # 75 trials are seven whole batches and half of one: 0 3 6 | 1 4 and the half | 2 5.
    assert [turns.share(search, 75) for search in range(3)] == [30, 25, 20]
    assert [turns.number(1, trial) for trial in (0, 9, 10)] == [10, 19, 40]
    assert [turns.search(number) for number in (0, 10, 19, 20, 30, 40)] == [0, 1, 1, 2, 0, 1]
    numbers = {turns.number(s, trial) for s in range(3) for trial in range(turns.share(s, 75))}
    assert numbers == set(range(75))


def test_each_search_is_rewarded_by_its_own_exponent_and_keeps_its_share_of_the_budget():
    trials = sweep()
    turns = Turns(3, 10)
    assert [trial.trial for trial in trials] == list(range(120))
    for trial in trials:
        exponent = EXPONENTS[turns.search(trial.trial)]
        expected = trial.measured.accuracy * (trial.measured.latency_ms / 50) ** exponent
        assert trial.reward == pytest.approx(expected)


def test_a_network_is_measured_once_whoever_proposes_it():
    tiny = SearchSpace([Decision("a", (0, 1)), Decision("b", (0, 1, 2))])
    accuracy, latency = Counted(lambda n: 0.5), Counted(lambda n: 50.0)
    settings = config(algorithm="random", max_trials=60)
    with Sweep(tiny, accuracy, latency, settings) as running:
        while not running.done:
            running.advance()
        trials = running.trials()
    assert len(accuracy.asked) == len(set(accuracy.asked)) == 6
    assert accuracy.asked == latency.asked
    first = {}
    for trial in trials:
        expected = first.setdefault(trial.network, trial.trial)
        assert trial.reused_from == (None if expected == trial.trial else expected)


def test_before_its_turn_a_search_hears_of_the_others_batches_since_its_last():
    with Sweep(SPACE, accuracy_of, latency_of, config(algorithm="random")) as running:
        heard = []
        for number, search in enumerate(running.searches):
            search.observe = lambda trials, number=number: heard.append(
                (number, [trial.tokens for trial in trials])
            )
        while not running.done:
            running.advance()
        tokens = [trial.tokens for trial in running.trials()]
    # Turn b is told of the two batches before it; the first turns of fewer.
    assert [number for number, _ in heard] == [0, 1, 2] * 4
    assert heard[0][1] == []
    assert heard[1][1] == tokens[:10]
    for turn in range(2, 12):
        assert heard[turn][1] == tokens[10 * (turn - 2) : 10 * turn]


def test_an_observed_reward_is_by_the_formula_of_the_search_that_hears():
    class Listener:
        def observe(self, tokens, rewards):
            self.heard = tokens.tolist(), rewards

    with Sweep(SPACE, accuracy_of, latency_of, config(algorithm="random")) as running:
        running.advance()
        first = running.searches[0].store.trials()
        running.searches[2]._algorithm = listener = Listener()
        running.searches[2].observe(first)
    accuracies = np.array([trial.measured.accuracy for trial in first])
    latencies = np.array([trial.measured.latency_ms for trial in first])
    assert listener.heard[0] == [list(trial.tokens) for trial in first]
    expected = reward(accuracies, latencies, RewardConfig(50.0, -0.9, -0.9))
    assert listener.heard[1] == pytest.approx(expected)


@pytest.mark.parametrize("algorithm", ["evolution", "random"])
def test_a_sweep_stopped_at_random_and_started_again_equals_one_left_alone(algorithm, tmp_path):
    alone = sweep(algorithm=algorithm)
    moments = random.Random(3)
    stops = 0
    for _ in range(8):
        stopping = Counted(latency_of, moments.randrange(20))
        try:
            sweep(tmp_path, latency=stopping, algorithm=algorithm)
        except KeyboardInterrupt:
            stops += 1
    assert stops >= 3
    assert rows(sweep(tmp_path, algorithm=algorithm)) == rows(alone)


def test_without_a_checkpoint_a_search_learns_again_of_its_own_and_the_others(tmp_path):
    alone = sweep(max_trials=240)
    sweep(tmp_path, max_trials=150)
    (tmp_path / "exponent-0.3" / "checkpoints" / "algorithm.npz").unlink()
    again = Counted(accuracy_of)
    assert rows(sweep(tmp_path, accuracy=again, max_trials=240)) == rows(alone)
    assert not set(again.asked) & {trial.network for trial in alone[:150]}


def test_raising_max_trials_equals_having_had_it_from_the_start(tmp_path):
    for max_trials in (30, 47, 120):  # 47 ends inside a batch
        trials = sweep(tmp_path, max_trials=max_trials)
        assert len(trials) == max_trials
    assert rows(trials) == rows(sweep())


def test_the_searches_of_a_sweep_spread_along_the_front():
    trials = sweep(max_trials=600)
    turns = Turns(3, 10)
    latencies = [[], [], []]
    for trial in trials[300:]:
        latencies[turns.search(trial.trial)].append(trial.measured.latency_ms)
    slow, middle, fast = map(np.median, latencies)
    assert slow > middle > fast
    front = pareto_positions(
        [trial.measured.accuracy for trial in trials],
        [trial.measured.latency_ms for trial in trials],
    )
    assert len({turns.search(trials[position].trial) for position in front}) == 3


def test_a_sweep_of_targets_gives_each_search_its_target():
    settings = config((40.0, 60.0), "targets", reward=RewardConfig(50.0, -0.07, -0.3))
    assert [(s.reward.target_latency_ms, s.reward.beta) for s in settings.searches] == [
        (40.0, -0.3),
        (60.0, -0.3),
    ]
    assert settings.names == ("target-40ms", "target-60ms")


def test_the_folder_of_another_sweep_or_of_a_search_is_refused(tmp_path):
    sweep(tmp_path, max_trials=30)
    with pytest.raises(SettingsMismatch, match=r"sweep\.values is \[-0\.1, .* there, \[-0\.2, "):
        sweep(tmp_path, values=(-0.2, -0.3), max_trials=30)
    from search.loop import run_search

    single = SearchConfig(REWARD, max_trials=10, batch_size=10, algorithm="evolution")
    for folder in (tmp_path, tmp_path / "exponent-0.1"):
        with pytest.raises(SettingsMismatch, match=r"sweep\.kind is 'exponents' there, None now"):
            run_search(SPACE, accuracy_of, latency_of, single, workdir=folder)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"values": (-0.1,)}, "two or more different exponents, got -0.1"),
        ({"values": (-0.1, -0.1)}, "two or more different exponents, got -0.1, -0.1"),
        ({"values": (-0.1, 0.2)}, "exponent 0.2 of the sweep must be below 0"),
        ({"values": (40.0, -1.0), "kind": "targets"}, "target -1 ms of the sweep must be over 0"),
        ({"max_trials": 29}, "max_trials is 29, a sweep of 3 searches with batches of 10 needs 30"),
        ({"kind": "alphas"}, "unknown sweep 'alphas', known are exponents, targets"),
        ({"reward": RewardConfig(50.0, form="absolute")}, "the absolute reward has none"),
    ],
)
def test_impossible_sweeps_are_named(fields, told):
    with pytest.raises(ValueError, match=told):
        config(**fields)
