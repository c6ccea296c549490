"""Rows of a workbook as lines of text, between the process that reads it and the one that makes events of it."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

import msgspec

from services.ingest.domain.formats.sheet.cells import Cell, Merged, Row
from shared import workbooks
from shared.workbooks import Merge, Sheet, Unreadable

_ENCODER = msgspec.json.Encoder()


class Opened(msgspec.Struct, frozen=True, array_like=True):
    """The first line: what was opened, or why nothing was."""

    title: str = ""
    counts_from_1904: bool = False
    unreadable: str | None = None


def lines_of(sheet: Sheet) -> Iterator[bytes]:
    """Yield what is told of a sheet: what it is, and its rows."""
    yield _ENCODER.encode(Opened(sheet.title, sheet.counts_from_1904))
    for number, cells in _spread(sheet):
        yield _ENCODER.encode((number, [_told(cell) for cell in cells]))


def broken_off(reason: str) -> bytes:
    """Return the line that says why there is no further one."""
    return _ENCODER.encode(Opened(unreadable=reason))


def read_opened(line: bytes) -> Opened:
    """Return what the first line says."""
    return msgspec.json.decode(line, type=Opened)


def read_line(line: bytes) -> Row | str:
    """Return a row, or why there is no further one."""
    first, second, *rest = msgspec.json.decode(line)
    return str(rest[0]) if rest else Row(first, tuple(map(_read, second)), len(line))


def _spread(sheet: Sheet) -> Iterator[tuple[int, list[Cell]]]:
    """Yield the rows, with what merged cells show in each of theirs."""
    merges = list(reversed(sheet.merges))
    open_: dict[int, tuple[Merge, workbooks.Cell]] = {}
    for number, cells in sheet.cells:
        row: list[Cell] = list(cells)
        while merges and merges[-1].first <= number:
            merge = merges.pop()
            value = cells[merge.column] if merge.column < len(cells) and merge.first == number else None
            open_[merge.column] = merge, value
        for column, (merge, value) in list(open_.items()):
            if merge.last < number:
                del open_[column]
            elif merge.first < number and value is not None:
                row += [None] * (column + 1 - len(row))
                row[column] = Merged(merge.first, value)
        yield number, row


def _told(cell: Cell) -> Any:
    match cell:
        case Merged():
            return ["m", cell.first, _told(cell.value)]
        case Unreadable():
            return ["x", *cell]
        case datetime() | date():
            return ["d", cell.isoformat()]
        case time():
            return ["t", cell.isoformat()]
        case timedelta():
            return ["s", cell.total_seconds()]
        case _:
            return cell


def _read(told: Any) -> Cell:
    if not isinstance(told, list):
        cell: Cell = told
        return cell
    match told:
        case ["m", first, value]:
            return Merged(first, _read_plain(value))
        case _:
            return _read_plain(told)


def _read_plain(told: Any) -> workbooks.Cell:
    match told:
        case ["x", text, reason]:
            return Unreadable(text, reason)
        case ["d", text]:
            return datetime.fromisoformat(text)
        case ["t", text]:
            return time.fromisoformat(text)
        case ["s", seconds]:
            return timedelta(seconds=seconds)
        case _:
            cell: workbooks.Cell = told
            return cell
