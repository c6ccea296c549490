"""Writes register files for tests, as a person would: rows of text, CSV bytes, workbooks."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from openpyxl import Workbook

from services.licensing.importing.columns import COLUMNS
from services.licensing.importing.register import Opening
from shared.events import LicenceLine, LicenceTerms

NAMES = tuple(column.name for column in COLUMNS)
BASE: dict[str, Any] = {
    "licence_id": "L-1",
    "authority": "MOFCOM",
    "exporter": "X",
    "origin": "CN",
    "destinations": "DE",
    "valid_from": "2025-04-28",
    "valid_until": "2025-10-28",
    "line_no": "1",
    "hs": "850511",
    "mass": "1000",
    "unit": "kg",
}
"""A row without fault."""


def row(**over: Any) -> dict[str, Any]:
    return {**BASE, **over}


def csv_of(*rows: dict[str, Any], separator: str = ",", names: Sequence[str] | None = None) -> bytes:
    """The header has the columns of all rows, in the order in which they first come."""
    names = names or list(dict.fromkeys(name for one in rows for name in one))
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=separator)
    writer.writerow(names)
    writer.writerows([one.get(name, "") for name in names] for one in rows)
    return out.getvalue().encode()


def excel_of(*rows: dict[str, Any], sheet: str = "Register", before: Sequence[str] = ()) -> bytes:
    names = list(dict.fromkeys(name for one in rows for name in one))
    return workbook_of([names, *([one.get(name) for name in names] for one in rows)], sheet=sheet, before=before)


def workbook_of(table: Iterable[Sequence[Any]], *, sheet: str = "Register", before: Sequence[str] = ()) -> bytes:
    book = Workbook()
    book.remove(book.active)  # type: ignore[arg-type] # a new book has a sheet
    for name in before:
        book.create_sheet(name)
    page = book.create_sheet(sheet)
    for cells in table:
        page.append(list(cells))
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def rows_of(terms: LicenceTerms, openings: Sequence[Opening] = (), *, is_sparse: bool = False) -> list[dict[str, str]]:
    """Return a licence as a register tells it: a row a line; sparse: its terms stand in the first row only."""
    used = {opening.line_no: opening for opening in openings}
    found = [{**_terms(terms), **_line(line, used.get(line.line_no))} for line in terms.lines]
    if is_sparse:
        shared = set(_terms(terms)) - {"licence_id"}
        found[1:] = [{name: value for name, value in one.items() if name not in shared} for one in found[1:]]
    return found


def _terms(terms: LicenceTerms) -> dict[str, str]:
    lists = ("destinations", "consignees", "end_users", "end_uses", "ports", "needs_evidence")
    plain = ("licence_id", "kind", "authority", "exporter", "origin", "batch_id", "report_within_days")
    found = {name: "|".join(getattr(terms, name)) for name in lists}
    found |= {name: str(value) for name in plain if (value := getattr(terms, name)) is not None}
    found |= {name: getattr(terms, name).isoformat() for name in ("valid_from", "valid_until")}
    return {**found, "bars_re_export": "yes" if terms.bars_re_export else "no"}


def _line(line: LicenceLine, used: Opening | None) -> dict[str, str]:
    found = {name: "|".join(getattr(line.covers, name)) for name in ("hs", "elements", "forms", "control_codes")}
    found |= {"line_no": str(line.line_no), "measure": line.measure}
    if line.mass:
        found |= {"mass": f"{line.mass.value:f}", "unit": line.mass.unit}
    if line.value:
        found |= {"value": line.value.amount, "currency": line.value.currency}
    if used and used.mass:
        found |= {"used_mass": f"{used.mass.value:f}", "unit": used.mass.unit}
    if used and used.value:
        found |= {"used_value": used.value.amount, "currency": used.value.currency}
    return found
