import dataclasses
import sqlite3

import pytest

from search.trials import COMPLETED, INFEASIBLE, Measured, Trial, TrialStore


def make_trial(number, network=("a", "b"), **fields):
    known = {"accuracy": 0.7, "latency_ms": 80.0, "reward": 0.69} | fields
    return Trial(number, (0, 2, 1), Measured(network, **known))


def test_what_was_appended_comes_back_after_the_file_was_closed(tmp_path):
    full = Trial(
        trial=3,
        tokens=(1, 0),
        measured=Measured(
            network=("r1_k3", "with a blank"),
            accuracy=0.7512,
            latency_ms=78.25,
            reward=0.749,
            params=3887038,
            multiply_adds=311579072,
            train_seconds=1.5,
            latency_seconds=0.25,
            records={"latency": {"spread": 0.02}, "accuracy": {"steps": 10}},
        ),
        reused_from=1,
    )
    store = TrialStore(tmp_path / "search.sqlite")
    store.append([full])
    store.close()
    assert TrialStore(tmp_path / "search.sqlite").trials() == [full]


def test_status_follows_from_what_is_known():
    assert make_trial(0).status == COMPLETED
    failed = make_trial(0, accuracy=None, latency_ms=None, reward=0.0, reason="diverged")
    assert failed.status == INFEASIBLE
    assert failed.measured.reason == "diverged"


def test_a_network_with_neither_measurement_nor_reason_cannot_be_written_down():
    with pytest.raises(ValueError, match="latency None ms and no reason"):
        Measured(("a",), accuracy=0.5, latency_ms=None, reward=0.0)


def test_a_trial_is_written_once():
    store = TrialStore(":memory:")
    store.append([make_trial(0)])
    with pytest.raises(sqlite3.IntegrityError):
        store.append([make_trial(1), make_trial(0)])
    assert [trial.trial for trial in store.trials()] == [0]  # all of a call or none
    store.append([make_trial(1)])
    assert [trial.trial for trial in store.trials()] == [0, 1]


def test_find_gives_the_first_trial_of_a_network_also_after_reopening(tmp_path):
    store = TrialStore(tmp_path / "search.sqlite")
    store.append([make_trial(0, ("x",)), make_trial(1, ("y",)), make_trial(2, ("x",))])
    for reader in (store, TrialStore(tmp_path / "search.sqlite", read_only=True)):
        assert reader.find(("x",)).trial == 0
        assert reader.find(("y",)).trial == 1
        assert reader.find(("z",)) is None


def test_find_gives_the_trial_that_measured_rather_than_a_repeat_of_a_lower_number(tmp_path):
    store = TrialStore(tmp_path / "search.sqlite")
    # An async search without its checkpoint fills the gaps that it finds.
    store.append([make_trial(7, ("x",))])
    store.append([dataclasses.replace(make_trial(5, ("x",)), reused_from=7)])
    for reader in (store, TrialStore(tmp_path / "search.sqlite", read_only=True)):
        assert reader.find(("x",)).trial == 7


def test_a_reader_sees_committed_trials_while_the_writer_is_open(tmp_path):
    writer = TrialStore(tmp_path / "search.sqlite")
    writer.append([make_trial(0)])
    assert len(TrialStore(tmp_path / "search.sqlite", read_only=True).trials()) == 1


def test_updates_settings_and_landmarks_keep_the_latest_of_a_name():
    store = TrialStore(":memory:")
    store.add_update(2, {"reward": 0.5})
    store.add_update(1, {"reward": 0.4})
    store.add_update(2, {"reward": 0.6})
    assert store.updates() == [(1, {"reward": 0.4}), (2, {"reward": 0.6})]
    store.save_settings({"seed": 1, "space": {"size": 432**7}})
    store.save_settings({"seed": 2})
    assert store.settings() == {"space": {"size": 432**7}, "seed": 2}
    store.add_landmark("mnasnet-a1", make_trial(0).measured)
    assert store.landmarks() == {"mnasnet-a1": make_trial(0).measured}


def test_trials_can_be_read_from_a_number_on():
    store = TrialStore(":memory:")
    store.append([make_trial(number) for number in range(5)])
    assert [trial.trial for trial in store.trials(first=3)] == [3, 4]


def test_a_file_that_is_no_database_is_refused(tmp_path):
    path = tmp_path / "search.sqlite"
    path.write_text("accuracy, latency\n" * 100)
    with pytest.raises(ValueError, match="is no search database"):
        TrialStore(path)


def test_a_damaged_database_is_told_as_such(tmp_path):
    path = tmp_path / "search.sqlite"
    store = TrialStore(path)
    store.append([make_trial(number) for number in range(500)])
    store.close()
    data = bytearray(path.read_bytes())
    data[8192:40960] = b"x" * 32768
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"search\.sqlite is (damaged|no search database)"):
        TrialStore(path)


def test_another_schema_version_is_refused(tmp_path):
    path = tmp_path / "search.sqlite"
    TrialStore(path).close()
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version=99")
    with pytest.raises(ValueError, match="schema version 99, this program reads 1"):
        TrialStore(path)


def test_a_reader_of_nothing_is_told_so(tmp_path):
    with pytest.raises(FileNotFoundError, match="no search found"):
        TrialStore(tmp_path / "search.sqlite", read_only=True)
    assert not (tmp_path / "search.sqlite").exists()


@pytest.mark.parametrize(
    "write",
    [
        lambda store: store.append([make_trial(0)]),
        lambda store: store.add_event(0.0, "gone", "phone-1", "unplugged"),
    ],
)
def test_a_store_that_may_not_be_written_stays_as_it_was(write, tmp_path):
    def refuse():
        raise ValueError("another driver has taken over")

    path = tmp_path / "search.sqlite"
    TrialStore(path).close()
    before = path.read_bytes()
    store = TrialStore(path, before_write=refuse)
    with pytest.raises(ValueError, match="another driver"):
        write(store)
    store.close()
    assert path.read_bytes() == before
