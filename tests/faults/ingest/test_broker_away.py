"""While the broker is away clients are told so in time; when it is back the ingest goes on by itself."""

import asyncio
import json
import os
import re
import secrets
import signal
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import httpx
import pytest
from aiokafka import TopicPartition

from lanewatch.stack import StackConfig
from lanewatch.stack.kafka import Kafka, kafka_part
from lanewatch.stack.keeper import Keeper
from shared.examples import trade_event
from tests.integration.ingest.door import STRUCTURED, Door, ingest_keeper, open_door
from tests.integration.ingest.raw import Connection, connected
from tests.support.plain import PLAIN
from tests.support.running import until

PRODUCE_TIMEOUT_S = 0.5
BOUND_S = PRODUCE_TIMEOUT_S + 2.0
PAUSED_S = float(os.environ.get("PAUSED_S", "8"))
MEMORY_MB = 150
REFUSALS = {"Kafka is away", "Too many requests are in hand"}
EVENT = json.dumps(trade_event("trade.quota.closed")).encode()


@pytest.fixture(scope="module")
async def config() -> AsyncIterator[StackConfig]:
    with tempfile.TemporaryDirectory(prefix="lanewatch-") as folder:
        yield replace(StackConfig.for_tests(Path(folder)), clock="replay")


@pytest.fixture(scope="module")
async def broker(config: StackConfig, kafka: Kafka) -> AsyncIterator[Keeper]:
    """A broker that only this file uses; it is not started yet."""
    keeper = Keeper(kafka_part(config, kafka))
    yield keeper
    keeper.kill(signal.SIGCONT)
    await keeper.stop()


@pytest.fixture(scope="module")
async def door(config: StackConfig, broker: Keeper) -> AsyncIterator[Door]:
    """An ingest on that broker, running."""
    if broker.pid is None:
        await broker.start()
    async with open_door(config, produce_timeout_s=PRODUCE_TIMEOUT_S, max_requests=20) as opened:
        await until_accepted(opened.client, 10)
        yield opened


async def post(client: httpx.AsyncClient, content: bytes = EVENT) -> httpx.Response:
    return await client.post("/v1/events", content=content, headers={"content-type": STRUCTURED})


async def until_accepted(client: httpx.AsyncClient, within_s: float) -> None:
    async with asyncio.timeout(within_s):
        while (await post(client)).status_code != 202:  # noqa: ASYNC110 - only posting tells
            await asyncio.sleep(0.05)


async def until_refused(client: httpx.AsyncClient) -> None:
    """Post until it is refused; each answer must come in time, and the refusal say when to come back."""
    async with asyncio.timeout(10):
        while True:
            began = time.monotonic()
            answer = await post(client)
            assert time.monotonic() - began < BOUND_S
            if answer.status_code != 202:
                break
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert answer.json()["title"] == "Kafka is away"


async def test_ingest_starts_without_a_broker_and_serves_once_it_is_there(config: StackConfig, broker: Keeper) -> None:
    await broker.stop()
    keeper = ingest_keeper(config, produce_timeout_s=PRODUCE_TIMEOUT_S)
    starting = asyncio.create_task(keeper.start())
    try:
        async with httpx.AsyncClient(base_url=config.url_of("ingest"), timeout=10, verify=PLAIN) as client:
            await until_live(client)
            ready = await client.get("/health/ready")
            assert (ready.status_code, ready.json()["checks"]["kafka"][0]["status"]) == (503, "fail")
            await until_refused(client)
            await broker.start()
            await asyncio.wait_for(starting, 10)
            await until_accepted(client, 10)
    finally:
        starting.cancel()
        await keeper.stop()


async def until_live(client: httpx.AsyncClient) -> None:
    async with asyncio.timeout(10):
        while True:
            try:
                assert (await client.get("/health/live")).status_code == 200
            except httpx.TransportError:
                await asyncio.sleep(0.05)
            else:
                return


async def test_frozen_broker_is_away_too_and_what_waits_is_bounded(broker: Keeper, door: Door) -> None:
    broker.kill(signal.SIGSTOP)
    await until_refused(door.client)
    began = time.monotonic()
    answers = await asyncio.gather(*(post(door.client) for _ in range(60)))
    assert time.monotonic() - began < 60 / 20 * BOUND_S
    assert {answer.status_code for answer in answers} == {503}
    assert "Too many requests are in hand" in {answer.json()["title"] for answer in answers}
    assert (await door.client.get("/health/ready")).status_code == 503
    assert (await door.client.get("/health/live")).status_code == 200
    broker.kill(signal.SIGCONT)
    await until_accepted(door.client, 15)


