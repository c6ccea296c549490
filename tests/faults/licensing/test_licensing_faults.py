"""Licensing killed, paused, poisoned: nothing is lost and nothing counts twice."""

import asyncio
import json
import signal
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from lanewatch.stack import StackConfig, Topics
from lanewatch.stack.postgres import connect
from shared.cloudevents import entity_key, read_trade_event
from shared.kafka import make_producer
from tests.support.running import Program, running, starting, until
from tests.support.topics import publish, published
from tests.support.trade import MAGNET, declared, licence, milestone, regime

REPLAY = {"LANEWATCH_CLOCK": "replay"}


@pytest.fixture
async def producer(fresh_config: StackConfig, fresh_topics: Topics) -> AsyncIterator[AIOKafkaProducer]:
    producer = make_producer(fresh_config.bootstrap, "test")
    await producer.start()
    yield producer
    await producer.stop()


async def publish_many(producer: AIOKafkaProducer, topics: Topics, bodies: list[bytes]) -> None:
    sent = [
        await producer.send(topics.events, body, key=entity_key(read_trade_event(body)).encode()) for body in bodies
    ]
    await asyncio.gather(*sent)


async def audit_of(program: Program) -> dict[str, Any]:
    found: dict[str, Any] = await program.get("/v1/audit")
    return found


async def has_read(program: Program, count: int) -> bool:
    return bool((await audit_of(program))["records_read"] >= count)


async def settled(program: Program, count: int, deadline_s: float = 60) -> dict[str, Any]:
    """Wait until `count` records were read and the outbox is published; the books must agree."""

    async def is_settled() -> dict[str, Any] | None:
        found = await audit_of(program)
        return found if found["records_read"] >= count and found["unpublished"] == 0 else None

    found: dict[str, Any] = await until(is_settled, f"{count} records to be read", deadline_s)
    assert found["records_read"] == count
    assert found["overdrawn_accounts"] == found["unbalanced_accounts"] == found["lane_sequence_gaps"] == 0
    events = sum(found["events_by_status"].values())
    assert events + found["duplicates"] + found["dead_letters_without_event"] == count
    return found


def trade(shipments: int) -> list[bytes]:
    bodies = [regime(), *(licence(f"L-{n}", kg="2000") for n in range(10))]
    for n in range(shipments):
        bodies += [declared(f"S{n}", licence_id=f"L-{n % 10}", kg="10"), milestone(f"S{n}", "cleared")]
    return bodies


async def test_a_killed_worker_loses_nothing_and_counts_nothing_twice(
    fresh_config: StackConfig, fresh_topics: Topics, producer: AIOKafkaProducer
) -> None:
    bodies = trade(shipments=600)
    await publish(producer, fresh_topics, *bodies[:11])
    small = {**REPLAY, "LANEWATCH_LICENSING_MAX_BATCH": "20", "LANEWATCH_LICENSING_INSTANCE_ID": "one"}
    async with running(fresh_config, "licensing", **small) as program:
        await settled(program, 11)
        await publish_many(producer, fresh_topics, bodies[11:])
        await until(lambda: has_read(program, 200), "the work to be under way")
        await program.kill()
    async with running(fresh_config, "licensing", **small) as program:
        found = await settled(program, len(bodies))
    assert found["decisions_by_outcome"] == {"permitted": 600}
    assert found["ledger_entries_by_kind"] == {"grant": 10, "reserve": 600, "write_off": 600}
    records = await published(fresh_config, fresh_topics.decisions)
    ids = Counter(json.loads(record.value)["id"] for record in records)
    assert len(ids) == sum(found["alerts_by_type"].values())
    # What was published and not yet noted when the kill came may be there twice, in one relay's batch at most.
    assert sum(ids.values()) - len(ids) <= 1000


async def test_a_worker_that_sleeps_past_its_session_wakes_without_harm(
    fresh_config: StackConfig, fresh_topics: Topics, producer: AIOKafkaProducer
) -> None:
    bodies = trade(shipments=300)
    await publish(producer, fresh_topics, *bodies[:11])
    small = {**REPLAY, "LANEWATCH_LICENSING_MAX_BATCH": "10"}
    async with (
        running(fresh_config, "licensing", **small) as sleeper,
        running(fresh_config, "licensing", **small) as other,
    ):
        await settled(other, 11)
        await publish_many(producer, fresh_topics, bodies[11:300])
        sleeper.signal(signal.SIGSTOP)
        try:
            await publish_many(producer, fresh_topics, bodies[300:])
            await settled(other, len(bodies))
        finally:
            sleeper.signal(signal.SIGCONT)
        await publish(producer, fresh_topics, declared("S-late", commodity=MAGNET))
        found = await settled(other, len(bodies) + 1)
        await sleeper.wait_ready("the sleeper")
    assert found["decisions_by_outcome"] == {"permitted": 301}


