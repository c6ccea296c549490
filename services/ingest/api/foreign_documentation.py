"""The routes for foreign messages in the OpenAPI document."""

from typing import Any

import msgspec

from services.ingest.api import callbacks, dcsa, epcis, usage
from services.ingest.api.usage import TakenBody
from services.ingest.domain.formats.dcsa.feedback import Feedback
from services.ingest.domain.formats.epcis.capture import EpcisProblem, Job
from services.ingest.domain.signatures import NOTIFICATION, WEBHOOK_ID, WEBHOOK_SIGNATURE, WEBHOOK_TIMESTAMP
from shared.http import CONTENT_TYPE_PROBLEM

Json = dict[str, Any]

JSON_TYPES = ("application/json", "application/ld+json")
CALLBACK_EXAMPLE: Json = {
    "eventID": "3cecb101-7a1a-43a4-9d62-e88a131651e2",
    "eventCreatedDateTime": "2025-05-06T04:02:00Z",
    "eventType": "TRANSPORT",
    "eventClassifierCode": "ACT",
    "eventDateTime": "2025-05-06T12:00:00+08:00",
    "transportEventTypeCode": "DEPA",
    "transportCall": {"transportCallID": "tc-1", "UNLocationCode": "CNSHA", "modeOfTransport": "VESSEL"},
    "references": [{"referenceType": "SI", "referenceValue": "S-1001"}],
}
REFUSED = {
    "400": "It cannot be read.",
    "408": "The body came too slowly.",
    "413": "Too large, or too many events.",
    "415": "A content type or encoding that is not taken.",
    "503": "Kafka is away, or too much is in hand. Send it again later.",
}


def foreign_paths() -> Json:
    """Return what the document says of the routes; schemas stand where they are used."""
    return {
        epcis.PATH: {"post": _capture(), "options": _discovery()},
        f"{epcis.PATH}/{{captureID}}": {"get": _job()},
        usage.PATH: {"post": _usage()},
        dcsa.PATH: {"post": _track_and_trace()},
        dcsa.PATH_2: {"post": _callback()},
        callbacks.PATH: {"post": _signed(), "head": _answers_here()},
    }


def _schema(kind: type[Any]) -> Json:
    return msgspec.json.schema(kind, ref_template="#/$defs/{name}")


def _capture() -> Json:
    error = {"schema": _schema(EpcisProblem)}
    statuses = {**REFUSED, "406": "Versions are asked for that are not spoken."}
    return {
        "tags": ["EPCIS"],
        "operationId": "capture",
        "summary": "Capture an EPCIS 2.0 document, or an event",
        "description": "See docs/ingest/epcis.md for what becomes of each event. The job is done when it is answered.",
        "parameters": [
            _header("gs1-epcis-version", "At most one major version is spoken: 2."),
            _header("gs1-capture-error-behaviour", "`rollback` (default): all or nothing; `proceed`: event by event."),
        ],
        "requestBody": _body(),
        "responses": {
            "202": {
                "description": "The job, and where it can be asked for.",
                "headers": {"location": {"schema": {"type": "string"}}},
                "content": {"application/json": {"schema": _schema(Job)}},
            },
            **{
                status: {"description": said, "content": {CONTENT_TYPE_PROBLEM: error}}
                for status, said in statuses.items()
            },
        },
    }


def _discovery() -> Json:
    return {
        "tags": ["EPCIS"],
        "operationId": "capture_limits",
        "summary": "Ask which versions are spoken and how much may be sent",
        "responses": {"204": {"description": "In headers."}},
    }


