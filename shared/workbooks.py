"""Reads the sheets of Excel workbooks (.xlsx, ECMA-376) row by row, within bounds.

A workbook is a ZIP of XML, so a small file can be made to unpack to a huge one, and two cells can
span a sheet of seventeen thousand million. What it unpacks to is therefore bounded before anything is read.
"""

import re
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import IO, Any, NamedTuple

MARKS = re.compile(
    rb"<(?:\w+:)?f[ />]|<(?:\w+:)?mergeCell [^>]*ref=\"([A-Z]{1,3})([0-9]{1,7}):([A-Z]{1,3})([0-9]{1,7})\""
)
LONGEST_MARK = 200
PIECE_BYTES = 1024 * 1024
MAX_MERGES = 50_000


class Unreadable(NamedTuple):
    """A cell that has no usable value, and why."""

    shown: str
    reason: str


Cell = str | int | float | bool | date | datetime | time | timedelta | Unreadable | None
"""An empty cell is None; a CSV file has text only."""

NO_RESULT = Unreadable("", "the formula has no result in the file; save it with a spreadsheet, or write values")


class UnreadableWorkbookError(Exception):
    """The file is no workbook that can be read, or has no such sheet."""


class Merge(NamedTuple):
    """Cells of one column, from row to row, that are shown as one; the first of them holds the value."""

    column: int
    first: int
    last: int


@dataclass(frozen=True)
class Sheet:
    """One sheet of a workbook, its rows to be read once."""

    title: str
    counts_from_1904: bool
    """Whether numbers that are dates count the days from 1904 on (ECMA-376, part 1, section 18.17.4)."""
    merges: tuple[Merge, ...]
    cells: Iterator[tuple[int, tuple[Cell, ...]]]
    """Rows with their numbers, from 1; those that the file leaves out are not among them."""


def open_sheet(file: IO[bytes], name: str | None, max_unpacked: int, max_columns: int | None = None) -> Sheet:
    """Return a sheet: the first visible one, or the one that is named.

    Raises UnreadableWorkbookError, as does reading its rows, whatever it is that cannot be read.
    """
    with _told(), zipfile.ZipFile(file) as archive:
        _check_size(archive, max_unpacked)
        book = _workbook(file, data_only=True)
        found = _chosen(book, name)
        # The library has no public name for it; without it, where cells are merged is not to be known.
        has_formulas, merges = _marks(archive, found._worksheet_path)  # noqa: SLF001
        rows = _rows(found, max_columns)
        if has_formulas:
            rows = _results(rows, _rows(_workbook(file, data_only=False)[found.title], max_columns))
        return Sheet(found.title, book.epoch.year == 1904, tuple(merges), _values(rows))  # noqa: PLR2004 - the other epoch


@contextmanager
def _told() -> Iterator[None]:
    try:
        with warnings.catch_warnings():
            # What the library has to say of styles and extensions does not concern the values.
            warnings.simplefilter("ignore")
            yield
    except UnreadableWorkbookError:
        raise
    except MemoryError as error:
        raise UnreadableWorkbookError("the workbook takes more memory than there is for it") from error
    except Exception as error:
        # The library lets out whatever its parts raise on a broken file.
        reason = f"the file is no readable Excel workbook (.xlsx): {type(error).__name__}: {error}"
        raise UnreadableWorkbookError(reason) from error


def _check_size(archive: zipfile.ZipFile, most: int) -> None:
    # Python unpacks no entry beyond the size that its directory names.
    if sum(entry.file_size for entry in archive.infolist()) > most:
        raise UnreadableWorkbookError(f"unpacked, the workbook has more than {most} bytes")


def _workbook(file: IO[bytes], *, data_only: bool) -> Any:
    from openpyxl import load_workbook  # noqa: PLC0415 - slow to import, and most files are CSV

    return load_workbook(file, read_only=True, data_only=data_only, keep_links=False)


def _chosen(book: Any, name: str | None) -> Any:
    sheets = book.worksheets
    names = ", ".join(sheet.title for sheet in sheets)
    for sheet in sheets:
        if sheet.title == name if name is not None else sheet.sheet_state == "visible":
            return sheet
    missing = "the workbook has no visible sheet" if name is None else f"there is no sheet '{name}'; there is: {names}"
    raise UnreadableWorkbookError(missing)


def _marks(archive: zipfile.ZipFile, path: str) -> tuple[bool, list[Merge]]:
    """Return whether a sheet has formulas, and which cells are merged; the library tells neither while it streams."""
    has_formulas, merges, rest = False, dict[Merge, None](), b""
    with archive.open(path) as part:
        while piece := part.read(PIECE_BYTES):
            text = rest + piece
            for mark in MARKS.finditer(text):
                if mark[1] is None:
                    has_formulas = True
                elif int(mark[2]) < int(mark[4]):
                    merges[Merge(_column(mark[1]), int(mark[2]), int(mark[4]))] = None
            if len(merges) > MAX_MERGES:
                raise UnreadableWorkbookError(f"more than {MAX_MERGES} cells of the sheet are merged")
            rest = text[-LONGEST_MARK:]
    return has_formulas, sorted(merges, key=lambda merge: merge.first)


def _column(letters: bytes) -> int:
    """Return the place of a column from its letters, counted from 0."""
    place = 0
    for letter in letters:
        place = place * 26 + letter - ord("A") + 1
    return place - 1


def _rows(sheet: Any, max_columns: int | None) -> Iterator[tuple[int, tuple[Any, ...]]]:
    sheet.reset_dimensions()  # what the file says of its own size may be wrong
    gap: object = None
    for number, cells in enumerate(sheet.iter_rows(min_row=1, min_col=1, max_col=max_columns), start=1):
        # Rows that the file leaves out are one and the same tuple.
        if cells and cells is not gap:
            yield number, cells
        gap = cells


def _results(
    values: Iterator[tuple[int, tuple[Any, ...]]], formulas: Iterator[tuple[int, tuple[Any, ...]]]
) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """Yield the rows of values; a formula that was never worked out is not taken for an empty cell."""
    for (number, cells), (_, sources) in zip(values, formulas, strict=True):
        yield (
            number,
            tuple(
                NO_RESULT if source.data_type == "f" and cell.data_type == "n" and cell.value is None else cell
                for cell, source in zip(cells, sources, strict=True)
            ),
        )


def _values(rows: Iterator[tuple[int, tuple[Any, ...]]]) -> Iterator[tuple[int, tuple[Cell, ...]]]:
    while True:
        with _told():
            row = next(rows, None)
        if row is None:
            return
        yield row[0], tuple(map(_value, row[1]))


def _value(cell: Any) -> Cell:
    if isinstance(cell, Unreadable):
        return cell
    value = cell.value
    if cell.data_type == "e":
        return Unreadable(str(value), "the cell holds an error")
    if isinstance(value, str):
        return value.strip() or None
    known: Cell = value
    return known
