"""Licensing as a process: events on Kafka in, decisions on Kafka out."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from lanewatch.stack import StackConfig, Topics
from shared.kafka import make_producer
from tests.support.running import running, until
from tests.support.topics import publish, published
from tests.support.trade import MAGNET, declared, licence, milestone, regime, tick


@pytest.fixture
async def producer(fresh_config: StackConfig, fresh_topics: Topics) -> AsyncIterator[AIOKafkaProducer]:
    producer = make_producer(fresh_config.bootstrap, "test")
    await producer.start()
    yield producer
    await producer.stop()


async def test_events_become_decisions_and_lane_changes_on_the_topic(
    fresh_config: StackConfig, fresh_topics: Topics, producer: AIOKafkaProducer
) -> None:
    async with running(fresh_config, "licensing", LANEWATCH_CLOCK="replay") as program:
        await publish(producer, fresh_topics, regime(), licence())
        await until(lambda: _decided(program, 2), "regime and licence")
        for n in range(3):
            ship = f"S{n}"
            await publish(producer, fresh_topics, declared(ship, licence_id="L-1"), milestone(ship, "cleared"))
        await publish(producer, fresh_topics, declared("S9"), tick("2025-05-03T00:00:00Z"))
        await until(lambda: _decided(program, 10), "ten events")
        lane = await program.get("/v1/lanes/magnets-controlled:CN:world")
        assert lane["state"] == "flowing"
        assert [c["state"] for c in lane["changes"]] == ["restricted", "flowing"]
        await until(lambda: _is_published(program), "the outbox to be published")
    alerts = [json.loads(r.value) for r in await published(fresh_config, fresh_topics.decisions)]
    kinds = [a["type"] for a in alerts]
    assert kinds.count("lanewatch.decision.permitted") == 3
    assert kinds.count("lanewatch.decision.denied") == 1
    assert kinds.count("lanewatch.regime.announced") == 1
    of_lane = [a for a in alerts if a["partitionkey"] == "magnets-controlled:CN:world" and "sequence" in a]
    assert [a["data"]["state"] for a in of_lane] == ["restricted", "flowing"]
    assert [a["sequence"] for a in of_lane] == ["1", "2"]


async def _decided(program: Any, count: int) -> bool:
    found = await program.get("/v1/audit")
    return bool(sum(found["events_by_status"].values()) >= count)


async def _is_published(program: Any) -> bool:
    return bool((await program.get("/v1/audit"))["unpublished"] == 0)


async def test_what_cannot_be_read_goes_to_the_dead_letter_topic_with_the_reason(
    fresh_config: StackConfig, fresh_topics: Topics, producer: AIOKafkaProducer
) -> None:
    async with running(fresh_config, "licensing", LANEWATCH_CLOCK="replay") as program:
        await producer.send_and_wait(fresh_topics.events, b"{not json", key=b"x")
        await publish(producer, fresh_topics, declared("S1", commodity=MAGNET, id="good"))
        await until(lambda: _decided(program, 1), "the good event")
        await until(lambda: _is_published(program), "the dead letter to be published")
        (letter,) = (await program.get("/v1/dead-letters"))["items"]
        assert letter["body"] == "{not json"
        answer = await program.get("/v1/events", source="/test", id="good")
        assert (answer["status"], answer["decisions"][0]["outcome"]) == ("decided", "permitted")
    (record,) = await published(fresh_config, fresh_topics.dead_letters_licensing)
    headers = dict(record.headers)
    assert record.value == b"{not json"
    assert b"malformed" in headers["reason"]


async def test_the_wall_clock_ticks_once_however_many_run(
    fresh_config: StackConfig, fresh_topics: Topics, producer: AIOKafkaProducer
) -> None:
    every = {"LANEWATCH_CLOCK": "wall", "LANEWATCH_TICK_EVERY_S": "0.5"}
    async with running(fresh_config, "licensing", **every), running(fresh_config, "licensing", **every) as program:
        await until(lambda: _decided(program, 3), "three ticks")
        found = await program.get("/v1/audit")
    assert set(found["events_by_type"]) == {"lanewatch.clock.ticked"}
    assert found["duplicates"] > 0
    assert found["dead_letters"] == 0


async def test_a_regime_begins_at_its_second_though_ticks_come_each_minute_and_once_for_all_processes(
    fresh_config: StackConfig, fresh_topics: Topics, producer: AIOKafkaProducer
) -> None:
    every = {"LANEWATCH_CLOCK": "wall", "LANEWATCH_TICK_EVERY_S": "3600"}
    async with running(fresh_config, "licensing", **every), running(fresh_config, "licensing", **every) as program:
        await until(lambda: _decided(program, 1), "the first tick")
        begins = datetime.now(UTC) + timedelta(seconds=4)
        announced = regime(time=datetime.now(UTC).isoformat(), effective_from=begins.isoformat())
        await publish(producer, fresh_topics, announced)
        lane_id = "magnets-controlled:CN:world"

        async def is_restricted() -> bool:
            return bool((await program.get(f"/v1/lanes/{lane_id}")).get("state") == "restricted")

        await until(is_restricted, "the regime to begin", 20)
        told_at = datetime.now(UTC)
        (change,) = (await program.get(f"/v1/lanes/{lane_id}"))["changes"]
        found = await program.get("/v1/audit")
    assert begins <= told_at
    assert datetime.fromisoformat(change["at"]) == begins
    assert found["dead_letters"] == 0
