"""The flag that a search and the tables' own command share, and the table that --latency names."""

from absl import flags

from search.latency_tables.table_file import LatencyTable
from search.latency_tables.table_latency import PREFIX, load_checked
from search.spaces.decisions import SearchSpace

MAX_TABLE_ERROR = flags.DEFINE_float(
    "max_table_error",
    0.1,
    "a latency table whose check found a larger mean error is refused: 0.1 is 10 %",
)


def table_of(
    kind: str, space: SearchSpace, image_size: int, quantization: str
) -> LatencyTable | None:
    """The table that --latency=table:FILE names; None for another kind.

    Raises:
      ValueError: as `load_checked`.
    """
    if not kind.startswith(PREFIX):
        return None
    path = kind.removeprefix(PREFIX)
    return load_checked(path, space, image_size, quantization, MAX_TABLE_ERROR.value)
