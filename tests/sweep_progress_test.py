"""What a sweep on workers tells while it runs, and keeps for a report."""

import re
import types

from search.executors.measuring import InlineMeasuring, Workload
from search.reward import RewardConfig
from search.search_config import SearchConfig
from search.search_space import Decision, SearchSpace
from search.sweeping.run import open_sweep, run_sweep
from search.sweeping.sweep import SweepConfig
from search.timing.phone_journal import PhoneJournal


def accuracy(network):
    return 0.5 + int(network[0][-1]) / 100


def latency(network):
    return 10.0 + int(network[0][-1])


def test_a_sweep_tells_pace_workers_and_what_is_left(tmp_path, capsys):
    space = SearchSpace([Decision(name, range(5)) for name in "ab"], name="toy")
    reward = RewardConfig(target_latency_ms=10.0)
    search = SearchConfig(reward, max_trials=12, batch_size=3, algorithm="random")
    parts = types.SimpleNamespace(
        space=space,
        accuracy=accuracy,
        clock=latency,
        config=search,
        landmarks={},
        count=None,
        journal=PhoneJournal(),
        about=lambda flags: {"flags": flags},
    )
    workload = Workload(workers=2, busy_share=0.9, retries=1)
    workers = types.SimpleNamespace(
        beside=False, measuring=InlineMeasuring, workload=lambda: workload
    )
    config = SweepConfig("exponents", (-0.05, -0.5), search)
    with open_sweep(parts, config, tmp_path, workers.measuring) as sweep:
        run_sweep(parts, sweep, None, "", workers)
        settings = sweep.workdir.store.settings()
    assert settings["workload"] == {"workers": 2, "busy_share": 0.9, "retries": 1}
    assert settings["pace"]["trials"] == 12 and settings["pace"]["seconds"] > 0
    first, *_, last = re.findall("trials .*", capsys.readouterr().out)[1:]
    assert re.search(r"^trials  6/12 .* trials/h \d+  left \d:\d\d:\d\d  workers 2 ", first)
    assert re.search(r"^trials 12/12 .* trials/h \d+  workers 2  busy 90%  retries 1$", last)
