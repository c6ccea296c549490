"""Reads the header of a register: which column stands where, and what is wrong with it."""

import re
from collections.abc import Iterator
from difflib import get_close_matches

from services.licensing.importing.columns import BY_NAME, COLUMNS, GOODS, Column
from services.licensing.importing.tables import Fault, Table, shown


def columns_of(table: Table) -> tuple[dict[int, Column], list[Fault]]:
    """Return the columns by their places, and what is wrong with the header; `#` begins a column of notes."""
    places: dict[int, Column] = {}
    faults = list(table.faults)
    number = table.header.number
    for place, cell in enumerate(table.header.cells):
        title = shown(cell)
        name = re.sub(r"[\s-]+", "_", title.strip().lower())
        if not name or name.startswith("#"):
            continue
        if name not in BY_NAME:
            faults.append(Fault(number, title, title, "column", _unknown(name)))
        elif any(column.name == name for column in places.values()):
            faults.append(Fault(number, name, title, "column", "the column stands twice"))
        else:
            places[place] = BY_NAME[name]
    if table.header.cells and not table.rows:
        faults.append(Fault(None, None, "", "file", "there is no row under the header"))
    if table.header.cells:
        faults += _absent({column.name for column in places.values()}, number)
    return places, faults


def _unknown(name: str) -> str:
    near = get_close_matches(name, BY_NAME, n=1)
    hint = f", is it {near[0]}?" if near else ""
    return f"there is no such column{hint}; a column of notes begins with #"


def _absent(names: set[str], number: int) -> Iterator[Fault]:
    for column in COLUMNS:
        if column.is_required and column.name not in names:
            yield Fault(number, column.name, "", "column", "the column is missing")
    if not names.intersection(GOODS):
        reason = f"at least one of the columns {', '.join(GOODS)} is needed"
        yield Fault(number, None, "", "column", reason)
