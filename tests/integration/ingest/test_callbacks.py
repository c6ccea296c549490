"""Senders that can only sign are let in by their signature, and what they send stands on the topic as theirs."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from shared.examples import trade_event
from tests.integration.ingest.door import Door
from tests.integration.ingest.raw import connected
from tests.support.senders import hooked, notified

CALLBACK = "/v1/callbacks/carrier"
HOOKS = "/v1/callbacks/hooks"
EPCIS = Path(__file__).parents[2] / "contract" / "ingest" / "examples" / "epcis" / "object-events.json"


def departure(event_id: str, **over: Any) -> dict[str, Any]:
    return {
        "eventID": event_id,
        "eventCreatedDateTime": "2025-05-06T04:02:00Z",
        "eventType": "TRANSPORT",
        "eventClassifierCode": "ACT",
        "eventDateTime": "2025-05-06T12:00:00+08:00",
        "transportEventTypeCode": "DEPA",
        "transportCall": {"transportCallID": "tc-1", "UNLocationCode": "CNSHA", "modeOfTransport": "VESSEL"},
        "references": [{"referenceType": "SI", "referenceValue": "S-1"}],
        **over,
    }


async def on_topic(door: Door, starts: Any) -> list[dict[str, Any]]:
    return [json.loads(record.value) for record in await door.records_since(starts)]


async def test_a_callback_is_on_the_topic_in_the_senders_name(door: Door) -> None:
    starts = await door.ends()
    body = json.dumps([departure("d-1"), departure("d-2", eventClassifierCode="EST")]).encode()
    for key in ("carrier", "former"):
        answer = await door.client.post(CALLBACK, content=body, headers=notified(body, key))
        assert (answer.status_code, answer.content) == (204, b"")
        assert "content-length" not in answer.headers
    events = await on_topic(door, starts)
    assert [(event["source"], event["id"]) for event in events] == [("/carriers/a/dcsa", "d-1")] * 2
    assert (await door.client.head(CALLBACK)).status_code == 204


async def test_of_a_callback_with_a_faulty_event_the_others_are_taken(door: Door) -> None:
    starts = await door.ends()
    body = json.dumps([departure("d-3", eventDateTime="soon"), departure("d-4")]).encode()
    answer = await door.client.post(CALLBACK, content=body, headers=notified(body))
    assert answer.status_code == 422
    elements = answer.json()["feedbackElements"]
    assert [each["propertyPath"] for each in elements if each["severity"] == "ERROR"] == ["$[0].eventDateTime"]
    assert [event["id"] for event in await on_topic(door, starts)] == ["d-4"]
    answer = await door.client.post(CALLBACK, content=b"{}", headers=notified(b"{}"))
    assert answer.status_code == 422


async def test_what_is_not_handed_on_is_told_when_asked_and_named_in_the_log_otherwise(door: Door) -> None:
    body = json.dumps(
        [departure("d-5", equipmentReference="APZU4812090"), departure("named-in-log", eventClassifierCode="EST")]
    ).encode()
    asked = {"content-type": "application/json", "prefer": "return=representation"}
    answer = await door.client.post("/v1/dcsa/v2/events", content=body, headers=asked)
    assert (answer.status_code, answer.headers["api-version"]) == (200, "2.2.0")
    assert {(each["severity"], each["propertyPath"]) for each in answer.json()["feedbackElements"]} == {
        ("INFO", "$[0].transportCall"),
        ("INFO", "$[0].equipmentReference"),
        ("WARN", "$[1].eventClassifierCode"),
    }
    answer = await door.client.post(CALLBACK, content=body, headers=notified(body))
    assert answer.status_code == 204
    assert "named-in-log" in (door.config.log_dir / "ingest.log").read_text()


async def test_a_standard_webhook_brings_a_cloud_event_of_its_own_source_alone(door: Door) -> None:
    starts = await door.ends()
    event = {**trade_event("trade.quota.closed"), "source": "/hooks/plant-1", "id": "h-1"}
    body = json.dumps(event).encode()
    answer = await door.client.post(HOOKS, content=body, headers=hooked(body))
    assert (answer.status_code, answer.json()["id"]) == (202, "h-1")
    other = json.dumps({**event, "source": "/carriers/a"}).encode()
    answer = await door.client.post(HOOKS, content=other, headers=hooked(other))
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (403, "/source")
    assert [each["source"] for each in await on_topic(door, starts)] == ["/hooks/plant-1"]


@pytest.mark.parametrize("sender", [HOOKS, CALLBACK])
async def test_what_stands_beside_the_signed_body_makes_no_event_of_it(door: Door, sender: str) -> None:
    starts = await door.ends()
    body = json.dumps(trade_event("trade.shipment.cleared")["data"]).encode()
    beside = {"ce-specversion": "1.0", "ce-type": "trade.shipment.cancelled", "ce-source": "/hooks/x", "ce-id": "h-9"}
    signed = hooked(body) if sender == HOOKS else notified(body)
    answer = await door.client.post(sender, content=body, headers=signed | beside)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, "/header/ce-specversion")
    assert await on_topic(door, starts) == []


async def test_a_packed_body_is_signed_as_it_is_sent(door: Door) -> None:
    packed = gzip.compress(json.dumps([departure("d-6")]).encode())
    answer = await door.client.post(CALLBACK, content=packed, headers={**notified(packed), "content-encoding": "gzip"})
    assert answer.status_code == 204, answer.text


async def test_other_formats_go_through_the_same_door(door: Door) -> None:
    starts = await door.ends()
    body = EPCIS.read_bytes()
    answer = await door.client.post("/v1/callbacks/epcis", content=body, headers=notified(body))
    assert (answer.status_code, answer.json()["success"]) == (202, True)
    assert {event["source"].partition("/epcis")[1] for event in await on_topic(door, starts)} == {"/epcis"}


async def test_what_is_not_signed_is_not_waited_for(door: Door) -> None:
    """The answer comes although nothing of the body does."""
    async with connected(door.config.ingest_port) as connection:
        await connection.head("content-length: 1000", path=CALLBACK, content_type="application/json")
        answer = await connection.answer()
    assert answer.status == 401
    assert "notification-signature" in answer.body
