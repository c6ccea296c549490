"""Reads a register of licences: bytes in, licences and every fault of every row out."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from services.licensing.importing.columns import COLUMNS, GOODS, Column
from services.licensing.importing.csv_file import open_csv
from services.licensing.importing.excel_file import open_excel
from services.licensing.importing.header import columns_of
from services.licensing.importing.tables import Fault, FaultKind, Row, Table, shown, unreadable_file
from services.licensing.importing.values import UNIT_SYMBOLS, Unfit
from shared.events import LicenceIssued, LicenceLine, Money, Selector
from shared.masses import Mass
from shared.workbooks import Cell

MAX_LINES = 200
MAX_DESTINATIONS = 250
_ZIP, _OLD_EXCEL = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
_AMBIGUOUS = re.compile(r"[1-9][0-9]{0,2}\.[0-9]{3}")
_MAY_BE_THOUSANDS = (
    "may mean thousands in a file separated by semicolons; add a 0 behind its decimals, or leave out the point"
)
_LICENCE_COLUMNS = tuple(column for column in COLUMNS if column.of == "licence")


class Opening(NamedTuple):
    """An opening balance: what of a licence's line was used before its shipments are known."""

    row: int
    line_no: int
    mass: Mass | None
    value: Money | None


class RegisterLicence(NamedTuple):
    """A licence of the register, the rows that it stands in, and its opening balances."""

    rows: tuple[int, ...]
    terms: LicenceIssued
    openings: tuple[Opening, ...]


class Register(NamedTuple):
    """What a file holds. A licence with a fault in any of its rows is not among the licences.

    `columns` are those that the file has: of what it has no column for, it says nothing.
    """

    licences: tuple[RegisterLicence, ...]
    faults: tuple[Fault, ...]
    columns: frozenset[str]
    row_count: int


