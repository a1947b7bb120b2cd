"""Tests of search.tensorboard: what the event files hold, also after a search that went on."""

import pytest

from search.tensorboard import Scalars
from search.trials import Measured, Trial

pytestmark = pytest.mark.tensorflow


def trial(number, accuracy, latency_ms, reason=None):
    return Trial(number, (0,), Measured(("x",), accuracy, latency_ms, 0.5, reason=reason))


def written(directory):
    """(step, tag, value) of all scalars, in order."""
    import tensorflow as tf

    found = []
    for path in sorted(directory.glob("events.out.tfevents.*")):
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            event = tf.compat.v1.Event.FromString(record)
            for value in event.summary.value:
                found.append((event.step, value.tag, float(tf.make_ndarray(value.tensor))))
    return found


def test_an_update_is_written_with_its_metrics_and_the_means_of_its_feasible_trials(tmp_path):
    scalars = Scalars(tmp_path)
    scalars.on_trial(trial(0, 0.5, 20.0))
    scalars.on_trial(trial(1, 0.75, 40.0))
    scalars.on_trial(trial(2, None, None, reason="timed out"))
    scalars.on_update(1, {"reward": 0.25, "entropy": 3.5, "probabilities": [[1.0]]})
    assert sorted(written(tmp_path)) == [
        (1, "controller/entropy", 3.5),
        (1, "search/accuracy", 0.625),  # mean of 0.5 and 0.75
        (1, "search/infeasible", 1.0),
        (1, "search/latency_ms", 30.0),  # mean of 20 and 40
        (1, "search/reward", 0.25),
    ]


def test_what_tells_of_workers_stands_apart_from_what_tells_of_the_controller(tmp_path):
    scalars = Scalars(tmp_path)
    scalars.on_update(1, {"entropy": 3.5, "workers": 2, "busy_share": 0.75, "retries": 1})
    assert [(tag, value) for _, tag, value in written(tmp_path)] == [
        ("controller/entropy", 3.5),
        ("workers/number", 2.0),
        ("workers/busy_share", 0.75),
        ("workers/retries", 1.0),
        ("search/infeasible", 0.0),
    ]


def test_updates_that_are_there_are_not_written_again(tmp_path):
    first = Scalars(tmp_path)
    first.on_update(1, {"reward": 0.25})
    first.on_update(2, {"reward": 0.5})
    second = Scalars(tmp_path)
    second.on_update(2, {"reward": 0.5})
    second.on_update(3, {"reward": 0.75})
    rewards = [(step, value) for step, tag, value in written(tmp_path) if tag == "search/reward"]
    assert rewards == [(1, 0.25), (2, 0.5), (3, 0.75)]


def test_event_file_cut_short_by_a_kill_is_read_as_far_as_it_is_whole(tmp_path):
    first = Scalars(tmp_path)
    first.on_update(1, {"reward": 0.25})
    (path,) = tmp_path.iterdir()
    whole = len(path.read_bytes())
    first.on_update(2, {"reward": 0.5})
    path.write_bytes(path.read_bytes()[: whole + 20])
    second = Scalars(tmp_path)
    second.on_update(1, {"reward": 0.25})
    second.on_update(2, {"reward": 0.5})
    path.unlink()
    rewards = [(step, value) for step, tag, value in written(tmp_path) if tag == "search/reward"]
    assert rewards == [(2, 0.5)]
