"""Workers that sleep: their trials are real, their busy share is what they slept."""

import functools
import time

import pytest

from benchmarks.scale import Setting, cost_row, measure
from benchmarks.sleeping_executor import SleepingExecutor, made_up_accuracy
from search.executors.dispatch import DispatchedMeasuring
from search.executors.tasks import Task
from search.loop import run_search
from search.reward import RewardConfig
from search.search_config import SearchConfig
from search.search_space import Decision, SearchSpace

SPACE = SearchSpace([Decision(name, range(4)) for name in "abcd"], name="toy")
CONFIG = SearchConfig(
    reward=RewardConfig(target_latency_ms=50.0), max_trials=60, batch_size=12, algorithm="random"
)


class Latency:
    def __init__(self):
        self.settings = {}

    def measure_all(self, networks):
        return [20.0] * len(networks)

    def measure(self, network):
        return 20.0


def test_sleeping_workers_find_what_one_that_is_awake_finds():
    alone = run_search(SPACE, made_up_accuracy, Latency(), CONFIG)
    with SleepingExecutor(workers=5, unit=0.0005) as executor:
        many = run_search(
            SPACE,
            lambda network: 0.0,
            Latency(),
            CONFIG,
            measuring=functools.partial(DispatchedMeasuring, runner=executor),
        )
    told = [
        [(t.trial, t.network, t.measured.accuracy, t.reward, t.reused_from) for t in result.trials]
        for result in (alone, many)
    ]
    assert told[0] == told[1]
    assert len(set(t.measured.accuracy for t in many.trials)) > 20
    assert executor.workload().training == 0


def test_two_of_three_tasks_wait_for_one_worker_and_end_in_their_order():
    ended = []
    with SleepingExecutor(workers=1, unit=0.02) as executor:
        futures = [executor.submit(Task("accuracy", (name,))) for name in "abc"]
        told = executor.workload()
        assert (told.workers, told.training, told.waiting) == (1, 1, 2)
        for name, future in zip("abc", futures, strict=True):
            future.add_done_callback(lambda _, name=name: ended.append(name))
        for future in futures:
            future.result(timeout=10)
        # it begins the next when it wakes, and all that it does is sleep
        assert 0.5 < executor.busy_share(with_tail=True) <= 1
    assert ended == ["a", "b", "c"]


def test_times_spread_tenfold():
    with SleepingExecutor(workers=1000, unit=0.001) as executor:
        futures = [executor.submit(Task("accuracy", (f"network {i}",))) for i in range(1000)]
        seconds = sorted(future.result(timeout=10).seconds for future in futures)
    assert 0.001 <= seconds[0] < 0.0011
    assert 0.0095 < seconds[-1] <= 0.01
    # log-uniform: half of them under sqrt(1 x 10) units
    assert seconds[500] == pytest.approx(0.00316, rel=0.1)


def test_what_the_driver_costs_is_counted_in_windows_and_without_the_workers():
    cost = measure(Setting(workers=4, trials=60, algorithm="random", batch_size=10, unit=0.0002))
    # 6 updates; of windows of half of all trials, three updates, three begin after an update
    assert len(cost.cpu_ms) == 3
    assert all(0 < ms < 1000 for ms in cost.cpu_ms)
    assert 0 < cost.memory_mb[0] <= cost.memory_mb[1] <= cost.memory_mb[2]
    assert all(0 < share <= 1 for share in cost.busy)
    row = cost_row(Setting(workers=4, trials=60, algorithm="random"), cost)
    assert row.startswith("| 4 | random | ")
    assert row.count("|") == 12


def test_an_executor_that_is_closed_leaves_no_thread():
    with SleepingExecutor(workers=2, unit=60) as executor:
        executor.submit(Task("accuracy", ("a",)))
        time.sleep(0.01)
    assert not executor._thread.is_alive()
