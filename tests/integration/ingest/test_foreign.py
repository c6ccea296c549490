"""What others emit is taken at its own door, told of in its own words, and stands on the topic as our events."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.integration.ingest.door import Door

ALL = Path(__file__).parents[2] / "contract" / "ingest" / "examples"
EXAMPLES = ALL / "epcis"
DCSA = "/v1/dcsa/v3/events"
CAPTURE = "/v1/epcis/capture"
USAGE = "/v1/licence-usage"


def example(name: str) -> bytes:
    return (EXAMPLES / f"{name}.json").read_bytes()


async def send(door: Door, path: str, body: bytes, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await door.client.post(path, content=body, headers={"content-type": "application/json", **named})


@pytest.fixture
async def topic(door: Door) -> Any:
    starts = await door.ends()

    async def read() -> list[dict[str, Any]]:
        return [json.loads(record.value) for record in await door.records_since(starts)]

    return read


async def test_a_captured_document_is_on_the_topic_and_its_job_can_be_asked_for(door: Door, topic: Any) -> None:
    answer = await send(door, CAPTURE, example("object-events"), GS1_EPCIS_Version="2.0.0")
    assert answer.status_code == 202, answer.text
    job = answer.json()
    assert (job["running"], job["success"]) == (False, True), job
    assert answer.headers["gs1-epcis-version"] == "2.0.0"
    events = await topic()
    assert events
    assert {event["type"].rsplit(".", 1)[0] for event in events} == {"trade.shipment"}
    again = await door.client.get(answer.headers["location"])
    assert (again.status_code, again.json()) == (200, job)


async def test_a_document_sent_again_has_the_same_events(door: Door, topic: Any) -> None:
    for _ in range(2):
        await send(door, CAPTURE, example("object-events"))
    names = [(event["source"], event["id"]) for event in await topic()]
    assert names[: len(names) // 2] == names[len(names) // 2 :]


async def test_with_one_refused_event_nothing_is_captured_unless_asked_to_proceed(door: Door, topic: Any) -> None:
    answer = await send(door, CAPTURE, example("unsound-events"))
    assert (answer.status_code, answer.json()["success"]) == (202, False)
    assert await topic() == []
    errors = answer.json()["errors"]
    assert errors[0]["type"] == "epcisException:ValidationException"
    answer = await send(door, CAPTURE, example("unsound-events"), GS1_Capture_Error_Behaviour="proceed")
    assert len(answer.json()["errors"]) == len(errors)


async def test_refusals_are_told_as_the_standard_does(door: Door) -> None:
    answer = await send(door, CAPTURE, b"{}")
    assert (answer.status_code, answer.json()["type"]) == (400, "epcisException:ValidationException")
    answer = await send(door, CAPTURE, example("object-events"), GS1_EPCIS_Min="3.0.0")
    assert (answer.status_code, answer.json()["type"]) == (406, "epcisException:NotAcceptableException")
    answer = await door.client.post(CAPTURE, content=b"<xml/>", headers={"content-type": "application/xml"})
    assert (answer.status_code, answer.json()["type"]) == (415, "epcisException:UnsupportedMediaTypeException")
    for nothing in ("x", "eJwDAAAAAAE", "é", "%00"):
        answer = await door.client.get(f"{CAPTURE}/{nothing}")
        assert (answer.status_code, answer.json()["type"]) == (404, "epcisException:NoSuchResourceException")


async def test_who_asks_is_told_what_may_be_sent(door: Door) -> None:
    answer = await door.client.options(CAPTURE)
    assert answer.status_code == 204
    assert answer.headers["gs1-epcis-max"] == "2.0.0"
    assert int(answer.headers["gs1-epcis-capture-limit"]) == 1000


async def test_a_job_with_very_many_errors_still_has_an_address(door: Door) -> None:
    document = json.loads(example("unsound-events"))
    events = document["epcisBody"]["eventList"]
    document["epcisBody"]["eventList"] = (events * 1000)[:900]
    answer = await send(door, CAPTURE, json.dumps(document).encode())
    assert answer.status_code == 202
    assert answer.json()["errors"]
    again = await door.client.get(answer.headers["location"])
    assert again.json()["success"] is False
    assert again.json()["errors"]


async def test_a_message_about_no_licence_is_refused_with_the_reason(door: Door) -> None:
    answer = await send(door, USAGE, b"{}")
    assert (answer.status_code, answer.json()["status"]) == (422, 422)
    answer = await send(door, USAGE, b"[")
    assert answer.status_code == 400


async def test_a_carriers_events_are_on_the_topic_and_the_rest_is_told(door: Door, topic: Any) -> None:
    messages = [
        json.loads((ALL / "dcsa" / f"dcsa-tnt-300-request-{name}.json").read_text())["events"][0]
        for name in ("transport", "shipment", "equipment")
    ]
    answer = await send(door, DCSA, json.dumps({"events": [*messages, {}]}).encode())
    assert (answer.status_code, answer.headers["api-version"]) == (200, "3.0.0")
    severities = [element["severity"] for element in answer.json()["feedbackElements"]]
    assert severities == ["INFO", "WARN", "WARN", "ERROR"]
    (event,) = await topic()
    assert (event["type"], event["data"]["shipment_id"]) == ("trade.shipment.arrived", "ABC709951")


async def test_a_message_of_which_nothing_can_be_taken_is_an_error(door: Door) -> None:
    for body, status in ((b'{"events": [{}]}', 422), (b"{}", 422), (b"{", 400)):
        answer = await send(door, DCSA, body)
        assert (answer.status_code, answer.json()["feedbackElements"][0]["severity"]) == (status, "ERROR")
