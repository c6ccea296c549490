"""Spreadsheets and mappings for tests."""

import copy
import io
import json
from collections.abc import Iterable, Sequence
from typing import Any

from openpyxl import Workbook

CSV = "text/csv"
EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

HEADER = "Lieferung;Datum;Empfänger;Land;Warennummer;Elemente;Netto;Brutto;Einheit"
DECLARED: dict[str, Any] = {
    "title": "Deliveries of plant 1",
    "type": "trade.shipment.declared",
    "source": "/erp/plant-1",
    "time": {"column": "Datum"},
    "reading": {
        "decimal": ",",
        "thousands": ".",
        "dates": ["DD.MM.YYYY", "DD.MM.YYYY HH:mm"],
        "time_zone": "Europe/Berlin",
    },
    "data": {
        "shipment_id": {"column": "Lieferung"},
        "exporter": {"value": "Exporter A"},
        "consignee": {"column": "Empfänger"},
        "origin": {"value": "CN"},
        "destination": {"column": "Land", "words": {"Deutschland": "DE", "Japan": "JP"}},
        "lines": {
            "commodity": {
                "hs": {"column": "Warennummer"},
                "elements": {"column": "Elemente", "separator": ","},
                "form": {"value": "magnet"},
            },
            "net_mass": {"value": {"column": "Netto"}, "unit": {"column": "Einheit"}},
            "gross_mass": {"value": {"column": "Brutto"}, "unit": {"column": "Einheit"}},
        },
    },
}
CLEARED: dict[str, Any] = {
    "type": "trade.shipment.cleared",
    "source": "/erp/plant-1",
    "time": {"column": "Date"},
    "data": {"shipment_id": {"column": "Shipment"}, "location": {"column": "Port", "is_optional": True}},
}


def changed(mapping: dict[str, Any], **over: Any) -> dict[str, Any]:
    """Return the mapping with what stands at these places changed; `data__exporter` leads down, None removes."""
    made = copy.deepcopy(mapping)
    for path, value in over.items():
        *steps, last = path.split("__")
        place = made
        for step in steps:
            place = place.setdefault(step, {})
        if value is None:
            place.pop(last, None)
        else:
            place[last] = value
    return made


def encoded(mapping: dict[str, Any]) -> bytes:
    """Return the mapping as it is put."""
    return json.dumps(mapping).encode()


def row(shipment: str, **over: str) -> str:
    """Return a row under HEADER, good but for what is changed."""
    good = {
        "Lieferung": shipment,
        "Datum": "02.05.2025",
        "Empfänger": "Motor AG",
        "Land": "Deutschland",
        "Warennummer": "8505.11.10",
        "Elemente": "Nd,Dy",
        "Netto": "1.234,5",
        "Brutto": "1.300",
        "Einheit": "kg",
    }
    return ";".join((good | over)[name] for name in HEADER.split(";"))


def csv_of(*rows: str, header: str = HEADER, encoding: str = "utf-8") -> bytes:
    """Return a file of these rows."""
    return "".join(f"{line}\n" for line in (header, *rows)).encode(encoding)


def excel_of(rows: Iterable[Sequence[Any]], *, merged: Sequence[str] = (), title: str = "Sheet") -> bytes:
    """Return a workbook whose sheet has these rows."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = title
    for cells in rows:
        sheet.append(list(cells))
    for area in merged:
        sheet.merge_cells(area)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
