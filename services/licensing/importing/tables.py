"""What a register file is once it is opened: a header and numbered rows of cells, whatever its format."""

from datetime import date, datetime, time
from typing import Literal, NamedTuple

from shared.workbooks import Cell, Unreadable

MAX_ROWS = 20_000
"""So that reading stays a matter of seconds; larger registers are imported in parts."""
MAX_COLUMNS = 64
"""What stands further to the right in a sheet is not looked at."""

FaultKind = Literal["file", "column", "missing", "unfit", "contradiction", "duplicate", "terms"]
"""`file`: it cannot be read; `column`: the header; `missing` and `unfit`: a cell; `contradiction`: two rows of
a licence say different things; `duplicate`: a line stands twice; `terms`: each cell is fine, together they are not."""


class Fault(NamedTuple):
    """One thing that is wrong: where (row as the file counts them, from 1), what stands there, and why it cannot be."""

    row: int | None
    column: str | None
    value: str
    kind: FaultKind
    reason: str


class Row(NamedTuple):
    """A row with its number in the file."""

    number: int
    cells: tuple[Cell, ...]


class Table(NamedTuple):
    """An opened file. `separator` is that of a CSV file."""

    header: Row
    rows: tuple[Row, ...] = ()
    faults: tuple[Fault, ...] = ()
    separator: str | None = None


def unreadable_file(reason: str) -> Table:
    """Return the table of a file that cannot be read at all."""
    return Table(Row(1, ()), faults=(Fault(None, None, "", "file", reason),))


def shown(cell: Cell) -> str:
    """Return a cell as a person would find it in the file."""
    match cell:
        case None:
            return ""
        case Unreadable():
            return cell.shown
        case bool():
            return "TRUE" if cell else "FALSE"
        case datetime() | date() | time():
            return cell.isoformat()
        case _:
            return str(cell)
