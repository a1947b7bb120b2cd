"""How far a search is: a live display on a terminal, one line per update anywhere else."""

import sys
import time
from collections.abc import Callable, Iterable
from typing import TextIO

from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from search.executors.measuring import Workload, alone
from search.quantities import duration, milliseconds, percent
from search.tally import Tally
from search.trials import COMPLETED, Trial

_SPARKS = "▁▂▃▄▅▆▇█"
_SPARKLINE_LENGTH = 32
# Where there is no terminal and updates are rare, as with hours of training.
_MAX_SILENCE_SECONDS = 60.0


class Progress:
    """Shows a search as it goes; a context manager around it.

    Args:
      max_trials: how many trials the search is to have in all.
      earlier: the trials that are there already, of a search that goes on.
      max_entropy: the controller's entropy before it has learnt, in nats: log of the space's size.
      workload: what the workers do, as of now.
      stream: where to write; stdout by default.
      clock: seconds from any start; for tests.
    """

    def __init__(
        self,
        max_trials: int,
        earlier: Iterable[Trial] = (),
        *,
        max_entropy: float | None = None,
        workload: Callable[[], Workload] = alone,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._max_trials, self._max_entropy = max_trials, max_entropy
        self._workload, self._clock = workload, clock
        self._console = Console(file=sys.stdout if stream is None else stream, highlight=False)
        self._tally = Tally(earlier)
        self._earlier = self._tally.trials
        self._last: Trial | None = None
        self._update, self._metrics, self._means = 0, {}, []
        self._now = ""
        self._live: Live | None = None
        self._started = self._told = clock()
        self._first_trial_started: float | None = None

    def __enter__(self) -> "Progress":
        self._started = self._clock()
        if self._console.is_terminal:
            self._live = Live(
                get_renderable=self.panel, console=self._console, refresh_per_second=4
            )
            self._live.start()
        else:
            going_on = f", going on after {self._earlier}" if self._earlier else ""
            self._line(f"search   {self._max_trials} trials{going_on}")
        return self

    def __exit__(self, *exception) -> None:
        self._now = ""
        if self._live:
            self._live.stop()
            self._live = None
        elif self._tally.trials >= self._max_trials:
            self._line(f"finished {self._summary()}")
        else:
            self._line(f"stopped  {self._summary()}")

    def on_start(self, number: int, network: tuple[str, ...]) -> None:
        """Takes note that the network of a trial is being measured."""
        if self._first_trial_started is None:
            self._first_trial_started = self._clock()
        self.now(f"trial {number}: {' '.join(network)}")

    def on_trial(self, trial: Trial) -> None:
        """Takes in a trial; one that is known already is passed over."""
        if not self._tally.add(trial):
            return
        self._last = trial
        if trial.reused_from is None:
            for lost in trial.measured.records.get("lost_workers", ()):
                self.event(f"lost     trial {trial.trial}: {lost}")
        if not self._live and self._clock() - self._told >= _MAX_SILENCE_SECONDS:
            self._line(f"meanwhile     {self._summary()}")

    def on_update(self, update: int, metrics: dict) -> None:
        """Takes in the learner's metrics after its update number `update`."""
        self._update, self._metrics = update, metrics
        if metrics.get("reward") is not None:
            self._means.append(metrics["reward"])
        if not self._live:
            self._line(f"update {update:5d}  {self._summary()}")

    def event(self, text: str) -> None:
        """Shows a line that stays, such as 'phone X is gone'; from any thread."""
        if self._live:
            self._live.console.print(text, markup=False)
        else:
            self._line(text)

    def now(self, text: str) -> None:
        """Tells what is being done at the moment, such as 'training network 3 of 10'."""
        self._now = text

    def _line(self, text: str) -> None:
        print(text, file=self._console.file, flush=True)
        self._told = self._clock()

    def _summary(self) -> str:
        """One line: counts, rewards, the best network's measures, entropy, pace."""
        tally, width = self._tally, len(str(self._max_trials))
        parts = [f"trials {tally.trials:{width}d}/{self._max_trials}"]
        if self._means:
            parts.append(f"mean_reward {self._means[-1]:.4f}")
        if tally.best:
            measured = tally.best.measured
            parts.append(
                f"best_reward {measured.reward:.4f}  accuracy {measured.accuracy:.4f}  "
                f"latency {milliseconds(measured.latency_ms)}"
            )
        if self._entropy_share() is not None:
            parts.append(f"entropy {self._entropy_share():4.0%}")
        parts.append(f"infeasible {tally.infeasible}  reused {tally.reused}")
        if self._per_hour():
            parts.append(f"trials/h {self._per_hour():.0f}")
            if tally.trials < self._max_trials:
                parts.append(f"left {duration(self._seconds_left())}")
        parts.append(str(self._workload()))
        return "  ".join(filter(None, parts))

    def panel(self) -> Panel:
        """The live display as it is now."""
        rows = Table.grid(padding=(0, 2))
        rows.add_column(style="dim", no_wrap=True)
        rows.add_column()
        best = self._tally.best
        rows.add_row("best", _measures(best) if best else Text("no feasible network yet"))
        if best:
            rows.add_row("", self._network(best))
        if self._last:
            rows.add_row("last", _measures(self._last))
        rows.add_row("", "")
        rows.add_row("learning", self._learning())
        rows.add_row("counts", self._counts())
        workload = self._workload()
        if workload.workers > 1 or workload.busy_share is not None:
            rows.add_row("workers", _at_work(workload))
        elif self._now:
            rows.add_row("now", Text(self._now, overflow="ellipsis", no_wrap=True))
        finished = self._tally.trials >= self._max_trials
        return Panel(
            Group(self._bar(), Text(), rows),
            title="[bold]MnasNet search[/]" + (" - finished" if finished else ""),
            title_align="left",
            box=box.ROUNDED,
            padding=(1, 2),
            width=min(self._console.width, 110),
        )

    def _bar(self) -> Table:
        done, of = self._tally.trials, self._max_trials
        line = Table.grid(padding=(0, 2), expand=True)
        line.add_column(ratio=1)
        line.add_column(no_wrap=True)
        text = Text.assemble((f"{done:,}", "bold"), f" of {of:,} trials")
        if self._per_hour() and done < of:
            text.append(f"   {duration(self._seconds_left())} left", "cyan")
        line.add_row(ProgressBar(total=max(of, 1), completed=done), text)
        return line

    def _learning(self) -> Text:
        if not self._update:
            return Text("the algorithm has not learnt yet: its networks are random")
        text = Text(f"update {self._update}")
        if self._means:
            text.append("   mean reward of the batch ")
            text.append(f"{self._means[-1]:.4f}", "bold")
            text.append(f" {_sparkline(self._means)}", "green")
        if self._entropy_share() is not None:
            text.append("   entropy ")
            text.append(f"{self._entropy_share():.0%}", "bold")
            text.append(" of the maximum")
        return text

    def _counts(self) -> Text:
        tally = self._tally
        parts = [f"{tally.infeasible:,} infeasible", f"{tally.reused:,} reused"]
        if self._per_hour():
            parts.append(f"{self._per_hour():,.0f} trials per hour")
        parts.append(f"{duration(self._clock() - self._started)} so far")
        return Text("   ".join(parts))

    def _network(self, trial: Trial) -> Text:
        text, most = " ".join(trial.network), 4 * max(self._console.width - 30, 40)
        return Text(text if len(text) <= most else text[: most - 3] + "...", "cyan")

    def _entropy_share(self) -> float | None:
        entropy = self._metrics.get("entropy")
        return entropy / self._max_entropy if entropy is not None and self._max_entropy else None

    def _per_hour(self) -> float | None:
        # Landmarks, which are measured before the first trial, say nothing of the pace.
        since = self._started if self._first_trial_started is None else self._first_trial_started
        seconds, done = self._clock() - since, self._tally.trials - self._earlier
        return 3600 * done / seconds if done and seconds > 0 else None

    def _seconds_left(self) -> float:
        return max(self._max_trials - self._tally.trials, 0) / self._per_hour() * 3600


def _at_work(workload: Workload) -> Text:
    """What the workers do: '2, busy 93 %   2 training, 1 being timed, 14 waiting   1 retry'."""
    text = Text.assemble((f"{workload.workers:,}", "bold"))
    if workload.busy_share is None:
        return text.append(" about to start")
    text.append(f", busy {workload.busy_share:.0%}")
    doing = {
        "training": workload.training,
        "being timed": workload.timing,
        "waiting": workload.waiting,
    }
    if any(doing.values()):
        told = (f"{count:,} {what}" for what, count in doing.items() if count)
        text.append(f"   {', '.join(told)}")
    if workload.retries:
        retries = "1 retry" if workload.retries == 1 else f"{workload.retries:,} retries"
        text.append(f"   {retries}", "yellow")
    return text


def _measures(trial: Trial) -> Text:
    """Reward, accuracy, latency and number of a trial; its reason where it is infeasible."""
    measured = trial.measured
    if trial.status != COMPLETED:
        return Text.assemble((f"trial {trial.trial} infeasible: ", "red"), measured.reason)
    text = Text.assemble(
        "reward ",
        (f"{measured.reward:.4f}", "bold green"),
        "   accuracy ",
        (percent(measured.accuracy), "bold"),
        "   latency ",
        (milliseconds(measured.latency_ms), "bold"),
        f"   trial {trial.trial}",
    )
    if trial.reused_from is not None:
        text.append(f", as trial {trial.reused_from}", "dim")
    return text


def _sparkline(values: list[float]) -> str:
    """The last values as a row of bars, the lowest of them lowest."""
    values = values[-_SPARKLINE_LENGTH:]
    low, high = min(values), max(values)
    steps = (len(_SPARKS) - 1) / (high - low) if high > low else 0
    return "".join(_SPARKS[round((value - low) * steps)] for value in values)
