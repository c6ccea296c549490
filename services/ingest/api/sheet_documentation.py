"""The routes for spreadsheets and their mappings in the OpenAPI document."""

from typing import Any

import msgspec

from services.ingest.api import mappings, uploads
from services.ingest.api.mappings import NAME, MappingBody, MappingList
from services.ingest.api.sheet_answers import RowsResult, SheetSummary
from services.ingest.api.upload_request import CSV, EXCEL, TABS
from services.ingest.domain.faults import Fault
from services.ingest.domain.formats.sheet.checking import TYPES
from services.ingest.domain.media import LINES_TYPE
from shared.http import CONTENT_TYPE_PROBLEM

Json = dict[str, Any]

EXAMPLE: Json = {
    "title": "Deliveries of plant 1",
    "type": "trade.shipment.declared",
    "source": "/erp/plant-1",
    "time": {"column": "Datum"},
    "reading": {"decimal": ",", "thousands": ".", "dates": ["DD.MM.YYYY"], "time_zone": "Europe/Berlin"},
    "data": {
        "shipment_id": {"column": "Lieferung"},
        "exporter": {"value": "Exporter A"},
        "consignee": {"column": "Empfänger"},
        "origin": {"value": "CN"},
        "destination": {"column": "Land", "words": {"Deutschland": "DE"}},
        "lines": {
            "commodity": {
                "hs": {"column": "Warennummer"},
                "elements": {"column": "Elemente", "separator": ","},
                "form": {"value": "magnet"},
            },
            "net_mass": {"value": {"column": "Netto"}, "unit": {"value": "KGM"}},
        },
    },
}
SHEET = "Lieferung;Datum;Empfänger;Land;Warennummer;Elemente;Netto\nS-1;02.05.2025;Motor AG;DE;85051110;Nd,Dy;1.234,5\n"
_FAULTS = {
    "400": "It cannot be read.",
    "403": "The mapping's source is not the caller's.",
    "408": "The body came too slowly.",
    "413": "Too large.",
    "415": "A content type or encoding that is not taken.",
    "503": "Kafka is away, mappings are not read yet, or too much is in hand. Send it again later.",
}


_NAMED: Json = {
    "parameters": [
        {"name": "name", "in": "path", "required": True, "schema": {"type": "string", "pattern": f"^{NAME}$"}}
    ]
}


def sheet_paths() -> Json:
    """Return what the document says of the routes; schemas stand where they are used."""
    return {
        mappings.PATH: {"get": _list()},
        f"{mappings.PATH}/{{name}}": {"get": _show(), "put": _put(), "delete": _remove()},
        uploads.PATH: {"post": _upload()},
    }


def _schema(kind: Any) -> Json:
    return msgspec.json.schema(kind, ref_template="#/$defs/{name}")


def _of(kind: Any, media_type: str = "application/json") -> Json:
    return {media_type: {"schema": _schema(kind)}}


def _faults(*statuses: str, **said: str) -> Json:
    wanted = {**{status: _FAULTS[status] for status in statuses}, **{key[1:]: text for key, text in said.items()}}
    return {
        status: {"description": text, "content": _of(Fault, CONTENT_TYPE_PROBLEM)} for status, text in wanted.items()
    }


def _list() -> Json:
    return {
        "tags": ["spreadsheets"],
        "operationId": "list_mappings",
        "summary": "List the tenant's mappings",
        "responses": {"200": {"description": "By name.", "content": _of(MappingList)}, **_faults("503")},
    }


def _show() -> Json:
    return {
        "tags": ["spreadsheets"],
        "operationId": "show_mapping",
        **_NAMED,
        "summary": "Show a mapping",
        "responses": {
            "200": {"description": "As it is kept.", "content": _of(MappingBody)},
            **_faults("503", _404="There is no such mapping."),
        },
    }


def _put() -> Json:
    kept: Json = {"content": _of(MappingBody), "headers": {"location": {"schema": {"type": "string"}}}}
    kinds = list(dict.fromkeys(TYPES.values()))
    references, parts = msgspec.json.schema_components(kinds, ref_template="#/$defs/{name}")
    return {
        "tags": ["spreadsheets"],
        "operationId": "put_mapping",
        **_NAMED,
        "summary": "Keep a mapping under a name",
        "description": (
            "An event in which columns of a sheet stand in the place of values; see docs/ingest/spreadsheets.md. "
            "The same again changes nothing; another one replaces it, with a new version."
        ),
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"oneOf": references, "$defs": parts}, "example": EXAMPLE}},
        },
        "responses": {
            "200": {"description": "It is kept in the place of the one before.", **kept},
            "201": {"description": "It is kept.", **kept},
            **_faults(
                *_FAULTS,
                _409="The tenant has too many.",
                _422="All that is wrong with the mapping, each with its pointer.",
            ),
        },
    }


def _remove() -> Json:
    return {
        "tags": ["spreadsheets"],
        "operationId": "remove_mapping",
        **_NAMED,
        "summary": "Remove a mapping",
        "responses": {"204": {"description": "It is gone."}, **_faults("503", _404="There is no such mapping.")},
    }


def _upload() -> Json:
    lines: Json = {
        LINES_TYPE: {"schema": {"type": "string", "description": "A RowsResult for each event, then a SheetSummary."}}
    }
    fault = _of(Fault, CONTENT_TYPE_PROBLEM)
    file: Json = {"schema": {"type": "string"}}
    return {
        "tags": ["spreadsheets"],
        "operationId": "post_upload",
        "summary": "Post a spreadsheet of shipments",
        "description": (
            "The body is the file, CSV of any size or an Excel workbook; it may be compressed by gzip or zstd. "
            "What each line of the answer holds: "
            + ", ".join(f"`{field.name}`" for field in msgspec.structs.fields(RowsResult))
            + "; the last line: "
            + ", ".join(f"`{field.name}`" for field in msgspec.structs.fields(SheetSummary))
            + ". The same file again counts once."
        ),
        "parameters": [
            _parameter("mapping", "The mapping's name.", {"type": "string", "minLength": 1}, is_required=True),
            _parameter("dry_run", "Publish nothing, and show the events.", {"type": "boolean", "default": False}),
            _parameter("sheet", "Of a workbook; by default what the mapping says, else the first.", {"type": "string"}),
            _parameter(
                "from_row",
                "Leave out the shipments that end before this row; with what `stopped.row` told an upload goes on.",
                {"type": "integer", "minimum": 1, "maximum": 999_999_999_999, "default": 1},
            ),
            {
                "name": "prefer",
                "in": "header",
                "required": False,
                "description": "`return=minimal`: tell only what was refused.",
                "schema": {"type": "string"},
            },
        ],
        "requestBody": {
            "required": True,
            "content": {
                CSV: {"schema": {"type": "string"}, "example": SHEET},
                TABS: file,
                EXCEL: {"schema": {"type": "string", "format": "binary"}},
            },
        },
        "responses": {
            "200": {"description": "A dry run: what would be made.", "content": lines},
            "202": {"description": "Kafka has all of it.", "content": lines},
            "207": {"description": "Some of it was refused.", "content": lines},
            **_faults("400", "408", "413", "415", _404="There is no such mapping."),
            "422": {
                "description": "Nothing of it can be taken, or the file does not fit the mapping: what it lacks.",
                "content": {**fault, **lines},
            },
            "503": {"description": _FAULTS["503"], "content": {**fault, **lines}},
        },
    }


def _parameter(name: str, description: str, schema: Json, *, is_required: bool = False) -> Json:
    return {"name": name, "in": "query", "required": is_required, "description": description, "schema": schema}