async def test_poison_is_found_and_the_rest_goes_on(
    fresh_config: StackConfig, fresh_topics: Topics, producer: AIOKafkaProducer
) -> None:
    async with running(fresh_config, "licensing", **REPLAY) as program:
        await forbid(fresh_config, "shipment_id <> 'POISON'")
        bodies = [declared(f"S{n}", commodity=MAGNET) for n in range(40)]
        bodies.insert(17, declared("POISON", commodity=MAGNET, id="poison"))
        await publish_many(producer, fresh_topics, bodies)
        found = await settled(program, 41)
        assert found["decisions_by_outcome"] == {"permitted": 40}
        (letter,) = (await program.get("/v1/dead-letters"))["items"]
        assert "forbidden" in letter["reason"]
        assert "POISON" in letter["body"]
        assert await program.is_ready()


async def test_a_bad_release_stops_reading_instead_of_burying_everything(
    fresh_config: StackConfig, fresh_topics: Topics, producer: AIOKafkaProducer
) -> None:
    bodies = [declared(f"S{n}", commodity=MAGNET) for n in range(400)]
    async with running(fresh_config, "licensing", **REPLAY) as program:
        await forbid(fresh_config, "false")
        await publish_many(producer, fresh_topics, bodies)
        reason = await until(lambda: why_not_ready(program), "reading to stop", 60)
        assert "went to the dead letters" in reason
        buried = (await audit_of(program))["dead_letters"]
        assert buried <= 200
    connection = await connect(fresh_config, fresh_config.database)
    await connection.execute("ALTER TABLE licensing.shipment DROP CONSTRAINT forbidden")
    await connection.close()
    async with running(fresh_config, "licensing", **REPLAY) as program:
        found = await settled(program, 400)
    assert found["decisions_by_outcome"] == {"permitted": 400 - buried}


async def why_not_ready(program: Program) -> str | None:
    answer = await program.get("/health/ready")
    checks = answer["checks"].get("consumer")
    reason: str | None = checks[0].get("output") if checks else None
    return reason


async def forbid(config: StackConfig, condition: str) -> None:
    """Let the database refuse shipments, as a fault nobody foresaw would."""
    connection = await connect(config, config.database)
    await connection.execute(f"ALTER TABLE licensing.shipment ADD CONSTRAINT forbidden CHECK ({condition}) NOT VALID")
    await connection.close()


async def test_a_worker_that_catches_up_decides_as_it_would_have_decided_live(
    fresh_config: StackConfig, fresh_topics: Topics, producer: AIOKafkaProducer
) -> None:
    """The log lies in six partitions; what was declared after the regime must not be decided before it."""
    before, after = ([declared(f"{part}{n}") for n in range(150)] for part in ("before", "after"))
    await publish_many(producer, fresh_topics, before)
    # The log tells time to the millisecond, and of two partitions' records in the same one neither is the earlier.
    await asyncio.sleep(0.01)
    await publish(producer, fresh_topics, regime(time="2025-05-01T00:00:00Z"))
    await asyncio.sleep(0.01)
    await publish_many(producer, fresh_topics, after)
    async with running(fresh_config, "licensing", **REPLAY, LANEWATCH_LICENSING_MAX_BATCH="20") as program:
        found = await settled(program, 301)
    assert found["decisions_by_outcome"] == {"denied": 150, "permitted": 150}


async def test_a_topic_that_is_shorter_than_what_was_read_stops_reading_with_the_reason(
    fresh_config: StackConfig, fresh_topics: Topics, producer: AIOKafkaProducer
) -> None:
    async with running(fresh_config, "licensing", **REPLAY) as program:
        await publish(producer, fresh_topics, declared("S1", commodity=MAGNET))
        await settled(program, 1)
    connection = await connect(fresh_config, fresh_config.database)
    await connection.execute("UPDATE licensing.consumer_offset SET next_offset = next_offset + 1000")
    await connection.close()
    async with starting(fresh_config, "licensing", **REPLAY) as program:
        await until(program.is_answering, "an answer")
        reason = await until(lambda: why_not_ready(program), "the reason", 60)
    assert "was it restored?" in reason
