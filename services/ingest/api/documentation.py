"""The hot route in the OpenAPI document; FastAPI cannot see it, because it is not one of its own."""

import json
from typing import Any

import msgspec

from services.ingest.api.answers import BatchBody, ReceiptBody
from services.ingest.api.line_answers import LineResult, LinesSummary
from services.ingest.domain.expansion import CODINGS
from services.ingest.domain.faults import Fault
from services.ingest.domain.media import BATCH_TYPE, BINARY_TYPE, LINES_TYPE, STRUCTURED_TYPE
from shared.contract import schemas
from shared.events import TRADE_TYPES
from shared.examples import TRADE_DATA, trade_event
from shared.http import CONTENT_TYPE_PROBLEM

Json = dict[str, Any]

TEMPLATE = "#/components/schemas/{name}"
SHOWN = "trade.shipment.declared"
RETRY_AFTER: Json = {"retry-after": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
BINARY_HEADERS = {
    "ce-specversion": "`1.0`.",
    "ce-id": "With the source it names the event; sent again it counts once.",
    "ce-source": "Who says so.",
    "ce-type": "The event type.",
    "ce-time": "When it happened (RFC 3339 with offset).",
}
REFUSED = {
    400: "Not sound JSON: syntax, encoding, a key that stands twice, nesting; or a header that cannot be read.",
    403: "The token does not allow this, or the event's source is not its own; or the clock is moved from outside.",
    408: "The body came too slowly.",
    413: "A body, an event or a batch over the limit.",
    415: "A content type that is not taken.",
    422: "The event breaks the contract; each error points at its field. For a batch: no item was accepted.",
}


def components() -> Json:
    """Return the schemas that the path item refers to."""
    _, parts = msgspec.json.schema_components(
        [ReceiptBody, BatchBody, LineResult, LinesSummary, Fault], ref_template=TEMPLATE
    )
    return {"TradeEvent": _one_of(), **schemas(TEMPLATE), **parts}


def path_item() -> Json:
    """Return what the document says of the path."""
    return {
        "post": {
            "tags": ["events"],
            "operationId": "post_events",
            "summary": "Post one event, a batch, or a stream of lines",
            "description": (
                "CloudEvents 1.0.2 over HTTP: structured, binary (`ce-` headers) or batched; or as many as there are, "
                "one in each line (NDJSON), answered line by line. The body may be compressed by gzip or zstd. "
                "The answer comes after Kafka has acknowledged. An event may be sent again at any time: its source and "
                "id make it count once."
            ),
            "parameters": [*(_binary_header(name, text) for name, text in BINARY_HEADERS.items()), *_other_headers()],
            "requestBody": {"required": True, "content": _requests()},
            "responses": _responses(),
        },
        "options": {
            "tags": ["events"],
            "operationId": "may_deliver",
            "summary": "Ask whether a web hook may deliver here",
            "description": "The validation request of CloudEvents' HTTP 1.1 Web Hooks for Event Delivery 1.0.2.",
            "parameters": [
                _header("webhook-request-origin", "Who would deliver."),
                _header("webhook-request-rate", "How many requests a minute it would send."),
            ],
            "responses": {
                "200": {
                    "description": "The grant, in headers; without `webhook-allowed-origin` there is none.",
                    "headers": {
                        name: {"schema": {"type": "string"}}
                        for name in ("webhook-allowed-origin", "webhook-allowed-rate")
                    },
                }
            },
        },
    }


def _one_of() -> Json:
    return {"title": "TradeEvent", "oneOf": [_reference(kind) for kind in TRADE_TYPES]}


def _reference(name: str) -> Json:
    return {"$ref": TEMPLATE.format(name=name)}


def _binary_header(name: str, text: str) -> Json:
    return _header(name, f"{text} In binary mode only, where it is required.")


def _other_headers() -> list[Json]:
    coding: Json = _header("content-encoding", "How the body is compressed.")
    coding["schema"]["enum"] = [*CODINGS, "identity"]
    return [coding, _header("prefer", "`return=minimal`: of a stream of lines tell only those that were refused.")]


def _header(name: str, description: str) -> Json:
    return {"name": name, "in": "header", "required": False, "description": description, "schema": {"type": "string"}}


def _requests() -> Json:
    events = {kind: {"value": trade_event(kind)} for kind in TRADE_TYPES}
    batch = [trade_event("trade.licence.issued"), trade_event(SHOWN)]
    return {
        STRUCTURED_TYPE: {"schema": _reference("TradeEvent"), "examples": events},
        BATCH_TYPE: {"schema": {"type": "array", "items": _reference("TradeEvent")}, "example": batch},
        LINES_TYPE: {"schema": {"type": "string"}, "example": "".join(json.dumps(event) + "\n" for event in batch)},
        BINARY_TYPE: {"schema": {"type": "object"}, "example": TRADE_DATA[SHOWN]},
    }


def _responses() -> Json:
    receipt: Json = {"schema": _reference("ReceiptBody"), "example": msgspec.to_builtins(_receipt())}
    link: Json = {"description": 'Where to ask what became of it; `rel="status"`.', "schema": {"type": "string"}}
    batch: Json = {"schema": _reference("BatchBody")}
    accepted: Json = {"schema": {"oneOf": [receipt["schema"], batch["schema"]]}, "example": receipt["example"]}
    lines: Json = {
        LINES_TYPE: {"schema": {"type": "string", "description": "A LineResult for each line, then a LinesSummary."}}
    }
    problem: Json = {CONTENT_TYPE_PROBLEM: {"schema": _reference("Fault")}}
    of_batch: Json = {CONTENT_TYPE_PROBLEM: {"schema": {"anyOf": [_reference("Fault"), batch["schema"]]}}, **lines}
    answers: Json = {
        "202": {
            "description": "Kafka has it: the receipt, or the results of a batch.",
            "headers": {"link": link},
            "content": {"application/json": accepted, **lines},
        },
        "207": {
            "description": "Some items of the batch, or some lines, were refused.",
            "content": {"application/json": batch, **lines},
        },
    }
    for status, description in REFUSED.items():
        answers[str(status)] = {"description": description, "content": of_batch if status == 422 else problem}  # noqa: PLR2004 - a status
    answers["503"] = {
        "description": "Kafka is away, or too much is in hand. Send it again later.",
        "headers": RETRY_AFTER,
        "content": of_batch,
    }
    return answers


def _receipt() -> ReceiptBody:
    event = trade_event(SHOWN)
    return ReceiptBody(
        id=event["id"],
        source=event["source"],
        topic="trade.events",
        partition=3,
        offset=1207,
        outcome="http://127.0.0.1:8002/v1/events?source=%2Fcustoms%2Fshanghai&id=trade.shipment.declared-0001",
    )
