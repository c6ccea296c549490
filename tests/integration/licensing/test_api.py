"""The read API over HTTP: answers are as the OpenAPI document says, and bad questions get a clear answer."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import httpx
import jsonschema
import pytest
from aiokafka import AIOKafkaProducer

from lanewatch.stack import StackConfig
from lanewatch.stack.topics import create_topics
from shared.kafka import make_producer
from tests.support.fresh import fresh
from tests.support.plain import PLAIN
from tests.support.running import running, until
from tests.support.topics import publish
from tests.support.trade import batch, declared, licence, milestone, price, quota, regime


@asynccontextmanager
async def producing(config: StackConfig) -> AsyncIterator[AIOKafkaProducer]:
    await create_topics(config.bootstrap, config.topics)
    producer = make_producer(config.bootstrap, "test")
    await producer.start()
    yield producer
    await producer.stop()


@pytest.fixture(scope="module")
async def client(backbone: StackConfig) -> AsyncIterator[httpx.AsyncClient]:
    """A licensing service that has seen something of everything, ids with odd characters too."""
    bodies = [
        regime(),
        quota(),
        licence("L/1"),
        licence("L/1:1"),
        batch("B/1"),
        licence("L-in-batch", batch_id="B/1", kg="400"),
        declared("S-in-batch", licence_id="L-in-batch", kg="150"),
        declared("S/1", licence_id="L/1"),
        milestone("S/1", "cleared"),
        declared("S/2"),
        declared("S/3", licence_id="L-awaited", id="waits"),
        milestone("S/1", "cancelled", id="c1"),
        milestone("S/1", "departed", id="dies"),
        price("255.00", time="2025-05-01T00:00:00Z"),
    ]
    async with (
        fresh(backbone) as config,
        producing(config) as producer,
        running(config, "licensing", LANEWATCH_CLOCK="replay") as program,
        httpx.AsyncClient(base_url=program.url, timeout=10, verify=PLAIN) as client,
    ):
        await publish(producer, config.topics, *bodies)
        await producer.send_and_wait(config.topics.events, b"\xff\x00", key=b"x")

        async def is_read() -> bool:
            return bool((await client.get("/v1/audit")).json()["records_read"] == len(bodies) + 1)

        await until(is_read, "all events")
        yield client


QUESTIONS = [
    ("/v1/lanes", "/v1/lanes"),
    ("/v1/lanes?state=restricted&limit=1", "/v1/lanes"),
    ("/v1/lanes/magnets-controlled:CN:world", "/v1/lanes/{lane_id}"),
    ("/v1/licences", "/v1/licences"),
    ("/v1/licences/L/1", "/v1/licences/{licence_id}"),
    ("/v1/licences/L-awaited", "/v1/licences/{licence_id}"),
    ("/v1/licences/L/1/ledger", "/v1/licences/{licence_id}/ledger"),
    ("/v1/batches", "/v1/batches"),
    ("/v1/batches/B/1", "/v1/batches/{batch_id}"),
    ("/v1/licences?batch_id=B/1", "/v1/licences"),
    ("/v1/quotas", "/v1/quotas"),
    ("/v1/quotas/Q-1", "/v1/quotas/{quota_id}"),
    ("/v1/quotas/Q-1/ledger?limit=1", "/v1/quotas/{quota_id}/ledger"),
    ("/v1/regimes", "/v1/regimes"),
    ("/v1/shipments/S/1", "/v1/shipments/{shipment_id}"),
    ("/v1/shipments/S/3", "/v1/shipments/{shipment_id}"),
    ("/v1/events?source=/test&id=waits", "/v1/events"),
    ("/v1/events?source=/test&id=dies", "/v1/events"),
    ("/v1/events?source=/test&id=never-seen", "/v1/events"),
    ("/v1/dead-letters", "/v1/dead-letters"),
    ("/v1/prices", "/v1/prices"),
]


def schema_of(document: dict[str, Any], route: str, status: str, kind: str) -> dict[str, Any]:
    found = document["paths"][route]["get"]["responses"][status]["content"][kind]["schema"]
    return {**found, "components": document["components"]}


@pytest.mark.parametrize("path,route", QUESTIONS)
async def test_answers_are_what_the_openapi_document_says(client: httpx.AsyncClient, path: str, route: str) -> None:
    document = (await client.get("/openapi.json")).json()
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    jsonschema.validate(answer.json(), schema_of(document, route, "200", "application/json"))


@pytest.mark.parametrize("what", ["lanes", "licences", "batches", "quotas", "shipments"])
@pytest.mark.parametrize("name", ["none", "a b", "ä/ö", "x" * 256])
async def test_what_is_not_there_is_a_404(client: httpx.AsyncClient, what: str, name: str) -> None:
    answer = await client.get(f"/v1/{what}/{quote(name)}")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


@pytest.mark.parametrize("kind", ["licence", "quota"])
async def test_the_ledger_of_what_is_not_there_is_a_404(client: httpx.AsyncClient, kind: str) -> None:
    answer = await client.get(f"/v1/{kind}s/NOPE/ledger")
    assert (answer.status_code, answer.json()["title"]) == (404, f"There is no such {kind}")


@pytest.mark.parametrize(
    "path,pointer",
    [
        ("/v1/lanes?limit=0", "/query/limit"),
        ("/v1/lanes?limit=x", "/query/limit"),
        ("/v1/lanes?state=%00", "/query/state"),
        ("/v1/lanes?cursor=%00", "/query/cursor"),
        ("/v1/lanes/%00", "/path/lane_id"),
        ("/v1/shipments/" + "x" * 257, "/path/shipment_id"),
        ("/v1/events?source=a", "/query/id"),
        ("/v1/events?source=a&id=%00", "/query/id"),
        ("/v1/dead-letters?cursor=1", "/query/cursor"),
        ("/v1/quotas/Q-1/ledger?cursor=-1", "/query/cursor"),
        ("/v1/licences/L/ledger?part=99999999999999999999", "/query/part"),
    ],
)
async def test_a_bad_question_names_its_fault(client: httpx.AsyncClient, path: str, pointer: str) -> None:
    answer = await client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


async def test_a_licence_shows_only_its_own_lines(client: httpx.AsyncClient) -> None:
    found = (await client.get("/v1/licences/L/1")).json()
    assert [line["account"] for line in found["accounts"]] == ["licence:L/1:1"]
    found = (await client.get("/v1/licences/L/1:1")).json()
    assert [line["account"] for line in found["accounts"]] == ["licence:L/1%3A1:1"]


async def test_pages_follow_on(client: httpx.AsyncClient) -> None:
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = (await client.get("/v1/lanes", params={"limit": 2, "cursor": cursor})).json()
        seen += [lane["lane_id"] for lane in page["items"]]
        cursor = page["next"]
    assert len(seen) == len(set(seen)) == len((await client.get("/v1/lanes")).json()["items"])


async def test_an_event_that_died_says_why(client: httpx.AsyncClient) -> None:
    found = (await client.get("/v1/events", params={"source": "/test", "id": "dies"})).json()
    assert found["status"] == "dead"
    assert found["dead_letters"][0]["reason"] == "a shipment that was cancelled cannot be departed"


async def test_a_batch_tells_what_came_of_it(client: httpx.AsyncClient) -> None:
    found = (await client.get("/v1/batches/B/1")).json()
    assert (found["licences"], found["active"]) == (1, 1)
    assert (found["granted_kg"], found["used_kg"], found["left_kg"]) == ("400", "150", "250")
    (item,) = (await client.get("/v1/licences", params={"batch_id": "B/1"})).json()["items"]
    assert item["licence_id"] == "L-in-batch"


async def test_who_waits_is_told_as_soon_as_there_is_an_outcome(backbone: StackConfig) -> None:
    async with (
        fresh(backbone) as config,
        producing(config) as producer,
        running(config, "licensing", LANEWATCH_CLOCK="replay") as program,
        httpx.AsyncClient(base_url=program.url, timeout=20, verify=PLAIN) as client,
    ):
        path = "/v1/events?source=/test&id=soon"
        waiting = asyncio.create_task(client.get(path, headers={"prefer": "wait=15"}))
        await asyncio.sleep(0.3)
        assert not waiting.done()
        await publish(producer, config.topics, declared("S/9", id="soon"))
        answer = await asyncio.wait_for(waiting, 10)
        assert (answer.json()["status"], answer.headers["preference-applied"]) == ("decided", "wait=15")


async def test_who_waits_in_vain_is_told_so_at_the_end_of_the_time(client: httpx.AsyncClient) -> None:
    began = time.monotonic()
    answer = await client.get("/v1/events?source=/test&id=never-seen", headers={"prefer": "respond-async, wait=1"})
    assert 0.7 < time.monotonic() - began < 5
    assert answer.json()["status"] == "waiting"
