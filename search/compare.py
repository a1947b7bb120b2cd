"""Compares search algorithms: python -m search.compare --flagfile=flags/compare.flags --output=DIR

Runs each algorithm once per seed on the evaluators that the flags of search.main describe, all with
the same number of networks and the same batches, and says which found more: curves with bands, a
table, the optimum where it can be proven, p-values. A run that is done is kept in --output and not
done again, so that more seeds or algorithms may be added, and a comparison that was stopped goes
on. Without --flagfile of cheap evaluators it trains and times every network of every run.
"""

import sys

from absl import flags

from search.comparison import flags as compare_flags
from search.comparison.comparison import Comparison
from search.comparison.tables import csv_of_runs, table_of_summaries, table_of_verdicts
from search.quantities import counted
from search.reporting.comparison_page import comparison_page
from search.tables import write_atomically
from tflite_bench import command_line
from tflite_bench.command_line import SurroundingsError, usage_errors


def main() -> None:
    """Runs what is missing of the comparison and writes comparison.html and comparison.csv."""
    with usage_errors():
        plan = compare_flags.plan()
        comparison = Comparison(plan)
    print(comparison.describe())
    try:
        findings = comparison.run(sys.argv, flags.FLAGS.num_processes, print)
        page, table = plan.output / "comparison.html", plan.output / "comparison.csv"
        write_atomically(page, comparison_page(findings))
        write_atomically(table, csv_of_runs(findings))
    except OSError as error:
        raise SurroundingsError(
            f"{error}; runs that are done are kept in {plan.output}, start the same command again "
            "when that is mended"
        ) from error
    except KeyboardInterrupt:
        print(
            f"\nStopped; runs that are done are kept in {plan.output}, the same command goes on.",
            file=sys.stderr,
        )
        raise
    print(f"\nBest reward after so many networks, mean of {counted(len(plan.seeds), 'seed')}:")
    print(table_of_summaries(findings))
    for baseline in findings.baselines:
        print(f"\nBeside {baseline}:")
        print(table_of_verdicts(findings, baseline))
    print(f"\n{findings.optimum_note}\n  page   {page}\n  table  {table}")


if __name__ == "__main__":
    # Not at import: other commands have flags of these names too.
    compare_flags.define()
    command_line.run(main)
