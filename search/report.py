"""Writes the reports of a search: python -m search.report --workdir=DIR

Makes report.html (one file, opens offline) and brings trials.csv, pareto.csv and top.json up to
date; of a sweep it makes sweep.html, and the same for each of its searches. It only reads the
search's database, so it may be run at any time, also while a search runs.
"""

import contextlib
import sqlite3
from pathlib import Path

from absl import flags

from search.reporting import sections, sweep_sections
from search.reporting.decisions import decisions
from search.reporting.findings import Findings
from search.reporting.headline import headline
from search.reporting.page import page
from search.reporting.phones import phones
from search.reporting.sweep_findings import SweepFindings
from search.reporting.workers import workers
from search.tables import write_atomically, write_tables
from search.trials import TrialStore
from tflite_bench import command_line
from tflite_bench.command_line import (
    SurroundingsError,
    UsageError,
    check_writable,
    usage_errors,
    writes_to,
)


def write_report(workdir: str | Path, store: TrialStore) -> Path:
    """Writes report.html and the tables.

    Args:
      workdir: a folder that is there.
      store: the search's trials, any number of them, feasible or not.

    Returns:
      The report's path.

    Raises:
      OSError: where the folder cannot be written.
    """
    findings = Findings.of(workdir, store)
    write_tables(findings.workdir, findings.trials, findings.settings)
    path = findings.workdir / "report.html"
    order = (
        headline,
        sections.trade_off,
        sections.best_networks,
        sections.landmarks,
        sections.course,
        decisions,
        sections.infeasible,
        phones,
        workers,
        sections.run,
    )
    title = f"MnasNet search: {findings.workdir.resolve().name}"
    write_atomically(path, page(title, (section(findings) for section in order)))
    return path


def write_sweep_report(workdir: str | Path, store: TrialStore) -> Path:
    """Writes sweep.html and the tables of a sweep, and the reports of its searches.

    Args:
      workdir: a folder that is there.
      store: the sweep's own, which holds its settings.

    Returns:
      The path of sweep.html.

    Raises:
      OSError: where the folder cannot be written.
    """
    findings = SweepFindings.of(workdir, store)
    whole = findings.whole
    for name in findings.names:
        if (whole.workdir / name / "search.sqlite").is_file():
            path = whole.workdir / name / "search.sqlite"
            with contextlib.closing(TrialStore(path, read_only=True)) as of_search:
                write_report(whole.workdir / name, of_search)
    write_tables(
        whole.workdir,
        whole.trials,
        whole.settings,
        best=findings.front,
        found_by=findings.found_by,
    )
    path = whole.workdir / "sweep.html"
    order = (
        sweep_sections.headline(findings),
        sweep_sections.trade_off(findings),
        sweep_sections.front_networks(findings),
        sweep_sections.contributions(findings),
        sweep_sections.growth(findings),
        sections.infeasible(whole),
        phones(whole),
        workers(whole),
        sections.run(whole),
    )
    write_atomically(path, page(f"MnasNet sweep: {whole.workdir.resolve().name}", order))
    return path


def report_on(workdir: str | None) -> Path:
    """Writes the report of the search in a folder; UsageError where there is none."""
    if not workdir:
        raise UsageError("--workdir is missing: name the folder of a search, --workdir=DIR")
    if Path(workdir).is_dir():  # or SQLite, which needs files beside its own, says less
        check_writable("workdir", workdir, workdir)
    with usage_errors():
        store = TrialStore(Path(workdir) / "search.sqlite", read_only=True)
    try:
        of_sweep = "sweep" in store.settings().get("settings", {})
        with writes_to("workdir", workdir):
            return (write_sweep_report if of_sweep else write_report)(workdir, store)
    except sqlite3.DatabaseError as error:
        raise SurroundingsError(f"the report in {workdir} cannot be written: {error}") from error
    finally:
        store.close()


def main() -> None:
    """Writes the reports of --workdir."""
    print(report_on(flags.FLAGS.workdir))


if __name__ == "__main__":
    # Not at import: search.main, which writes a report too, has a --workdir of its own.
    flags.DEFINE_string("workdir", None, "folder of the search")
    command_line.run(main)