@dataclass(slots=True)
class _Read:
    """A row that was read: its values by column, empty cells left out, and the columns at fault."""

    row: Row
    values: dict[str, Any] = field(default_factory=dict)
    cells: dict[str, str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    is_whole: bool = True
    """Of a row that is not, no cell can be relied on."""

    def blame(self, column: str | None, kind: FaultKind, reason: str) -> None:
        value = self.cells.get(column, "") if column else ""
        self.faults.append(Fault(self.row.number, column, value, kind, reason))

    def is_blamed(self, column: str) -> bool:
        return not self.is_whole or any(fault.column == column for fault in self.faults)


def read_register(data: bytes, sheet: str | None = None) -> Register:
    """Read a CSV file or an Excel workbook; all that is wrong is among the faults."""
    table = _open(data, sheet)
    places, faults = columns_of(table)
    columns = frozenset(column.name for column in places.values())
    reads = [_read(row, places, table) for row in table.rows]
    groups: dict[str, list[_Read]] = {}
    for read in reads:
        if licence_id := read.values.get("licence_id"):
            groups.setdefault(licence_id, []).append(read)
        elif "licence_id" in columns and not read.is_blamed("licence_id"):
            read.blame("licence_id", "missing", "is empty")
    licences = [licence for group in groups.values() if (licence := _licence(group, columns))]
    faults += [fault for read in reads for fault in read.faults]
    ordered = sorted(faults, key=lambda fault: fault.row or 0)
    return Register(tuple(licences) if not _is_headless(table, faults) else (), tuple(ordered), columns, len(reads))


def _open(data: bytes, sheet: str | None) -> Table:
    if data.startswith(_OLD_EXCEL):
        return unreadable_file("the file is an old or an encrypted Excel workbook; save it as .xlsx without a password")
    if data.startswith(_ZIP):
        return open_excel(data, sheet)
    return open_csv(data) if sheet is None else unreadable_file("a CSV file has no sheets")


def _is_headless(table: Table, faults: Iterable[Fault]) -> bool:
    """Whether the header or the file is at fault, so that no row can be relied on."""
    return bool(table.faults) or any(fault.kind == "column" for fault in faults)


def _read(row: Row, places: dict[int, Column], table: Table) -> _Read:
    read = _Read(row)
    if table.separator and (reason := _torn(row, len(table.header.cells))):
        read.blame(None, "file", reason)
        read.is_whole = False
        places = {place: column for place, column in places.items() if column.name == "licence_id"}
    for place, cell in enumerate(row.cells):
        column = places.get(place)
        if cell is None:
            continue
        if column is None and not read.is_whole:
            continue
        if column is None:
            _check_noted(read, place, cell, table.header)
            continue
        read.cells[column.name] = shown(cell)
        try:
            value = column.read(cell)
        except Unfit as error:
            read.blame(column.name, "unfit", str(error))
            continue
        if table.separator == ";" and isinstance(value, Decimal) and _AMBIGUOUS.fullmatch(str(cell)):
            read.blame(column.name, "unfit", _MAY_BE_THOUSANDS)
        else:
            read.values[column.name] = value
    return read


def _torn(row: Row, wide: int) -> str | None:
    """Return what is wrong with a row of a CSV file that has not as many cells as the header."""
    filled = max(place for place, cell in enumerate(row.cells, start=1) if cell is not None)
    if len(row.cells) >= wide >= filled:
        return None
    hint = "a text with the separator in it needs quotes" if filled > wide else "the row was cut off"
    return f"the row has {max(filled, len(row.cells))} cells and the header {wide}; {hint}"


def _check_noted(read: _Read, place: int, cell: Cell, header: Row) -> None:
    """Blame a cell that stands under no heading at all; an unknown heading has been named already."""
    if place >= len(header.cells) or header.cells[place] is None:
        read.faults.append(Fault(read.row.number, None, shown(cell), "file", f"cell {place + 1} has no heading"))


def _licence(group: list[_Read], columns: frozenset[str]) -> RegisterLicence | None:
    """Return the licence that rows with one licence_id make, or None when there is a fault in any of them."""
    shared = _shared_values(group)
    lines = [_line(read) for read in group]
    openings = [opening for read in group if (opening := _opening(read))]
    _check_required(group, columns)
    _check_terms(group, shared)
    if any(read.faults for read in group):
        return None
    try:
        terms = LicenceIssued(lines=tuple(line for line in lines if line), **shared)
    except (ValueError, TypeError) as error:
        group[0].blame(None, "terms", str(error))
        return None
    return RegisterLicence(tuple(read.row.number for read in group), terms, tuple(openings))


def _shared_values(group: list[_Read]) -> dict[str, Any]:
    """Return what the licence's rows say together; a row may leave out what an earlier one said."""
    shared: dict[str, Any] = {}
    said_in: dict[str, _Read] = {}
    for read in group:
        for column in _LICENCE_COLUMNS:
            name = column.name
            if name not in read.values:
                continue
            first = said_in.setdefault(name, read)
            if first is read and read is not group[0] and not group[0].is_blamed(name):
                read.blame(name, "contradiction", f"row {group[0].row.number} of the same licence leaves it empty")
            elif _is_other(shared.setdefault(name, read.values[name]), read.values[name]):
                says = f"row {first.row.number} of the same licence says '{first.cells[name]}'"
                read.blame(name, "contradiction", says)
    return shared


def _is_other(one: Any, another: Any) -> bool:
    return frozenset(one) != frozenset(another) if isinstance(one, tuple) else bool(one != another)


def _check_required(group: list[_Read], columns: frozenset[str]) -> None:
    for column in COLUMNS:
        if not column.is_required or column.name not in columns:
            continue
        for read in group[:1] if column.of == "licence" else group:
            if column.name not in read.values and not read.is_blamed(column.name):
                read.blame(column.name, "missing", "is empty")
    for read in group:
        if columns.intersection(GOODS) and not any(name in read.values or read.is_blamed(name) for name in GOODS):
            read.blame(None, "missing", f"the line names no goods: one of {', '.join(GOODS)} is needed")


def _check_terms(group: list[_Read], shared: dict[str, Any]) -> None:
    """Name what the contract would refuse, each at its place, instead of the first thing only."""
    first = group[0]
    begins, ends = shared.get("valid_from"), shared.get("valid_until")
    if begins and ends and ends <= begins:
        first.blame("valid_until", "terms", "is not later than valid_from; the end is exclusive")
    if shared.get("kind", "individual") == "individual" and len(shared.get("end_users", ())) > 1:
        first.blame("end_users", "terms", "an individual licence has one end user; several are for a general one")
    if len(shared.get("destinations", ())) > MAX_DESTINATIONS:
        first.blame("destinations", "terms", f"are more than {MAX_DESTINATIONS}")
    if len(group) > MAX_LINES:
        first.blame(None, "terms", f"the licence has {len(group)} lines; {MAX_LINES} are the limit")
    stood: dict[int, int] = {}
    for read in group:
        line_no = read.values.get("line_no")
        if line_no in stood:
            read.blame("line_no", "duplicate", f"row {stood[line_no]} is line {line_no} of the licence already")
        elif line_no:
            stood[line_no] = read.row.number
        for name in ("mass", "value"):
            if shared.get("kind") == "certificate" and read.values.get(name):
                read.blame(name, "terms", "a certificate registers exports and grants no quantity")


def _line(read: _Read) -> LicenceLine | None:
    covers = Selector(**{name: read.values.get(name, ()) for name in GOODS})
    mass, value = _mass(read, "mass"), _money(read, "value")
    line_no = read.values.get("line_no")
    measure = read.values.get("measure", "net")
    return line_no and LicenceLine(line_no=line_no, covers=covers, mass=mass, measure=measure, value=value)


def _opening(read: _Read) -> Opening | None:
    mass, value = _mass(read, "used_mass"), _money(read, "used_value")
    line_no = read.values.get("line_no")
    return Opening(read.row.number, line_no, mass, value) if line_no and (mass or value) else None


def _mass(read: _Read, name: str) -> Mass | None:
    amount = read.values.get(name)
    if amount is None or read.is_blamed("unit"):
        return None
    if "unit" not in read.values:
        read.blame("unit", "missing", f"is empty; {name} needs one of {', '.join(UNIT_SYMBOLS)}")
        return None
    try:
        return Mass(amount, read.values["unit"])
    except ValueError as error:
        read.blame(name, "unfit", str(error))
        return None


def _money(read: _Read, name: str) -> Money | None:
    amount = read.values.get(name)
    if amount is None or read.is_blamed("currency"):
        return None
    if "currency" not in read.values:
        read.blame("currency", "missing", f"is empty; {name} needs one")
        return None
    whole, _, decimals = format(amount, "f").partition(".")
    if len(whole) > 14 or len(decimals) > 4:  # noqa: PLR2004 - as the contract's Money
        read.blame(name, "unfit", "has more than 14 digits, or more than 4 decimals")
        return None
    return Money(amount=format(amount, "f"), currency=read.values["currency"])
