"""What is answered with 202 stands on the topic, as it was sent."""

import json
from itertools import pairwise

import httpx
import pytest

from shared.cloudevents import read_trade_event
from shared.events import TRADE_TYPES
from shared.examples import TRADE_DATA, trade_event
from tests.integration.ingest.door import BATCH, Door

CONTENT_TYPE = ("content-type", b"application/cloudevents+json")


def event_bytes(kind: str, **attributes: object) -> bytes:
    return json.dumps({**trade_event(kind), **attributes}, indent=1).encode()


async def test_every_event_type_is_accepted_and_stands_on_the_topic_byte_for_byte(door: Door) -> None:
    before = await door.ends()
    bodies = {}
    for kind in TRADE_TYPES:
        bodies[kind] = event_bytes(kind, myext="é")
        answer = await door.post(bodies[kind])
        assert answer.status_code == 202, answer.text
    records = await door.records_since(before)
    assert {json.loads(record.value)["type"]: record.value for record in records} == bodies
    assert all(record.headers == (CONTENT_TYPE,) for record in records)
    assert len(records) == len(TRADE_TYPES)


async def test_receipt_says_where_the_event_stands_and_where_to_ask(door: Door) -> None:
    before = await door.ends()
    answer = await door.post(event_bytes("trade.licence.issued", id="a&b c", source="/x?y=z"))
    receipt = answer.json()
    (record,) = await door.records_since(before)
    place = (record.topic, record.partition, record.offset)
    assert (receipt["topic"], receipt["partition"], receipt["offset"]) == place
    assert (receipt["source"], receipt["id"]) == ("/x?y=z", "a&b c")
    assert record.key == b"licence:LIC-7"
    outcome = httpx.URL(receipt["outcome"])
    assert dict(outcome.params) == {"source": "/x?y=z", "id": "a&b c"}
    assert str(outcome).startswith(door.config.url_of("licensing") + "/v1/events?")
    assert answer.headers["link"] == f'<{receipt["outcome"]}>; rel="status"'


async def test_binary_event_is_the_same_event(door: Door) -> None:
    before = await door.ends()
    example = trade_event("trade.shipment.declared")
    data = json.dumps(TRADE_DATA["trade.shipment.declared"], indent=3).encode()
    answer = await door.post(
        data,
        "application/json; charset=utf-8",
        ce_specversion="1.0",
        ce_id=example["id"],
        ce_source=example["source"],
        ce_type=example["type"],
        ce_time=example["time"],
        ce_note="Euro%20%E2%82%AC",
    )
    assert answer.status_code == 202, answer.text
    (record,) = await door.records_since(before)
    assert data in record.value
    assert json.loads(record.value)["note"] == "Euro €"
    assert read_trade_event(record.value) == read_trade_event(json.dumps(example).encode())


async def test_batch_keeps_each_things_order_and_its_bytes(door: Door) -> None:
    before = await door.ends()
    bodies = [
        json.dumps(
            {**trade_event("trade.shipment.cleared"), "id": f"{number}", "data": {"shipment_id": f"S{number % 7}"}},
            indent=number % 3,
        ).encode()
        for number in range(300)
    ]
    answer = await door.post(b"[" + b" ,\n".join(bodies) + b"]", BATCH)
    assert answer.status_code == 202, answer.text
    results = answer.json()["results"]
    assert [result["index"] for result in results] == list(range(300))
    assert [result["receipt"]["id"] for result in results] == [f"{number}" for number in range(300)]
    records = await door.records_since(before)
    assert sorted(record.value for record in records) == sorted(bodies)
    places = {(result["receipt"]["partition"], result["receipt"]["offset"]) for result in results}
    assert places == {(record.partition, record.offset) for record in records}
    for key in {record.key for record in records}:
        numbers = [int(json.loads(record.value)["id"]) for record in records if record.key == key]
        assert all(earlier < later for earlier, later in pairwise(numbers))
        assert len({record.partition for record in records if record.key == key}) == 1


async def test_bad_items_of_a_batch_do_not_sink_the_others(door: Door) -> None:
    before = await door.ends()
    good = event_bytes("trade.quota.closed")
    bad = event_bytes("trade.quota.closed", data={"quota_id": 7})
    twice = good.replace(b'"id"', b'"id": "first", "id"')
    answer = await door.post(b"[" + b",".join([good, bad, good, twice, b"7"]) + b"]", BATCH)
    assert answer.status_code == 207
    body = answer.json()
    assert (body["accepted"], body["refused"]) == (2, 3)
    assert [result["status"] for result in body["results"]] == [202, 422, 202, 400, 422]
    pointers = [result["problem"]["errors"][0]["pointer"] for result in body["results"] if "problem" in result]
    assert pointers == ["/1/data/quota_id", "/3/id", "/4"]
    assert len(await door.records_since(before)) == 2


async def test_batch_of_bad_items_is_a_problem_with_a_result_for_each(door: Door) -> None:
    before = await door.ends()
    answer = await door.post(b"[{}, 1]", BATCH)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert [result["status"] for result in answer.json()["results"]] == [422, 422]
    assert await door.ends() == before


async def test_empty_batch_is_accepted(door: Door) -> None:
    answer = await door.post(b"[]", BATCH)
    assert (answer.status_code, answer.json()["results"]) == (202, [])


async def test_the_same_event_may_be_sent_again(door: Door) -> None:
    before = await door.ends()
    body = event_bytes("trade.quota.closed")
    receipts = [(await door.post(body)).json() for _ in range(2)]
    assert receipts[0]["offset"] < receipts[1]["offset"]
    assert [record.value for record in await door.records_since(before)] == [body, body]


@pytest.mark.parametrize("size", [300_000, 999_000])
async def test_large_event_within_the_limit_fits_in_kafka(door: Door, size: int) -> None:
    before = await door.ends()
    body = event_bytes("trade.regime.ended")
    body = body[:-1] + b" " * (size - len(body)) + body[-1:]
    answer = await door.post(body)
    assert answer.status_code == 202, answer.text
    (record,) = await door.records_since(before)
    assert record.value == body


async def test_health_metrics_and_documents_are_served(door: Door) -> None:
    await door.post(event_bytes("trade.quota.closed"))
    assert (await door.client.get("/health/ready")).status_code == 200
    metrics = (await door.client.get("/metrics")).text
    assert 'lanewatch_ingest_events_total{status="202"}' in metrics
    assert "lanewatch_ingest_publish_seconds_bucket" in metrics
    assert (await door.client.get("/docs")).status_code == 200
    assert "/v1/events" in (await door.client.get("/openapi.json")).json()["paths"]
