"""Latency by a checked table: a sum over operators, no clock in the loop."""

from collections.abc import Callable, Sequence
from pathlib import Path

from mnasnet.architectures import Architecture
from search.evaluators import Evaluation, Infeasible
from search.latency_tables.table_file import LatencyTable, Subject, read_table
from search.quantities import counted
from search.spaces.decisions import Network, SearchSpace

PREFIX = "table:"


def load_checked(
    path: str, space: SearchSpace, image_size: int, quantization: str, max_error: float
) -> LatencyTable:
    """A table to search with.

    Args:
      path: of its file.
      space: that it must be of.
      image_size: that it must count for.
      quantization: that it must be of.
      max_error: the mean relative error that its check may have found, at most.

    Raises:
      ValueError: for a file that cannot be read or is cut short, a table of something else, one
        that is not complete, was not checked, was edited since, or whose error is larger.
    """
    table = read_table(Path(path))
    num_classes = table.subject.num_classes
    table.subject.check(Subject.of(space, image_size, num_classes, quantization), path)
    again = f"run python -m search.latency_table check --table={path}"
    if not table.complete:
        raise ValueError(
            f"the table {path} has {len(table.rows)} of {table.num_operators} operators: run the "
            "command that builds it once more"
        )
    if table.check is None:
        raise ValueError(f"the table {path} was never checked: {again}")
    if table.check.get("sha256") != table.digest():
        raise ValueError(f"the table {path} was edited after its check: {again}")
    error = table.check["mean_error"]
    if not error <= max_error:
        raise ValueError(
            f"the table {path} was checked with a mean error of {error:.1%}, --max_table_error="
            f"{max_error:g} allows {max_error:.1%}: build it again on a quieter device"
        )
    return table


class TableLatency:
    """A LatencyEvaluator that adds up a table's rows.

    Attributes:
      note: what kind of milliseconds they are, with their checked error.
      settings: see LatencyEvaluator.
      description: the same as the note, with what it is of.
    """

    def __init__(
        self,
        table: LatencyTable,
        architecture_of: Callable[[Network], Architecture],
        num_classes: int,
    ):
        """Takes a table.

        Args:
          table: as `load_checked` gives it.
          architecture_of: a network's blocks with stem and head around them.
          num_classes: of the classifier that is priced with the network.

        Raises:
          ValueError: for a table of another number of classes.
        """
        self._table, self._architecture_of = table, architecture_of
        subject = table.subject
        if subject.num_classes != num_classes:
            raise ValueError(
                f"the latency table is for {subject.num_classes} classes, the data has "
                f"{num_classes}: build one with --num_classes={num_classes}"
            )
        check, device = table.check, table.device
        tau = "" if check["kendall_tau"] is None else f", Kendall tau {check['kendall_tau']:.2f}"
        self.note = (
            f"sum of the latencies of operators, timed on {device['device']}, times "
            f"{table.factor:.3f} from {counted(len(table.calibration), 'network')}; on "
            f"{len(check['networks'])} random networks mean error {check['mean_error']:.1%}, worst "
            f"{check['worst_error']:.1%}{tau}"
        )
        self.settings = {
            "kind": f"{PREFIX}{table.digest()[:12]}",
            "image_size": subject.image_size,
            "num_classes": subject.num_classes,
            "quantization": subject.quantization,
            "device": device,
            "mean_error": check["mean_error"],
        }
        weights = "float32" if subject.quantization == "none" else subject.quantization
        self.description = f"latency table, {self.note}; {subject.image_size} px, {weights}"

    def measure(self, network: Network) -> Evaluation:
        """See LatencyEvaluator; Infeasible for a network with an operator that is not in it."""
        (evaluation,) = self.measure_all([network])
        if isinstance(evaluation, Infeasible):
            raise evaluation
        return evaluation

    def measure_all(self, networks: Sequence[Network]) -> list[Evaluation | Infeasible]:
        """`measure` of many at once."""
        record = {"kind": self.settings["kind"], "note": self.note}
        found = []
        for network in networks:
            try:
                found.append(
                    Evaluation(self._table.predict(self._architecture_of(network)), record)
                )
            except KeyError as error:
                found.append(Infeasible(f"the latency table has no operator {error.args[0]}"))
        return found
