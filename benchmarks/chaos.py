"""A search to which everything happens, beside one that is left alone: their trials must be equal.

  python -m benchmarks.chaos --minutes=10

Runs small searches (digits, each network trained for an epoch, latency estimated, so that every
number is always the same) on two worker processes. At random moments a worker or the driver is
killed (SIGKILL), stopped (SIGSTOP: a worker for ever, which --trial_timeout must find, a driver for
a while or until it is killed), interrupted (SIGINT), or the disk is filled for a while: the workdir
lies on a small tmpfs, which takes root; elsewhere that is left out. A driver that has ended is
started again, with the same command, until the search is done; then comes the next seed, until the
time is up. Each search is also run inline and undisturbed.

Exits with 1 where anything differs: a trial lost, double or other than the undisturbed search's; an
update of the controller with other metrics; a database that SQLite finds damaged; files missing at
the end; a driver that ended otherwise than with 0, 130, by a kill, or with 1 and one line while the
disk was full; a process left over when a driver has ended. Linux only.
"""

import argparse
import collections
import dataclasses
import math
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.compared_searches import differences
from benchmarks.disturbances import MARK, Disk, left_over, send, small_disk, workers

SEARCH = (
    "--dataset=digits",
    "--proxy_epochs=1",
    "--proxy_image_size=16",
    "--proxy_batch_size=128",
    "--latency=estimate:pixel1",
    "--references=",
    "--batch_size=4",
    "--worker_threads=1",
)
PROCESSES = ("--executor=processes", "--num_workers=2", "--max_retries=50")
_DISK_MB = 64
_GRACE = 20  # seconds in which workers end whose driver has, on a busy machine


@dataclasses.dataclass(frozen=True)
class ChaosConfig:
    """How a search is disturbed.

    Attributes:
      max_trials: of each search.
      pause: seconds between two disturbances, at least and at most.
      trial_timeout: seconds; far over what a training takes.
      patience: seconds that a search may take when nothing disturbs it any more.
    """

    max_trials: int = 32
    pause: tuple[float, float] = (2.0, 15.0)
    trial_timeout: float = 60.0
    patience: float = 900.0


class Chaos:
    """Disturbs searches.

    Args:
      disk: holds the workdirs.
      logs: folder for what the drivers print.
      config: see there.
      rng: of moments and acts.

    Attributes:
      counts: what was done, and how drivers ended.
      faults: what should not have happened, a line each.
    """

    def __init__(self, disk: Disk, logs: Path, config: ChaosConfig, rng: random.Random):
        self._disk, self._logs, self._config, self._rng = disk, logs, config, rng
        self.counts, self.faults = collections.Counter(), []
        self._drivers = 0
        self._full_until = -math.inf
        self._driver: subprocess.Popen | None = None
        self._log: Path | None = None
        self._may_be = {}  # statuses with which the driver may end, and why
        self._killed_workers = 0  # of this driver

    def run(self, arguments: tuple[str, ...], until: float) -> None:
        """Runs a search to its end, disturbed until then (time.monotonic()).

        Raises:
          TimeoutError: where it does not end.
        """
        status = None
        while status != 0:
            try:
                status = self._run_driver(arguments, until)
            finally:
                if self._driver and self._driver.poll() is None:  # we are to stop
                    self._driver.kill()
                    self._driver.wait()
            self._after(status)
        self._disk.free()

    def _run_driver(self, arguments, until) -> int:
        """Starts the driver and disturbs it until it ends; its status."""
        self._drivers += 1
        self._mark, self._log = f"{os.getpid()}.{self._drivers}", self._logs / f"{self._drivers}"
        self._may_be, self._killed_workers = {0: "done"}, 0
        if self._full_until > time.monotonic():
            self._may_be[1] = "disk full"
        with open(self._log, "w") as log:
            self._driver = subprocess.Popen(
                [sys.executable, "-m", "search.main", *arguments],
                stdout=log,
                stderr=log,
                env=os.environ | {MARK: self._mark},
                process_group=0,
            )
        act_at = time.monotonic() + self._rng.uniform(*self._config.pause)
        while (status := self._driver.poll()) is None:
            now = time.monotonic()
            if now >= self._full_until:
                self._disk.free()
            if now >= act_at and now < until:
                self._act()
                act_at = time.monotonic() + self._rng.uniform(*self._config.pause)
            if now > until + self._config.patience:
                raise TimeoutError(f"a search did not end: {self._printed()}")
            time.sleep(0.1)
        return status

    def _act(self) -> None:
        acts = [self._kill_worker] * 5 + [self._stop_worker] * 2
        acts += [self._kill_driver] * 2 + [self._stop_driver] * 2 + [self._interrupt_driver]
        if self._disk.can_fill:
            acts += [self._fill_disk] * 2
        self._rng.choice(acts)()

    def _kill_worker(self) -> None:
        self._to_worker(signal.SIGKILL, "workers killed")

    def _stop_worker(self) -> None:
        self._to_worker(signal.SIGSTOP, "workers stopped")

    def _to_worker(self, number, what) -> None:
        found = workers(self._driver.pid)
        if found:
            send(self._rng.choice(found), number)
            self.counts[what] += 1
            self._killed_workers += number == signal.SIGKILL

    def _kill_driver(self) -> None:
        self._may_be[-signal.SIGKILL] = "killed"
        send(self._driver.pid, signal.SIGKILL)
        self.counts["drivers killed"] += 1

    def _stop_driver(self) -> None:
        send(self._driver.pid, signal.SIGSTOP)
        self.counts["drivers stopped"] += 1
        time.sleep(self._rng.uniform(1, 10))
        if self._rng.random() < 0.3:
            self._kill_driver()
            self.counts["of them killed while stopped"] += 1
        send(self._driver.pid, signal.SIGCONT)

    def _interrupt_driver(self) -> None:
        self._may_be[130] = "interrupted"
        # Python that is still starting has not yet learned what to do.
        self._may_be[-signal.SIGINT] = "interrupted at its start"
        send(self._driver.pid, signal.SIGINT)
        self.counts["drivers interrupted"] += 1

    def _fill_disk(self) -> None:
        self._may_be[1] = "disk full"
        self._full_until = time.monotonic() + self._rng.uniform(3, 15)
        self._disk.fill()
        self.counts["times the disk was full"] += 1

    def _after(self, status: int) -> None:
        """Whether the driver ended as it may, and took its workers along."""
        how, printed = self._may_be.get(status), self._printed()
        if status == 1:
            told = "Traceback" not in printed and "start the same command again" in printed
            if told and "workers in a row died" in printed and self._killed_workers >= 3:
                how = "three workers killed at their starts"
            elif not told:
                how = None
        if how is None:
            self.faults.append(f"a driver ended with {status}: {printed}")
            how = f"status {status}"
            time.sleep(1)  # it may be the same again at once
        self.counts[f"drivers ended: {how}"] += 1
        for pid in left_over(self._mark, _GRACE):
            state = _state(pid)
            send(pid, signal.SIGKILL)
            self.faults.append(f"process {pid} ({state}) outlived its driver ({how})")

    def _printed(self) -> str:
        return self._log.read_text(errors="replace")[-2000:].strip()


