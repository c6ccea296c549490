"""Writes the contract as documents: `python -m shared.contract`; with `--check` it only compares.

JSON Schema 2020-12 of every event, and AsyncAPI 3.0 of the topics, both from `shared.events`.
"""

import json
import sys
from pathlib import Path
from typing import Any

import msgspec

from shared.cloudevents import Event
from shared.events import OUT_TYPES, TRADE_TYPES
from shared.examples import alert_event, trade_event

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "contract"
ENVELOPE = "CloudEvent"
DEAD_LETTER = "deadLetter"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
SCHEMA_ID = "urn:lanewatch:contract:events"
DECIMAL = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"

Json = dict[str, Any]


def schemas(template: str = "#/$defs/{name}") -> Json:
    """Return the JSON Schemas by name: the envelope, each event under its type, and what they are made of.

    `template` says how one refers to another.
    """
    kinds: dict[str, Any] = {**TRADE_TYPES, **OUT_TYPES}
    data_types = list(dict.fromkeys(kinds.values()))
    references, parts = msgspec.json.schema_components(data_types, ref_template=template)
    reference = dict(zip(data_types, references, strict=True))
    parts["Mass"]["properties"]["value"] = {
        "description": "An exact decimal; best as a string. At least 0, at most 24 digits, whole milligrams.",
        "anyOf": [{"type": "string", "pattern": DECIMAL, "not": {"pattern": "^-"}}, {"type": "number", "minimum": 0}],
    }
    events = {
        kind: _event(kind, reference[data], parts[data.__name__].get("description", ""), template)
        for kind, data in kinds.items()
    }
    return {ENVELOPE: _envelope(), **events, **parts}


def _envelope() -> Json:
    """Return the schema of the CloudEvents attributes that this contract uses; extensions may stand beside them."""
    _, parts = msgspec.json.schema_components([Event[Any]])
    (envelope,) = parts.values()
    envelope["title"] = ENVELOPE
    envelope["propertyNames"] = {"pattern": "^[a-z0-9]+$"}
    envelope["additionalProperties"] = {"type": ["string", "boolean", "integer", "null"]}
    return dict(envelope)


def _event(kind: str, data: Json, description: str, template: str) -> Json:
    return {
        "title": kind,
        "description": description,
        "allOf": [{"$ref": template.format(name=ENVELOPE)}],
        "properties": {"type": {"const": kind}, "data": data},
        "examples": [trade_event(kind) if kind in TRADE_TYPES else alert_event(kind)],
    }


def events_schema() -> Json:
    """Return the schema of any event in or out."""
    return {
        "$schema": DIALECT,
        "$id": SCHEMA_ID,
        "title": "Every event that Lanewatch takes in and gives out",
        "oneOf": [{"$ref": f"#/$defs/{kind}"} for kind in (*TRADE_TYPES, *OUT_TYPES)],
        "$defs": schemas(),
    }


def asyncapi() -> Json:
    """Return the AsyncAPI 3.0 document of the topics."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Lanewatch",
            "version": "1",
            "description": "CloudEvents 1.0 in the JSON event format. A contract changes by adding optional fields.",
        },
        "defaultContentType": "application/cloudevents+json",
        "channels": {
            "events": _channel("trade.events", "What happened, in the order of each thing's life.", list(TRADE_TYPES)),
            "decisions": _channel(
                "trade.decisions", "What follows from it, in the order of each lane.", list(OUT_TYPES)
            ),
            "deadLettersLicensing": _dead_letters("trade.events.dead-letters.licensing"),
            "deadLettersAlerts": _dead_letters("trade.decisions.dead-letters.alerts"),
        },
        "operations": {
            "publishEvents": _operation("send", "events", "The ingest, and the scheduler for the clock."),
            "decide": _operation("receive", "events", "Licensing reads what happened."),
            "publishDecisions": _operation("send", "decisions", "Licensing tells what follows."),
            "alert": _operation("receive", "decisions", "Alerts matches subscriptions and sends webhooks."),
            "buryEvents": _operation("send", "deadLettersLicensing", "Licensing puts aside what it cannot apply."),
            "buryDecisions": _operation("send", "deadLettersAlerts", "Alerts puts aside what it cannot deliver on."),
        },
        "components": {
            "messages": {
                **{kind: _message(kind, _entity_key(kind)) for kind in TRADE_TYPES},
                **{kind: _message(kind, {"type": "string", "description": "The lane."}) for kind in OUT_TYPES},
                DEAD_LETTER: _dead_letter(),
            },
            "schemas": schemas("#/components/schemas/{name}"),
        },
    }


def _dead_letter() -> Json:
    """Describe a record put aside: its body may be anything, its headers say why."""
    names = {
        "reason": "What is wrong, in one sentence.",
        "pointer": "JSON Pointer (RFC 6901) into the body; empty where no field is at fault.",
        "origin": "Partition and offset in the topic that it came from, joined by a colon.",
    }
    properties = {name: {"type": "string", "description": text} for name, text in names.items()}
    return {
        "name": DEAD_LETTER,
        "headers": {"type": "object", "properties": properties, "required": list(names)},
        "payload": {},
    }


def _entity_key(kind: str) -> Json:
    entity = TRADE_TYPES[kind].ENTITY.removesuffix("_id")
    return {"type": "string", "pattern": f"^{entity}:", "description": f"`{entity}:` and its id."}


def _channel(topic: str, description: str, kinds: list[str]) -> Json:
    messages = {kind: {"$ref": f"#/components/messages/{kind}"} for kind in kinds}
    return {"address": topic, "description": description, "messages": messages}


def _dead_letters(topic: str) -> Json:
    return _channel(topic, "Records that cannot be applied, as they came, with the reason.", [DEAD_LETTER])


def _operation(action: str, channel: str, summary: str) -> Json:
    return {"action": action, "channel": {"$ref": f"#/channels/{channel}"}, "summary": summary}


def _message(kind: str, key: Json) -> Json:
    example = trade_event(kind) if kind in TRADE_TYPES else alert_event(kind)
    return {
        "name": kind,
        "contentType": "application/cloudevents+json",
        "payload": {"$ref": f"#/components/schemas/{kind}"},
        "bindings": {"kafka": {"key": key}},
        "examples": [{"name": kind, "payload": example}],
    }


def documents() -> dict[str, str]:
    """Return the text of each document by its file name."""
    made = {"events.schema.json": events_schema(), "asyncapi.json": asyncapi()}
    return {name: json.dumps(document, indent=2, ensure_ascii=False) + "\n" for name, document in made.items()}


def stale(folder: Path = FOLDER) -> list[str]:
    """Return the names of the documents that are missing or not current."""
    return [
        name
        for name, text in documents().items()
        if not (folder / name).is_file() or (folder / name).read_text("utf-8") != text
    ]


def write(folder: Path = FOLDER) -> None:
    """Write the documents."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in documents().items():
        (folder / name).write_text(text, "utf-8")


def main(arguments: list[str]) -> int:
    """Write the documents, or with `--check` say whether they are current; return the exit code."""
    if arguments not in ([], ["--check"]):
        sys.stderr.write("usage: python -m shared.contract [--check]\n")
        return 2
    if not arguments:
        write()
        return 0
    if names := stale():
        sys.stderr.write(f"docs/contract is not current: {', '.join(names)}. Run: python -m shared.contract\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
