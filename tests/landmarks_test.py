"""Published networks go by their names, are measured once, and are kept as they come."""

import threading
import types

import pytest

from mnasnet.architectures import get_architecture
from mnasnet.block_args import encode
from search.executors.measuring import InlineMeasuring
from search.landmarks import measure_landmarks, measuring_landmarks
from search.reward import RewardConfig
from search.trials import TrialStore

ACCURACIES = {"mnasnet-a1": 0.75, "mnasnet-small": 0.65}


def parts(*names, accuracy=ACCURACIES):
    return types.SimpleNamespace(
        landmarks={(name,): get_architecture(name) for name in names},
        accuracy=lambda network: accuracy[network[0]],
        clock=lambda network: 80.0,
        config=types.SimpleNamespace(reward=RewardConfig(target_latency_ms=80.0)),
        count=lambda network: types.SimpleNamespace(params=3, multiply_adds=4),
    )


def test_landmarks_are_measured_and_kept_with_their_block_strings():
    store, told = TrialStore(":memory:"), []
    wanted = parts("mnasnet-small", "mnasnet-a1")
    measure_landmarks(wanted, store, InlineMeasuring, told.append)
    assert told == [
        f"measuring {name}, to compare with" for name in ("mnasnet-small", "mnasnet-a1")
    ]
    kept = store.landmarks()
    assert {name: (m.accuracy, m.latency_ms, m.params) for name, m in kept.items()} == {
        "mnasnet-a1": (0.75, 80.0, 3),
        "mnasnet-small": (0.65, 80.0, 3),
    }
    assert kept["mnasnet-a1"].network == encode(get_architecture("mnasnet-a1").blocks)
    # 80 ms are the target: the reward is the accuracy.
    assert kept["mnasnet-a1"].reward == 0.75


def test_what_was_measured_before_a_failure_is_not_measured_again():
    store, told = TrialStore(":memory:"), []
    with pytest.raises(KeyError):
        broken = parts("mnasnet-small", "mnasnet-a1", accuracy={"mnasnet-small": 0.65})
        measure_landmarks(broken, store, InlineMeasuring, told.append)
    measure_landmarks(parts("mnasnet-small", "mnasnet-a1"), store, InlineMeasuring, told.append)
    assert [line.split()[1] for line in told] == ["mnasnet-small,", "mnasnet-a1,", "mnasnet-a1,"]


def test_a_search_without_landmarks_asks_nobody():
    store = TrialStore(":memory:")
    measure_landmarks(parts(), store, None, print)
    assert store.landmarks() == {}


def workers(beside):
    return types.SimpleNamespace(beside=beside, measuring=InlineMeasuring)


@pytest.mark.parametrize("beside", [False, True])
def test_workers_measure_landmarks_beside_a_search_and_a_search_alone_before(beside):
    store, searching = TrialStore(":memory:"), threading.Event()

    class Accuracies(dict):
        def __getitem__(self, name):
            assert searching.wait(timeout=60) or not beside
            return super().__getitem__(name)

    if not beside:
        searching.set()
    wanted = parts("mnasnet-a1", "mnasnet-small", accuracy=Accuracies(ACCURACIES))
    with measuring_landmarks(wanted, store, workers(beside), print):
        before = len(store.landmarks())
        searching.set()
    assert before == (0 if beside else 2)
    assert list(store.landmarks()) == ["mnasnet-a1", "mnasnet-small"]


def test_a_failure_over_landmarks_ends_the_search_that_is_beside_them():
    with (
        pytest.raises(KeyError, match="mnasnet-small"),
        measuring_landmarks(
            parts("mnasnet-small", accuracy={}), TrialStore(":memory:"), workers(True), print
        ),
    ):
        pass