async def test_nothing_acknowledged_is_lost_when_the_broker_is_killed(broker: Keeper, door: Door) -> None:
    before = await door.ends()
    poster = Poster(door.client)
    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(poster.run())
        await poster.until_accepted(50)
        broker.kill()
        await broker.wait_ready()
        await poster.until_accepted(50)
        poster.is_running = False
    assert poster.statuses == {202, 503}
    assert poster.longest_s < BOUND_S
    await assert_stored(door, before, poster)


async def test_nothing_acknowledged_is_lost_when_the_broker_is_paused_under_load(broker: Keeper, door: Door) -> None:
    before = await door.ends()
    poster = Poster(door.client)
    async with asyncio.TaskGroup() as group:
        for _ in range(12):
            group.create_task(poster.run())
        await poster.until_accepted(200)
        broker.kill(signal.SIGSTOP)
        await asyncio.sleep(PAUSED_S)
        broker.kill(signal.SIGCONT)
        await poster.until_accepted(200)
        poster.is_running = False
    assert poster.statuses == {202, 503}
    assert poster.longest_s < BOUND_S
    await assert_stored(door, before, poster)
    memory = memory_mb(door)
    print(f"paused for {PAUSED_S:g} s: {len(poster.accepted)} accepted, {memory:.0f} MB")  # noqa: T201 - for `make soak`
    assert memory < MEMORY_MB


async def assert_stored(door: Door, before: dict[TopicPartition, int], poster: "Poster") -> None:
    """Assert that all that was acknowledged stands on the topic, to the byte."""
    stored = {json.loads(record.value)["id"]: record.value for record in await door.records_since(before)}
    assert {name: stored.get(name) for name in poster.accepted} == poster.accepted


def memory_mb(door: Door) -> float:
    """Return the most memory that the ingest has had."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{door.keeper.pid}/status").read_text())
    return int(found[1]) / 1000 if found else 0.0


async def test_a_stream_stops_where_the_broker_went_and_nothing_it_told_of_is_lost(broker: Keeper, door: Door) -> None:
    before = await door.ends()
    async with connected(door.config.ingest_port) as connection:
        await connection.head("transfer-encoding: chunked", content_type="application/x-ndjson")
        sending = asyncio.create_task(send_lines(connection))
        await until(lambda: door.records_since(before), "the first lines", 10)
        broker.kill()
        answer = await connection.answer()
        sending.cancel()
    *results, summary = [json.loads(line) for line in answer.body.splitlines()]
    assert answer.status == 207
    assert "retry-after" in answer.headers
    assert summary["stopped"]["problem"]["status"] == 503
    assert summary["stopped"]["line"] == len(results) + 1
    told = {result["receipt"]["id"] for result in results if result["status"] == 202}
    assert summary["accepted"] == len(told) > 0
    await broker.wait_ready()
    await until_accepted(door.client, 15)
    assert told <= {json.loads(record.value)["id"] for record in await door.records_since(before)}


async def send_lines(connection: Connection) -> None:
    """Send lines without end."""
    for number in count():
        line = json.dumps({**trade_event("trade.quota.closed"), "id": f"l{number}"}).encode() + b"\n"
        await connection.send(f"{len(line):x}\r\n".encode() + line + b"\r\n")
        await asyncio.sleep(0.001)


class Poster:
    """Posts one event after the other and notes what came of each."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self.is_running = True
        self.accepted: dict[str, bytes] = {}
        self.statuses: set[int] = set()
        self.longest_s = 0.0
        self._numbers = count()
        self._name = secrets.token_hex(3)

    async def run(self) -> None:
        while self.is_running:
            event = {**trade_event("trade.quota.closed"), "id": f"{self._name}-{next(self._numbers)}"}
            began = time.monotonic()
            body = json.dumps(event).encode()
            answer = await post(self.client, body)
            self.longest_s = max(self.longest_s, time.monotonic() - began)
            self.statuses.add(answer.status_code)
            if answer.status_code == 202:
                self.accepted[event["id"]] = body
            else:
                assert answer.json()["title"] in REFUSALS, answer.text
                assert int(answer.headers["retry-after"]) > 0
                await asyncio.sleep(0.02)

    async def until_accepted(self, more: int) -> None:
        goal = len(self.accepted) + more
        async with asyncio.timeout(20):
            while len(self.accepted) < goal:  # noqa: ASYNC110 - the posters know of no waiting
                await asyncio.sleep(0.02)
