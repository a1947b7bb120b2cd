"""What becomes of tasks whose workers are lost; the workers are pretended."""

import itertools
import threading
import time

import pytest

from search.evaluators import Infeasible
from search.executors.measuring import Workload
from search.executors.pool import WorkerPool
from search.executors.tasks import (
    HostLost,
    Outcome,
    Task,
    WorkerLost,
    WorkerName,
    WorkersFailed,
)

TASK = Task("accuracy", ("a=0",))


class Pretended:
    """A Worker whose life a test tells."""

    name, alive = WorkerName("pretended"), True

    def run(self, task, timeout):
        return Outcome(1.0, 0.0)

    def close(self):
        pass


def in_turn(*deeds):
    """Makes workers that are one: for one task after the other it raises, or has an outcome."""
    left = list(deeds)

    class Scripted(Pretended):
        def run(self, task, timeout):
            deed = left.pop(0)
            if isinstance(deed, Exception):
                raise deed
            return Outcome(deed, 2.0, self.name)

    return Scripted


def outcome(*deeds, max_retries, task=TASK):
    """What becomes of a task, and the retries that were counted."""
    make = in_turn(*deeds)
    pool = WorkerPool({"accuracy": [make], "latency": [make]}, max_retries=max_retries)
    try:
        return pool.submit(task).result(timeout=60), pool.workload().retries
    finally:
        pool.close()


def test_a_task_whose_worker_was_lost_is_begun_again():
    done, retries = outcome(WorkerLost("one"), WorkerLost("two"), 0.8, max_retries=2)
    assert done == Outcome(0.8, 2.0, Pretended.name, lost=("one", "two"))
    assert retries == 2


def test_a_task_that_loses_too_many_workers_is_infeasible():
    done, retries = outcome(WorkerLost("one"), WorkerLost("two"), 0.8, max_retries=1)
    assert isinstance(done.value, Infeasible)
    assert str(done.value) == "accuracy failed 2 times: two"
    assert (done.lost, done.worker, retries) == (("one", "two"), None, 1)
    done, _ = outcome(WorkerLost("one"), max_retries=0, task=Task("latency", ("a=0",)))
    assert str(done.value) == "latency failed once: one"


def test_where_the_first_networks_are_all_given_up_it_is_not_their_fault():
    all_are_there = threading.Event()

    class Hangs(Pretended):
        def run(self, task, timeout):
            all_are_there.wait(timeout=60)
            raise WorkerLost("took longer than 1 s (--trial_timeout)")

    pool = WorkerPool({"accuracy": [Hangs] * 2})
    futures = [pool.submit(Task("accuracy", (str(i),))) for i in range(8)]
    all_are_there.set()
    for future in futures:
        with pytest.raises(WorkersFailed, match=r"^none of the first 5 .* \(--trial_timeout\)$"):
            future.result(timeout=60)
    pool.close()


def test_what_is_given_up_waits_until_another_network_comes_through():
    may_end, lost = threading.Event(), threading.Event()

    class Scripted(Pretended):
        def run(self, task, timeout):
            if task.network == ("kills",):
                lost.set()
                raise WorkerLost("it died")
            may_end.wait(timeout=60)
            return Outcome(1.0, 0.0)

    pool = WorkerPool({"accuracy": [Scripted] * 2})
    good, bad = (pool.submit(Task("accuracy", (name,))) for name in ("good", "kills"))
    lost.wait(timeout=60)
    while pool.workload().training > 1:
        time.sleep(0.01)
    assert not bad.done()
    may_end.set()
    assert good.result(timeout=60).value == 1.0
    assert str(bad.result(timeout=60).value) == "accuracy failed once: it died"
    pool.close()


def test_those_who_are_given_up_in_one_moment_do_not_wait_for_each_other():
    class Dies(Pretended):
        def run(self, task, timeout):
            raise WorkerLost("it died")

    for _ in range(50):
        pool = WorkerPool({"accuracy": [Dies] * 2, "latency": [Dies] * 2})
        tasks = [Task(kind, (name,)) for kind in ("latency", "accuracy") for name in "ab"]
        for future in [pool.submit(task) for task in tasks]:
            assert str(future.result(timeout=60).value).endswith("failed once: it died")
        pool.close()


def test_workers_that_went_with_their_hosts_do_not_count_against_a_task():
    hosts = [HostLost("host a was lost")] * 5
    done, retries = outcome(*hosts, 0.8, max_retries=0)
    assert (done.value, done.lost, retries) == (0.8, ("host a was lost",) * 5, 5)
    done, _ = outcome(*hosts, WorkerLost("a worker was lost"), max_retries=0)
    assert str(done.value) == "accuracy failed once: a worker was lost"
    assert len(done.lost) == 6


def test_what_an_evaluator_raised_is_raised_to_whoever_asked_and_not_tried_again():
    with pytest.raises(OSError, match="no space left"):
        outcome(OSError("no space left on device"), 0.8, max_retries=3)


