"""Opens CSV registers: UTF-8 with or without a byte order mark, separated by commas or semicolons (RFC 4180)."""

import csv
import io
from collections.abc import Iterator

from services.licensing.importing.tables import MAX_ROWS, Fault, Row, Table, unreadable_file

_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def open_csv(data: bytes) -> Table:
    """Return the table of a CSV file; what cannot be read is among its faults."""
    if data.startswith(_UTF16):
        return unreadable_file("the file is UTF-16; save it as CSV in UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = data[: error.start].count(b"\n") + 1
        return unreadable_file(f"the file is not UTF-8 (row {row}); save it as CSV in UTF-8")
    if "\x00" in text:
        return unreadable_file("the file holds zero bytes, so it is no CSV file")
    return _table(text)


def _table(text: str) -> Table:
    first = next((line for line in text.splitlines() if line.strip(" ,;")), "")
    separator = ";" if first.count(";") > first.count(",") else ","
    rows: list[Row] = []
    faults: list[Fault] = []
    try:
        for row in _rows(text, separator):
            if len(rows) > MAX_ROWS:  # and the header
                faults.append(Fault(row.number, None, "", "file", f"the file has more than {MAX_ROWS} rows"))
                break
            rows.append(row)
    except csv.Error as error:
        after = rows[-1].number if rows else 0
        faults.append(Fault(after + 1, None, "", "file", f"from this row on it is not readable as CSV: {error}"))
    if not rows:
        return unreadable_file(faults[0].reason if faults else "the file is empty")
    return Table(rows[0], tuple(rows[1:]), tuple(faults), separator)


def _rows(text: str, separator: str) -> Iterator[Row]:
    """Yield the rows that hold something; a row's number is that of the line on which it begins."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    begins = 1
    for cells in reader:
        if any(cell.strip() for cell in cells):
            yield Row(begins, tuple(cell.strip() or None for cell in cells))
        begins = reader.line_num + 1
