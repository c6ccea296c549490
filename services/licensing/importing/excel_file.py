"""Opens Excel registers (.xlsx, ECMA-376): the first visible sheet, or a named one.

A workbook is a ZIP of XML, so a small file can be made to unpack to a huge one, and two cells can
span a sheet of seventeen thousand million. What it unpacks to is therefore bounded before anything is read, and
rows are read one by one.
"""

import io
import warnings
import zipfile
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from services.licensing.importing.tables import (
    MAX_COLUMNS,
    MAX_ROWS,
    Cell,
    Fault,
    Row,
    Table,
    Unreadable,
    unreadable_file,
)

if TYPE_CHECKING:
    from openpyxl.workbook import Workbook

MAX_UNPACKED_BYTES = 150_000_000
LAST_ROW = 100_000
"""Empty rows count for this as well: sheets are often formatted far beyond what is written in them."""
_FORMULAS = (b"<f", b":f")
_NO_RESULT = Unreadable("", "the formula has no result in the file; save it with a spreadsheet, or write values")


def open_excel(data: bytes, sheet: str | None) -> Table:
    """Return the table of a workbook's sheet; what cannot be read is among its faults."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            # Python unpacks no entry beyond the size that its directory names.
            unpacked = sum(entry.file_size for entry in archive.infolist())
            if unpacked > MAX_UNPACKED_BYTES:
                return unreadable_file(f"unpacked, the workbook has more than {MAX_UNPACKED_BYTES} bytes")
            has_formulas = _has_formulas(archive)
        with warnings.catch_warnings():
            # What the library has to say of styles and extensions does not concern the values.
            warnings.simplefilter("ignore")
            return _read(data, sheet, has_formulas=has_formulas)
    except Exception as error:  # noqa: BLE001 - the library lets out whatever its parts raise on a broken file
        return unreadable_file(f"the file is no readable Excel workbook (.xlsx): {type(error).__name__}: {error}")


def _has_formulas(archive: zipfile.ZipFile) -> bool:
    sheets = [entry for entry in archive.infolist() if entry.filename.startswith("xl/worksheets/")]
    return any(mark in archive.read(entry) for entry in sheets for mark in _FORMULAS)


def _read(data: bytes, name: str | None, *, has_formulas: bool) -> Table:
    book = _workbook(data, data_only=True)
    found = _sheet(book, name)
    if isinstance(found, str):
        return unreadable_file(found)
    rows = _results(found, _workbook(data, data_only=False)[found.title]) if has_formulas else _values(found)
    kept: list[Row] = []
    for row in rows:
        kept.append(row)
        if len(kept) > MAX_ROWS + 1 or row.number > LAST_ROW:
            reason = f"the sheet has more than {MAX_ROWS} rows, or reaches beyond row {LAST_ROW}; remove empty rows"
            return Table(kept[0], tuple(kept[1:-1]), (Fault(row.number, None, "", "file", reason),))
    return Table(kept[0], tuple(kept[1:])) if kept else unreadable_file("the sheet is empty")


def _workbook(data: bytes, *, data_only: bool) -> "Workbook":
    from openpyxl import load_workbook  # noqa: PLC0415 - slow to import, and most imports are CSV

    return load_workbook(io.BytesIO(data), read_only=True, data_only=data_only, keep_links=False)


def _sheet(book: "Workbook", name: str | None) -> Any:
    """Return the sheet, or why there is none."""
    sheets = book.worksheets
    if name is None:
        return next((sheet for sheet in sheets if sheet.sheet_state == "visible"), "the workbook has no visible sheet")
    names = ", ".join(sheet.title for sheet in sheets)
    return next((sheet for sheet in sheets if sheet.title == name), f"there is no sheet '{name}'; there is: {names}")


def _cells(sheet: Any) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """Yield the rows that the sheet has, with their numbers; the first beyond the last row is yielded too."""
    sheet.reset_dimensions()  # what the file says of its own size may be wrong
    gap: object = None
    for number, cells in enumerate(sheet.iter_rows(min_row=1, min_col=1, max_col=MAX_COLUMNS), start=1):
        # Rows that the file leaves out are one and the same tuple.
        if cells is not gap or number > LAST_ROW:
            yield number, cells
        gap = cells
        if number > LAST_ROW:
            return


def _values(sheet: Any) -> Iterator[Row]:
    for number, cells in _cells(sheet):
        yield from _kept(number, tuple(_value(cell) for cell in cells))


def _results(sheet: Any, formulas: Any) -> Iterator[Row]:
    """Yield the rows like `_values`; a formula that was never worked out is not taken for an empty cell."""
    for (number, cells), (_, sources) in zip(_cells(sheet), _cells(formulas), strict=True):
        values = (
            _NO_RESULT if source.data_type == "f" and cell.data_type == "n" and cell.value is None else _value(cell)
            for cell, source in zip(cells, sources, strict=True)
        )
        yield from _kept(number, tuple(values))


def _kept(number: int, values: tuple[Cell, ...]) -> Iterator[Row]:
    if number > LAST_ROW or any(value is not None for value in values):
        yield Row(number, values)


def _value(cell: Any) -> Cell:
    value = cell.value
    if cell.data_type == "e":
        return Unreadable(str(value), "the cell holds an error")
    if isinstance(value, str):
        return value.strip() or None
    known: Cell = value
    return known