def test_those_who_train_hand_trained_networks_over_and_those_who_time_do_not_wait_for_them():
    begun, may_end = threading.Semaphore(0), threading.Event()

    class Waits(Pretended):
        def run(self, task, timeout):
            begun.release()
            may_end.wait(timeout=60)
            return Outcome(task.kind, 0.0)

    pool = WorkerPool({"accuracy": [Waits], "latency": [Waits]})
    kinds = ["tflite", "latency", "accuracy"]
    futures = [pool.submit(Task(kind, ("a=0",))) for kind in kinds]
    assert begun.acquire(timeout=60) and begun.acquire(timeout=60)
    told = pool.workload()
    assert (told.workers, told.training, told.timing, told.waiting) == (1, 1, 1, 1)
    assert 0 < told.busy_share <= 1
    may_end.set()
    assert [future.result(timeout=60).value for future in futures] == kinds
    pool.close()


def test_no_more_workers_start_than_there_are_tasks():
    made = []

    def make():
        made.append(threading.current_thread().name)
        return Pretended()

    pool = WorkerPool({"accuracy": [make] * 9, "latency": [make] * 9})
    assert pool.workload() == Workload(workers=9)
    assert made == []
    for _ in range(2):
        pool.submit(TASK).result(timeout=60)
    pool.close()
    assert sorted(made) == ["accuracy-0", "accuracy-1", "latency-0", "latency-1"]


def test_a_lost_task_comes_before_those_that_wait():
    order = []

    class LosesTheFirst(Pretended):
        def run(self, task, timeout):
            order.append(task.network)
            if len(order) == 1:
                all_are_there.wait(timeout=60)
                raise WorkerLost("it died")
            return Outcome(1.0, 0.0)

    all_are_there = threading.Event()
    pool = WorkerPool({"accuracy": [LosesTheFirst]}, max_retries=1)
    futures = [pool.submit(Task("accuracy", (name,))) for name in "abc"]
    all_are_there.set()
    for future in futures:
        future.result(timeout=60)
    pool.close()
    assert order == [("a",), ("a",), ("b",), ("c",)]


def test_only_what_is_of_a_trial_has_a_limit_of_time():
    class Tells(Pretended):
        def run(self, task, timeout):
            return Outcome(timeout, 0.0)

    pool = WorkerPool({"accuracy": [Tells], "latency": [Tells]}, timeout=7.0)
    kinds = ("accuracy", "latency", "tflite")
    limits = [pool.submit(Task(kind, ("a",))).result(timeout=60).value for kind in kinds]
    pool.close()
    assert limits == [7.0, 7.0, None]


def test_what_fails_for_all_ends_what_waits_and_what_comes_after():
    begun, may_end = threading.Event(), threading.Event()

    class Waits(Pretended):
        def run(self, task, timeout):
            begun.set()
            may_end.wait(timeout=60)
            return Outcome(1.0, 0.0)

    pool = WorkerPool({"accuracy": [Waits]})
    running, waiting = pool.submit(TASK), pool.submit(Task("accuracy", ("b",)))
    begun.wait(timeout=60)
    pool.fail(WorkersFailed("the cluster is gone"))
    for future in (running, waiting, pool.submit(TASK)):
        with pytest.raises(WorkersFailed, match="the cluster is gone"):
            future.result(timeout=60)
    may_end.set()
    pool.close()


def test_a_host_that_is_lost_while_workers_start_is_nobodys_fault():
    left = [HostLost("a host burnt")] * 5

    def make():
        if left:
            raise left.pop()
        return Pretended()

    pool = WorkerPool({"accuracy": [make]})
    assert pool.submit(TASK).result(timeout=60).value == 1.0
    pool.close()
    with pytest.raises(WorkerLost, match="the search is over"):
        pool.submit(TASK).result(timeout=60)


def test_workers_that_die_together_while_they_start_do_not_end_the_search():
    together, starts = threading.Barrier(4), itertools.count()

    def make():
        first = next(starts) < 4  # a host with four of them is lost
        together.wait(timeout=60)
        if first:
            raise WorkerLost("the host burnt")
        return Pretended()

    pool = WorkerPool({"accuracy": [make] * 4})
    for future in [pool.submit(TASK) for _ in range(4)]:
        assert future.result(timeout=60).value == 1.0
    pool.close()


def test_what_waits_when_a_pool_is_closed_is_not_begun():
    class Slow(Pretended):
        def run(self, task, timeout):
            begun.append(task.network)
            may_end.wait(timeout=60)
            return super().run(task, timeout)

    begun, may_end = [], threading.Event()
    pool = WorkerPool({"latency": [Slow]})
    first, second = (pool.submit(Task("latency", (name,))) for name in ("a=0", "b=0"))
    closing = threading.Thread(target=pool.close)
    closing.start()
    while not pool._closed:
        time.sleep(0.01)
    may_end.set()
    closing.join()
    assert isinstance(second.exception(timeout=60), WorkerLost)
    assert begun in ([], [("a=0",)]) and first.done()
