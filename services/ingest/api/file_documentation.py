"""The routes for files that come in parts in the OpenAPI document."""

from typing import Any

import msgspec

from services.ingest.api.file_answers import PATH, JobBody
from services.ingest.api.upload_request import CSV, EXCEL, TABS
from services.ingest.domain.faults import Fault
from services.ingest.domain.files import COMPLETE, LENGTH, LIMIT, OFFSET, PART_TYPE
from services.ingest.domain.media import LINES_TYPE
from shared.http import CONTENT_TYPE_PROBLEM

Json = dict[str, Any]

EXAMPLE: Json = {
    "id": "ZwZ3bBSSrjjK6bF3HvHsCA",
    "state": "receiving",
    "content_type": LINES_TYPE,
    "bytes_received": 16777216,
    "bytes_total": 2147483648,
    "lines": 21400,
    "accepted": 21399,
    "refused": 1,
    "problems": [
        {"line": 17, "status": 422, "problem": {"title": "The event breaks the contract", "status": 422}},
    ],
    "expires_at": "2026-12-01T19:00:00Z",
}
_SAID = {
    "400": "A header field cannot be read, or the part does not fit the length that was told; "
    "the offset tells what was taken.",
    "404": "There is no such file, or it is another's, or it has expired; or there is no such mapping.",
    "408": "The part came too slowly; the offset tells what was taken.",
    "409": "The offset is not that of the file, or the file is complete: its rows are being taken, or it is over.",
    "413": "The file is too large.",
    "415": "A content type, or a coding, that is not taken.",
    "422": "The address asks for what there is not.",
    "503": "Kafka is away, too much is in hand, there is no room for more, or another request or process is at work "
    "on the file. The offset tells what was taken.",
}
_TELL_OFFSET = ("400", "408", "409", "413", "503")
"""Answers to a part that was not taken, or not whole, which tell how far the file is."""
_TEXT: Json = {"schema": {"type": "string"}}
_FIELDS: Json = {
    OFFSET: {"description": "Bytes that never need to be sent again.", "schema": {"type": "string"}},
    COMPLETE: {"description": "`?1`: nothing more is to come.", "schema": {"type": "string"}},
    LIMIT: {"description": "`max-size` in bytes, `max-age` in seconds.", "schema": {"type": "string"}},
}


def file_paths() -> Json:
    """Return what the document says of the routes; schemas stand where they are used."""
    return {
        PATH: {"post": _create(), "options": _discover()},
        f"{PATH}/{{file}}": {"head": _offset(), "get": _show(), "patch": _append(), "delete": _remove()},
    }


def _create() -> Json:
    return {
        **_named("create_file", "Begin a file that comes in parts"),
        "description": (
            "Resumable Uploads for HTTP (draft-ietf-httpbis-resumable-upload-12), without interim responses: begin "
            "with no content, or with the first part. Lines are published while they come; the rows of a spreadsheet "
            "once all of it is here. See docs/ingest/files.md."
        ),
        "parameters": [
            _field(COMPLETE, "`?1` when the content is the whole file, else `?0`.", r"^\?[01]$", is_required=True),
            _field(LENGTH, "Of the whole file in bytes.", "^[0-9]{1,15}$"),
            _query("mapping", "Of a spreadsheet: the mapping's name."),
            _query("sheet", "Of a workbook; by default what the mapping says, else the first."),
        ],
        "requestBody": {
            "required": False,
            "content": dict.fromkeys((LINES_TYPE, CSV, TABS, EXCEL), _TEXT),
        },
        "responses": {
            "201": _job("It is begun; send the rest to `location`.", "location"),
            "200": _job("It came whole and is dealt with.", "location"),
            "202": _job("It came whole; its rows are being taken.", "location"),
            **_faults("400", "404", "408", "409", "413", "415", "422", "503"),
        },
    }


def _discover() -> Json:
    limit = {LIMIT: _FIELDS[LIMIT]}
    return {
        **_named("file_limits", "Ask whether files may come in parts"),
        "responses": {"204": {"description": "They may.", "headers": limit}},
    }


def _offset() -> Json:
    return {
        **_named("file_offset", "Ask where to go on"),
        "description": "Ends a request that still adds to the file: its connection is taken for lost.",
        "parameters": [_file()],
        "responses": {
            "204": {"description": "In header fields.", "headers": _FIELDS},
            **{status: {"description": _SAID[status]} for status in ("404", "503")},
        },
    }


def _show() -> Json:
    return {
        **_named("show_file", "Show what became of a file so far"),
        "parameters": [_file()],
        "responses": {"200": _job("The job."), **_faults("404", "503")},
    }


def _append() -> Json:
    return {
        **_named("append_to_file", "Add the next part"),
        "parameters": [
            _file(),
            _field(OFFSET, "Where the part begins, in bytes.", "^[0-9]{1,15}$", is_required=True),
            _field(COMPLETE, "`?1` when the file ends with this part, else `?0`.", r"^\?[01]$", is_required=True),
            _field(LENGTH, "Of the whole file in bytes.", "^[0-9]{1,15}$"),
        ],
        "requestBody": {"required": False, "content": {PART_TYPE: _TEXT}},
        "responses": {
            "200": _job("The file is whole, and dealt with.", "location"),
            "202": _job("The file is whole; its rows are being taken.", "location"),
            "204": {"description": "It is taken; more is to come.", "headers": _FIELDS},
            **_faults("404", "415"),
            **{status: fault | {"headers": _FIELDS} for status, fault in _faults(*_TELL_OFFSET).items()},
        },
    }


def _remove() -> Json:
    return {
        **_named("remove_file", "Cancel a file"),
        "description": "What was published of it stays so.",
        "parameters": [_file()],
        "responses": {"204": {"description": "It is gone."}, **_faults("404", "503")},
    }


def _named(operation: str, summary: str) -> Json:
    return {"tags": ["files"], "operationId": operation, "summary": summary}


def _job(description: str, *headers: str) -> Json:
    schema = msgspec.json.schema(JobBody, ref_template="#/$defs/{name}")
    return {
        "description": description,
        "headers": {**_FIELDS, **dict.fromkeys(headers, _TEXT)},
        "content": {"application/json": {"schema": schema, "example": EXAMPLE}},
    }


def _faults(*statuses: str) -> Json:
    schema = msgspec.json.schema(Fault, ref_template="#/$defs/{name}")
    return {
        status: {"description": _SAID[status], "content": {CONTENT_TYPE_PROBLEM: {"schema": schema}}}
        for status in statuses
    }


def _file() -> Json:
    return {"name": "file", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}


def _field(name: str, description: str, pattern: str, *, is_required: bool = False) -> Json:
    schema = {"type": "string", "pattern": pattern}
    return {"name": name, "in": "header", "required": is_required, "description": description, "schema": schema}


def _query(name: str, description: str) -> Json:
    schema = {"type": "string", "minLength": 1}
    return {"name": name, "in": "query", "required": False, "description": description, "schema": schema}
