"""The AsyncAPI document is valid by the official schema, and its topics and messages are the ones in use."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, Draft202012Validator

from shared.contract import FOLDER
from shared.events import OUT_TYPES, TRADE_TYPES
from shared.settings import SharedSettings

DOCUMENT = json.loads((FOLDER / "asyncapi.json").read_text("utf-8"))
OFFICIAL = json.loads((Path(__file__).parent / "asyncapi-3.0.0" / "schema.json").read_text("utf-8"))


def test_document_is_valid_by_the_official_schema() -> None:
    Draft7Validator(OFFICIAL).validate(DOCUMENT)


@pytest.mark.parametrize(
    "place, value",
    [(("info",), {}), (("asyncapi",), "2.6.0"), (("operations", "decide", "action"), "read"), (("chanels",), {})],
)
def test_official_schema_would_tell(place: tuple[str, ...], value: object) -> None:
    document = json.loads(json.dumps(DOCUMENT))
    parent = document
    for step in place[:-1]:
        parent = parent[step]
    parent[place[-1]] = value
    assert not Draft7Validator(OFFICIAL).is_valid(document)


def references(value: Any) -> Iterator[str]:
    for member in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from references(member)
    if isinstance(value, dict) and isinstance(value.get("$ref"), str):
        yield value["$ref"]


def resolved(reference: str) -> Any:
    place = DOCUMENT
    for step in reference.removeprefix("#/").split("/"):
        place = place[step]
    return place


def test_every_reference_leads_somewhere() -> None:
    for reference in references(DOCUMENT):
        resolved(reference)


def test_topics_and_their_messages_are_the_ones_in_use() -> None:
    default = {name: field.default for name, field in SharedSettings.model_fields.items()}
    messages = {channel["address"]: set(channel["messages"]) for channel in DOCUMENT["channels"].values()}
    assert messages == {
        default["topic_events"]: set(TRADE_TYPES),
        default["topic_decisions"]: set(OUT_TYPES),
        default["topic_dead_letters_licensing"]: {"deadLetter"},
        default["topic_dead_letters_alerts"]: {"deadLetter"},
    }


@pytest.mark.parametrize("kind", [*TRADE_TYPES, *OUT_TYPES])
def test_example_of_a_message_is_valid_by_its_payload(kind: str) -> None:
    message = DOCUMENT["components"]["messages"][kind]
    schema = {"$ref": message["payload"]["$ref"], "components": DOCUMENT["components"]}
    for example in message["examples"]:
        Draft202012Validator(schema).validate(example["payload"])


def test_key_of_an_entity_is_described() -> None:
    key = DOCUMENT["components"]["messages"]["trade.shipment.declared"]["bindings"]["kafka"]["key"]
    assert Draft202012Validator(key).is_valid("shipment:SHP-42")
    assert not Draft202012Validator(key).is_valid("SHP-42")
