"""Tests of search.recorder: the tables and the pace that a search leaves behind."""

import pytest

from search import recorder
from search.recorder import Recorder
from search.trials import Measured, Trial
from search.workdir import Workdir


def trial(number):
    return Trial(number, (number,), Measured((f"r{number}",), 0.5, 10.0, 0.5))


def test_the_pace_is_that_of_the_new_trials_since_the_first_of_them_began(tmp_path, monkeypatch):
    seconds = 1000.0
    monkeypatch.setattr(recorder.time, "monotonic", lambda: seconds)
    with Workdir(tmp_path) as workdir:
        workdir.store.append([trial(0)])
        recording = Recorder(workdir, {})
        recording.write()
        assert "pace" not in workdir.store.settings()  # nothing is new
        recording.on_start(1, ("r1",))
        seconds = 1060.0
        recording.on_start(2, ("r2",))
        recording.on_trial(trial(1))
        recording.on_trial(trial(2))
        recording.on_update(1, {})
        assert workdir.store.settings()["pace"] == {"trials": 2, "seconds": 60.0}
    assert len((tmp_path / "trials.csv").read_text().splitlines()) == 1 + 3


def test_tables_are_in_the_order_of_sampling_whoever_finished_first(tmp_path):
    with Workdir(tmp_path) as workdir:
        recording = Recorder(workdir, {})
        recording.on_start(0, ("r0",))
        for number in (2, 0, 1):
            recording.on_trial(trial(number))
        recording.write()
    lines = (tmp_path / "trials.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["trial", "0", "1", "2"]


def test_a_folder_that_is_anothers_now_is_left_alone(tmp_path):
    with Workdir(tmp_path) as workdir:
        recording = Recorder(workdir, {})
        recording.on_start(0, ("r0",))
        recording.on_trial(trial(0))
        (tmp_path / "lock").unlink()
        workdir._guard._beat()
        with pytest.raises(OSError, match="no longer this search's"):
            recording.write()
    assert not (tmp_path / "trials.csv").exists()
