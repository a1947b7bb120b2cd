"""Tests of search.progress: lines where there is no terminal, a panel where there is one."""

import io

from rich.console import Console

from search.executors.measuring import Workload
from search.progress import Progress
from search.trials import Measured, Trial


class Clock:
    """A clock that is set by hand."""

    seconds = 0.0

    def __call__(self):
        return self.seconds


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


def trial(number, reward=0.5, *, reason=None, reused=None, lost=()):
    accuracy = None if reason else 0.625
    records = {"lost_workers": list(lost)} if lost else {}
    measured = Measured((f"r{number}",), accuracy, 12.5, reward, reason=reason, records=records)
    return Trial(number, (number,), measured, reused_from=reused)


def test_without_a_terminal_there_is_a_line_at_the_start_per_update_and_at_the_end():
    stream, clock = io.StringIO(), Clock()
    with Progress(4, max_entropy=10.0, stream=stream, clock=clock) as progress:
        progress.on_start(0, ("r0",))
        progress.on_trial(trial(0))
        clock.seconds = 45.0
        progress.on_trial(trial(1, 0.75))
        progress.on_update(1, {"reward": 0.625, "entropy": 8.0})
        progress.on_trial(trial(2, 0.0, reason="loss is not finite"))
        progress.on_trial(trial(3, 0.5, reused=0))
        clock.seconds = 60.0
        progress.on_update(2, {"reward": 0.25, "entropy": 5.0})
    # 2 trials in 45 s are 160 an hour, so the other 2 take 45 s; 4 in 60 s are 240 an hour.
    assert stream.getvalue().splitlines() == [
        "search   4 trials",
        "update     1  trials 2/4  mean_reward 0.6250  best_reward 0.7500  accuracy 0.6250  "
        "latency 12.5 ms  entropy  80%  infeasible 0  reused 0  trials/h 160  left 0:00:45",
        "update     2  trials 4/4  mean_reward 0.2500  best_reward 0.7500  accuracy 0.6250  "
        "latency 12.5 ms  entropy  50%  infeasible 1  reused 1  trials/h 240",
        "finished trials 4/4  mean_reward 0.2500  best_reward 0.7500  accuracy 0.6250  "
        "latency 12.5 ms  entropy  50%  infeasible 1  reused 1  trials/h 240",
    ]


def test_a_search_that_goes_on_starts_from_its_count_and_its_best_but_not_its_pace():
    stream, clock = io.StringIO(), Clock()
    earlier = [trial(0, 0.9), trial(1, 0.5)]
    with Progress(4, earlier, stream=stream, clock=clock) as progress:
        clock.seconds = 3600.0
        progress.on_trial(trial(1, 0.5))  # known already
        progress.on_trial(trial(2, 0.4))
    start, _, end = stream.getvalue().splitlines()  # in between what an hour of silence calls for
    assert start == "search   4 trials, going on after 2"
    assert end == (
        "stopped  trials 3/4  best_reward 0.9000  accuracy 0.6250  latency 12.5 ms  infeasible 0  "
        "reused 0  trials/h 1  left 1:00:00"
    )


def test_a_search_without_a_feasible_network_names_no_best():
    stream = io.StringIO()
    with Progress(2, stream=stream, clock=Clock()) as progress:
        progress.on_trial(trial(0, 0.0, reason="timed out"))
    assert "best" not in stream.getvalue()
    assert "infeasible 1" in stream.getvalue()


def test_the_panel_shows_best_last_learning_and_what_is_being_done():
    progress = Progress(3, max_entropy=10.0, clock=Clock())
    progress.on_trial(trial(0, 0.75))
    progress.on_trial(trial(1, 0.0, reason="loss is not finite"))
    progress.on_update(1, {"reward": 0.375, "entropy": 5.0})
    progress.now("training a network")
    console = Console(width=120, file=io.StringIO())
    console.print(progress.panel())
    shown = console.file.getvalue()
    for text in ("2 of 3 trials", "0.7500", "62.50 %", "12.5 ms", "r0", "0.3750", "50%",
                 "trial 1 infeasible: loss is not finite", "training a network",
                 "1 infeasible"):  # fmt: skip
        assert text in shown, text


def test_on_a_terminal_the_panel_stays_at_the_end_and_no_lines_are_printed(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    stream = Terminal()
    with Progress(1, stream=stream, clock=Clock()) as progress:
        progress.on_trial(trial(0, 0.75))
        progress.on_update(1, {"reward": 0.75})
    shown = stream.getvalue()
    assert "finished" in shown
    assert "mean_reward" not in shown


def test_the_pace_counts_from_the_first_trial_and_not_from_the_landmarks_before_it():
    stream, clock = io.StringIO(), Clock()
    with Progress(4, stream=stream, clock=clock) as progress:
        clock.seconds = 1000.0  # landmarks
        progress.on_start(0, ("r0",))
        clock.seconds = 1060.0
        progress.on_trial(trial(0))
        progress.on_trial(trial(1))
    # 2 trials in 60 s are 120 an hour; the other 2 take 60 s.
    assert "trials/h 120  left 0:01:00" in stream.getvalue()


def test_a_lost_worker_is_told_once_with_the_trial_that_it_was_lost_over():
    stream, lost = io.StringIO(), ["vm, process 7, was killed by SIGKILL"]
    with Progress(3, stream=stream, clock=Clock()) as progress:
        progress.on_trial(trial(0, lost=lost))
        progress.on_trial(trial(1, lost=lost, reused=0))
    told = [line for line in stream.getvalue().splitlines() if line.startswith("lost")]
    assert told == ["lost     trial 0: vm, process 7, was killed by SIGKILL"]


def test_without_a_terminal_there_is_a_line_every_minute_while_no_update_comes():
    stream, clock = io.StringIO(), Clock()
    with Progress(99, stream=stream, clock=clock) as progress:
        for number in range(5):
            clock.seconds += 29.9
            progress.on_trial(trial(number))
    # Trials after 29.9, 59.8, 89.7, 119.6 and 149.5 s; the lines come 60 s after the one before or
    # later: after 89.7 s, and not again before 149.7 s.
    between = stream.getvalue().splitlines()[1:-1]
    assert [line.split()[:3] for line in between] == [["meanwhile", "trials", "3/99"]]


def shown(workload):
    progress = Progress(9, clock=Clock(), workload=lambda: workload)
    progress.on_start(0, ("r0",))
    console = Console(width=120, file=io.StringIO())
    console.print(progress.panel())
    return console.file.getvalue()


def test_the_panel_tells_what_workers_do_in_place_of_what_this_process_does():
    started = Workload(workers=2, training=2, timing=1, waiting=14, busy_share=0.934, retries=1)
    panel = shown(started)
    assert "2, busy 93%   2 training, 1 being timed, 14 waiting   1 retry " in panel
    assert "trial 0: r0" not in panel
    assert "2 about to start" in shown(Workload(workers=2, waiting=8))
    assert "trial 0: r0" in shown(Workload(workers=1, waiting=8))  # inline
