"""Opens Excel registers (.xlsx): the first visible sheet, or a named one."""

import io

from services.licensing.importing.tables import MAX_COLUMNS, MAX_ROWS, Fault, Row, Table, unreadable_file
from shared.workbooks import Sheet, UnreadableWorkbookError, open_sheet

MAX_UNPACKED_BYTES = 150_000_000
LAST_ROW = 100_000
"""What stands further down is not looked at: sheets are often formatted far beyond what is written in them."""


def open_excel(data: bytes, sheet: str | None) -> Table:
    """Return the table of a workbook's sheet; what cannot be read is among its faults."""
    try:
        return _table(open_sheet(io.BytesIO(data), sheet, MAX_UNPACKED_BYTES, MAX_COLUMNS))
    except UnreadableWorkbookError as error:
        return unreadable_file(str(error))


def _table(sheet: Sheet) -> Table:
    kept: list[Row] = []
    for number, cells in sheet.cells:
        if number <= LAST_ROW and all(cell is None for cell in cells):
            continue
        kept.append(Row(number, cells))
        if len(kept) > MAX_ROWS + 1 or number > LAST_ROW:
            reason = f"the sheet has more than {MAX_ROWS} rows, or reaches beyond row {LAST_ROW}; remove empty rows"
            return Table(kept[0], tuple(kept[1:-1]), (Fault(number, None, "", "file", reason),))
    return Table(kept[0], tuple(kept[1:])) if kept else unreadable_file("the sheet is empty")
