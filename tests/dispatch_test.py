"""Which network is timed and trained when; the tasks are done when a test says so."""

import dataclasses
import types
from concurrent.futures import Future

import pytest
from planted_evaluators import PlantedAccuracy, PlantedLatency, latency_of

from search.evaluators import Evaluation, Evaluator, Infeasible
from search.executors.dispatch import DispatchedMeasuring
from search.executors.measuring import Workload
from search.executors.pooled import PoolWorkers
from search.executors.tasks import Outcome, Task, WorkerName
from search.reward import RewardConfig
from search.trials import COMPLETED

REWARD = RewardConfig(target_latency_ms=20.0, infeasible_reward=-0.25)
SOMEBODY = WorkerName("a host", 7)


@dataclasses.dataclass
class ByHand:
    """A TaskRunner whose tasks are done when the test says so."""

    tasks: list = dataclasses.field(default_factory=list)

    def submit(self, task):
        future = Future()
        self.tasks.append((task, future))
        return future

    def workload(self):
        return Workload(workers=2)

    def finish(self, kind, network, value, lost=()):
        [(_, future)] = [(t, f) for t, f in self.tasks if t == Task(kind, network) and not f.done()]
        if isinstance(value, Exception):
            future.set_exception(value)
        else:
            future.set_result(Outcome(value, seconds=2.0, worker=SOMEBODY, lost=lost))

    @property
    def open(self):
        return [(task.kind, task.network) for task, future in self.tasks if not future.done()]


def test_a_network_is_trained_as_soon_as_it_is_timed_while_the_next_is_timed():
    runner, started = ByHand(), []
    evaluator = Evaluator(PlantedAccuracy(), PlantedLatency(), REWARD, max_latency_ms=30.0)
    measuring = DispatchedMeasuring(evaluator, started.append, runner)
    first, second, third = ("a=0",), ("b=0",), ("c=0",)
    measuring.submit([first, second, third])
    assert started == [first, second, third]
    runner.finish("latency", first, 20.0)
    runner.finish("latency", third, 40.0)  # too slow
    [slow] = measuring.finished()
    assert (slow.network, slow.reason) == (third, "latency 40 ms is over 30 ms")
    assert runner.open == [("latency", second), ("accuracy", first)]

    runner.finish("latency", second, Evaluation(10.0, {"clock": "mine"}))
    runner.finish("accuracy", first, 0.8)
    [done] = measuring.finished()
    # 20 ms is the target: the reward is the accuracy.
    assert (done.network, done.accuracy, done.reward) == (first, 0.8, 0.8)
    assert done.train_seconds == 2.0
    assert done.records["accuracy"]["worker"] == {"host": "a host", "process": 7}
    assert runner.open == [("accuracy", second)]


def test_what_workers_were_lost_over_a_network_stands_in_its_record():
    runner, network = ByHand(), ("a=0",)
    evaluator = Evaluator(PlantedAccuracy(), PlantedLatency(), REWARD)
    measuring = DispatchedMeasuring(evaluator, lambda network: None, runner)
    measuring.submit([network])
    runner.finish("latency", network, 20.0, lost=("a host burnt",))
    measuring._take(*measuring._done.get())
    runner.finish("accuracy", network, 0.8, lost=("one hung", "one died"))
    [done] = measuring.finished()
    assert (done.status, done.accuracy) == (COMPLETED, 0.8)
    assert done.records["lost_workers"] == ["a host burnt", "one hung", "one died"]


def test_what_costs_most_is_begun_first():
    def count(network):
        return types.SimpleNamespace(params=1, multiply_adds={"a": 5, "b": 70, "c": 6}[network[0]])

    runner, started = ByHand(), []
    evaluator = Evaluator(PlantedAccuracy(), latency_of, REWARD, count=count)
    DispatchedMeasuring(evaluator, started.append, runner).submit([("a",), ("b",), ("c",)])
    assert runner.open == [("latency", ("b",)), ("latency", ("c",)), ("latency", ("a",))]
    assert started == [("a",), ("b",), ("c",)]


def test_what_was_finished_before_a_failure_of_the_surroundings_is_kept():
    runner, first, second = ByHand(), ("a=0",), ("b=0",)
    evaluator = Evaluator(PlantedAccuracy(), latency_of, REWARD)
    measuring = DispatchedMeasuring(evaluator, lambda network: None, runner)
    measuring.submit([first, second])
    for network in (first, second):
        runner.finish("latency", network, 20.0)
        measuring._take(*measuring._done.get())
    runner.finish("accuracy", first, 0.8)
    runner.finish("accuracy", second, OSError("no space left on device"))
    [kept] = measuring.finished()
    assert (kept.network, kept.accuracy) == (first, 0.8)
    with pytest.raises(OSError, match="no space left"):
        measuring.finished()


def test_a_worker_hands_a_trained_network_over():
    class Done(ByHand):
        def submit(self, task):
            future = super().submit(task)
            future.set_result(Outcome(b"file", seconds=1.0))
            return future

    runner = Done()
    assert PoolWorkers(runner).tflite(("a=0",), 96, "int8") == b"file"
    assert [task for task, _ in runner.tasks] == [Task("tflite", ("a=0",), (96, "int8"))]


def test_a_network_that_no_worker_can_hand_over_is_infeasible():
    class Refuses(ByHand):
        def submit(self, task):
            future = super().submit(task)
            future.set_result(Outcome(Infeasible("the loss is not finite"), seconds=1.0))
            return future

    with pytest.raises(Infeasible, match="the loss is not finite"):
        PoolWorkers(Refuses()).tflite(("a=0",), 96, "none")