def _state(pid: int) -> str:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return "gone"
    return next(line for line in status.splitlines() if line.startswith("State")).split("\t")[1]


def disturb(config: ChaosConfig, minutes: float, seed: int, searches: int | None = None) -> bool:
    """Whether disturbed searches equal undisturbed ones; prints what was done and what differs.

    Args:
      config: see there.
      minutes: of disturbance.
      seed: of moments and acts.
      searches: how many at most; None for as many as there is time for.
    """
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        logs, disturbed, calm = (Path(folder) / name for name in ("logs", "disturbed", "alone"))
        for path in (logs, disturbed, calm):
            path.mkdir()
        with small_disk(disturbed, _DISK_MB) as disk:
            if not disk.can_fill:
                print("No file system can be mounted here, so the disk is never full.", flush=True)
            chaos = Chaos(disk, logs, config, rng)
            until, number, trials = time.monotonic() + 60 * minutes, 0, 0
            while time.monotonic() < until and (searches is None or number < searches):
                search = (*SEARCH, f"--max_trials={config.max_trials}", f"--seed={number}")
                workdir, alone = disturbed / f"search{number}", calm / f"search{number}"
                started = time.monotonic()
                subprocess.run(
                    [sys.executable, "-m", "search.main", *search, f"--workdir={alone}"],
                    stdout=subprocess.DEVNULL,
                    check=True,
                )
                took = time.monotonic() - started
                until += took  # the time is that of disturbance
                timeout = f"--trial_timeout={config.trial_timeout:g}"
                begun = time.monotonic()
                chaos.run((*search, *PROCESSES, timeout, f"--workdir={workdir}"), until)
                print(
                    f"search {number}: {config.max_trials} trials, {took:.0f} s undisturbed and "
                    f"inline, {time.monotonic() - begun:.0f} s disturbed",
                    flush=True,
                )
                chaos.faults += differences(workdir, alone)
                number, trials = number + 1, trials + config.max_trials
    print("\n".join(f"{count:5d} {what}" for what, count in sorted(chaos.counts.items())))
    for fault in chaos.faults:
        print(f"FAULT: {fault}")
    verdict = "differ" if chaos.faults else "equal those of undisturbed searches, each once"
    print(f"{number} searches, {trials} trials: {verdict}")
    return not chaos.faults


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--max_trials", type=int, default=ChaosConfig.max_trials)
    args = parser.parse_args()
    config = ChaosConfig(max_trials=args.max_trials)
    # Also then nothing stays mounted or running.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(0 if disturb(config, args.minutes, args.seed) else 1)


if __name__ == "__main__":
    main()
