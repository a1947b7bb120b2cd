"""Tables on standard output: drawn on a terminal, in plain columns elsewhere."""

import sys
from collections.abc import Sequence


def print_table(
    heads: Sequence[str], rows: Sequence[Sequence[str]], *, left: frozenset[int] = frozenset({0})
) -> None:
    """Prints text in columns.

    Args:
      heads: of the columns.
      rows: each with a cell for every head.
      left: the columns, counted from 0, whose cells stand to the left; numbers stand to the right.
    """
    draw = _print_rich if sys.stdout.isatty() else _print_plain
    draw(heads, rows, left)


def _print_plain(heads: Sequence[str], rows: Sequence[Sequence[str]], left: frozenset[int]) -> None:
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    for row in [heads, *rows]:
        cells = (
            cell.ljust(width) if place in left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        print("  ".join(cells).rstrip())


def _print_rich(heads: Sequence[str], rows: Sequence[Sequence[str]], left: frozenset[int]) -> None:
    import rich
    import rich.table
    import rich.text

    drawn = rich.table.Table()
    for place, head in enumerate(heads):
        drawn.add_column(head, justify="left" if place in left else "right", overflow="fold")
    for row in rows:
        # As Text, or brackets in a path would be taken for markup.
        drawn.add_row(*map(rich.text.Text, row))
    rich.print(drawn)
