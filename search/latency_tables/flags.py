"""The flag that a search and the tables' own command share."""

from absl import flags

MAX_TABLE_ERROR = flags.DEFINE_float(
    "max_table_error",
    0.1,
    "a latency table whose check found a larger mean error is refused: 0.1 is 10 %",
)