def _job() -> Json:
    return {
        "tags": ["EPCIS"],
        "operationId": "capture_job",
        "summary": "Tell what a capture came to",
        "parameters": [
            {"name": "captureID", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        ],
        "responses": {
            "200": {"description": "The job.", "content": {"application/json": {"schema": _schema(Job)}}},
            "404": {
                "description": "There is no such job.",
                "content": {CONTENT_TYPE_PROBLEM: {"schema": _schema(EpcisProblem)}},
            },
        },
    }


def _usage() -> Json:
    fault: Json = {CONTENT_TYPE_PROBLEM: {"schema": {"type": "object"}}}
    taken: Json = {"application/json": {"schema": _schema(TakenBody)}}
    return {
        "tags": ["licence usage"],
        "operationId": "post_licence_usage",
        "summary": "Post licences or their usage as the United Kingdom's services exchange them",
        "description": "See docs/ingest/licence-usage.md.",
        "requestBody": _body(),
        "responses": {
            "202": {"description": "All of it was accepted.", "content": taken},
            "207": {"description": "Some of it was accepted.", "content": taken},
            "422": {"description": "Nothing of it can be taken.", "content": fault},
            **{status: {"description": said, "content": fault} for status, said in REFUSED.items()},
        },
    }


def _track_and_trace() -> Json:
    told: Json = {"application/json": {"schema": _schema(Feedback)}}
    refused = {**REFUSED, "422": "No event of it can be taken."}
    return {
        "tags": ["DCSA"],
        "operationId": "post_dcsa_events",
        "summary": "Post events of DCSA Track & Trace 3.0",
        "description": "See docs/ingest/dcsa.md for what becomes of each event.",
        "requestBody": _body(),
        "responses": {
            "200": {
                "description": "What was taken, and what was not and why.",
                "headers": {"api-version": {"schema": {"type": "string"}}},
                "content": told,
            },
            **{status: {"description": said, "content": told} for status, said in refused.items()},
        },
    }


def _callback() -> Json:
    told: Json = {"application/json": {"schema": _schema(Feedback)}}
    version = {"api-version": {"schema": {"type": "string"}}}
    refused = {**REFUSED, "422": "Some events of it cannot be taken; the others were."}
    return {
        "tags": ["DCSA"],
        "operationId": "post_dcsa_callback",
        "summary": "Post events of DCSA Track & Trace 2.2, as its callbacks hold them",
        "description": "For who has a token; publishers sign, and post to `/v1/callbacks/{sender}`.",
        "parameters": [_header("prefer", "`return=representation`: tell what was not handed on.")],
        "requestBody": {
            "required": True,
            "content": {
                kind: {"schema": {"type": "array", "items": {"type": "object"}}, "example": [CALLBACK_EXAMPLE]}
                for kind in JSON_TYPES
            },
        },
        "responses": {
            "200": {"description": "All of it was taken; what was not handed on.", "headers": version, "content": told},
            "204": {"description": "All of it was taken.", "headers": version},
            **{status: {"description": said, "content": told} for status, said in refused.items()},
        },
    }


def _signed() -> Json:
    problems: Json = {
        CONTENT_TYPE_PROBLEM: {"schema": {"type": "object"}},
        JSON_TYPES[0]: {"schema": {"type": "object"}},
    }
    statuses = {**REFUSED, "406": "Versions are asked for that are not spoken.", "422": "Something cannot be taken."}
    taken = {"200": "Taken, as the format has it.", "202": "Taken.", "207": "Some was taken."}
    return {
        "tags": ["callbacks"],
        "operationId": "post_callback",
        "summary": "Post a signed body",
        "description": (
            "For senders that have no token and sign with HMAC-SHA256, as DCSA Track & Trace 2.2 or Standard Webhooks "
            "1.0 say. What a sender's bodies are, and in whose name, stands in the ingest's file of senders. Answers "
            "are those of the format. See docs/ingest/security.md."
        ),
        "parameters": [
            _sender(),
            _header(NOTIFICATION, "DCSA: `sha256=` and the HMAC of the body in hexadecimal digits."),
            _header(WEBHOOK_ID, "Standard Webhooks: the id of the message."),
            _header(WEBHOOK_TIMESTAMP, "Standard Webhooks: when it was sent, in seconds since the epoch."),
            _header(WEBHOOK_SIGNATURE, "Standard Webhooks: `v1,` and the HMAC in base64; several apart by blanks."),
        ],
        "requestBody": _body(),
        "responses": {
            **{status: {"description": said, "content": problems} for status, said in taken.items()},
            "204": {"description": "All of it was taken."},
            "401": {
                "description": "It is not signed, or not by a sender that is known; `errors` names the header.",
                "headers": {"www-authenticate": {"schema": {"type": "string"}}},
                "content": problems,
            },
            "403": {"description": "It speaks for another source.", "content": problems},
            **{status: {"description": said, "content": problems} for status, said in statuses.items()},
        },
    }


def _answers_here() -> Json:
    return {
        "tags": ["callbacks"],
        "operationId": "callback_is_there",
        "summary": "Ask whether callbacks can be delivered here",
        "parameters": [_sender()],
        "responses": {"204": {"description": "Yes; said of any sender."}},
    }


def _sender() -> Json:
    return {"name": "sender", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}


def _body() -> Json:
    return {"required": True, "content": {kind: {"schema": {"type": "object"}} for kind in JSON_TYPES}}


def _header(name: str, description: str) -> Json:
    return {"name": name, "in": "header", "required": False, "description": description, "schema": {"type": "string"}}
