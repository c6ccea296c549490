"""Size, time and number are bounded, and who is refused gets to read why."""

import asyncio
import json
from contextlib import AsyncExitStack

import httpx
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import MessageSizeTooLargeError

from lanewatch.stack import StackConfig
from lanewatch.stack.topics import create_topics
from shared.examples import trade_event
from shared.kafka import make_producer
from tests.integration.ingest.door import BATCH, Door, open_door, own_config
from tests.integration.ingest.raw import connected
from tests.support.plain import PLAIN

EVENT = json.dumps(trade_event("trade.quota.closed")).encode()
LENGTH = f"content-length: {len(EVENT)}"


def port(door: Door) -> int:
    return door.config.ingest_port


async def test_announced_length_over_the_limit_is_refused_before_any_byte_is_sent(strict_door: Door) -> None:
    async with connected(port(strict_door)) as connection:
        await connection.head("content-length: 10000000")
        answer = await connection.answer()
    assert answer.status == 413
    assert "connection: close" in answer.headers
    assert "4000 bytes" in answer.body


async def test_who_asks_first_is_told_before_sending(strict_door: Door) -> None:
    async with connected(port(strict_door)) as connection:
        await connection.head("content-length: 4001", "expect: 100-continue")
        answer = await connection.answer()
        assert (answer.interim, answer.status) == ([], 413)
        assert await connection.is_closed()


async def test_reading_stops_at_the_limit(strict_door: Door) -> None:
    async with connected(port(strict_door)) as connection:
        await connection.head("transfer-encoding: chunked")
        await connection.send(b"fa1\r\n" + b" " * 4001 + b"\r\n")
        assert (await connection.answer()).status == 413


async def test_refused_client_may_finish_sending_and_read_the_answer(strict_door: Door) -> None:
    async with connected(port(strict_door)) as connection:
        await connection.head("content-length: 8000000")
        await connection.send(b" " * 8_000_000)
        assert (await connection.answer()).status == 413
        assert await connection.is_closed()


async def test_body_of_just_the_limit_is_taken(strict_door: Door) -> None:
    answer = await strict_door.post(EVENT + b" " * (4000 - len(EVENT)))
    assert answer.status_code == 202
    assert (await strict_door.post(EVENT + b" " * (4001 - len(EVENT)))).status_code == 413


async def test_item_over_the_limit_of_an_event_does_not_sink_its_batch(strict_door: Door) -> None:
    large = EVENT.replace(b'"Used up"', b'"' + b"x" * 1900 + b'"').replace(b'{"spec', b"{" + b" " * 2500 + b'"spec')
    answer = await strict_door.post(b"[" + EVENT + b"," + large + b"]", BATCH)
    assert [result["status"] for result in answer.json()["results"]] == [202, 413]


async def test_slow_body_is_cut_off(strict_door: Door) -> None:
    before = await strict_door.ends()
    async with connected(port(strict_door)) as connection:
        await connection.head(LENGTH)
        await connection.send(EVENT[:-1])
        answer = await connection.answer()
        assert answer.status == 408
        assert await connection.is_closed()
    assert await strict_door.ends() == before


async def test_client_that_leaves_in_the_middle_leaves_nothing_behind(strict_door: Door) -> None:
    before = await strict_door.ends()
    async with connected(port(strict_door)) as connection:
        await connection.head(LENGTH)
        await connection.send(EVENT[:-1])
    await wait_for_in_hand(strict_door, 0)
    assert await strict_door.ends() == before


async def test_connection_serves_on_after_a_small_refusal(strict_door: Door) -> None:
    async with connected(port(strict_door)) as connection:
        for content_type, status in [("text/plain", 415), ("application/cloudevents+json", 202)]:
            await connection.head(LENGTH, content_type=content_type)
            await connection.send(EVENT)
            assert (await connection.answer()).status == status


async def test_too_many_requests_at_once_are_told_to_come_back(strict_door: Door) -> None:
    async with AsyncExitStack() as stack:
        held = [await stack.enter_async_context(connected(port(strict_door))) for _ in range(4)]
        for connection in held:
            await connection.head(LENGTH)
            await connection.send(EVENT[:-1])
        await wait_for_in_hand(strict_door, 4)
        answer = await strict_door.post(EVENT)
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0
        for connection in held:
            await connection.send(EVENT[-1:])
        assert [(await connection.answer()).status for connection in held] == [202] * 4
    assert (await strict_door.post(EVENT)).status_code == 202


async def test_request_in_hand_is_finished_when_the_service_is_told_to_end(backbone: StackConfig) -> None:
    config = own_config(backbone)
    await create_topics(config.bootstrap, config.topics)
    async with open_door(config) as door, connected(port(door)) as connection:
        before = await door.ends()
        await connection.head(LENGTH)
        await connection.send(EVENT[:-1])
        await wait_for_in_hand(door, 1)
        ending = asyncio.create_task(door.keeper.stop())
        async with asyncio.timeout(5):
            while await accepts(door):  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.02)
        await connection.send(EVENT[-1:])
        assert (await connection.answer()).status == 202
        await asyncio.wait_for(ending, 5)
        assert [record.value for record in await door.records_since(before)] == [EVENT]


@pytest.mark.parametrize("count", [1, 20])
async def test_event_that_the_topic_does_not_take_is_refused_and_the_next_is_taken(
    backbone: StackConfig, count: int
) -> None:
    """The broker's own limit is lower here; it takes no later batch of the producer that sent the large one."""
    config = own_config(backbone)
    await create_topics(config.bootstrap, config.topics)
    async with open_door(config) as door:
        assert (await door.post(EVENT)).status_code == 202
        await lower_limit(config, 2_000)
        large = EVENT[:-1] + b" " * 3_000 + b"}"
        answers = await asyncio.gather(*(door.post(large) for _ in range(count)))
        assert {answer.status_code for answer in answers} <= {413, 503}
        assert 413 in {answer.status_code for answer in answers}
        async with asyncio.timeout(10):
            while (await door.post(EVENT)).status_code != 202:  # noqa: ASYNC110 - only posting tells
                await asyncio.sleep(0.05)


async def lower_limit(config: StackConfig, size: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=config.bootstrap)
    await admin.start()
    try:
        limit = {"max.message.bytes": str(size)}
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, config.topics.events, configs=limit)])
    finally:
        await admin.close()
    async with asyncio.timeout(10):
        while await takes(config, b" " * (size + 1)):  # noqa: ASYNC110 - only posting tells
            await asyncio.sleep(0.02)  # The broker hears of its own topics' limits a moment later.


async def takes(config: StackConfig, value: bytes) -> bool:
    producer = make_producer(config.bootstrap, "test")
    await producer.start()
    try:
        await producer.send_and_wait(config.topics.events, value)
    except MessageSizeTooLargeError:
        return False
    else:
        return True
    finally:
        await producer.stop()


async def in_hand(door: Door) -> float:
    lines = (await door.client.get("/metrics")).text.splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("lanewatch_ingest_requests_in_hand "))


async def wait_for_in_hand(door: Door, count: int) -> None:
    async with asyncio.timeout(5):
        while await in_hand(door) != count:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.01)


async def accepts(door: Door) -> bool:
    """Whether the door takes new connections."""
    try:
        async with httpx.AsyncClient(timeout=1, verify=PLAIN) as fresh:
            await fresh.get(door.config.url_of("ingest") + "/health/live")
    except httpx.TransportError:
        return False
    return True
