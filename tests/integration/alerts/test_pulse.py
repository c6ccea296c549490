"""That nothing comes through is told once, to everyone, and so is the end of it."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from aiokafka import AIOKafkaProducer

from lanewatch.stack import StackConfig, Topics
from services.alerts.background.watchdog import Watchdog
from shared.cloudevents import alert, write
from shared.database import make_engine
from shared.events import PipelinePulse
from tests.integration.alerts.receiver import Receiver
from tests.integration.alerts.service import Service
from tests.integration.alerts.waiting import eventually

SOON = timedelta(milliseconds=50)
LATER = timedelta(minutes=5)


def pulse(clock: datetime) -> bytes:
    kind, data = "lanewatch.pipeline.pulse", PipelinePulse(clock=clock)
    return write(alert(kind, id=f"pulse-{clock.isoformat()}", time=clock, key="pulse", data=data))


async def publish(producer: AIOKafkaProducer, topics: Topics, clock: datetime) -> None:
    await producer.send_and_wait(topics.decisions, pulse(clock), key=b"pulse")


async def test_a_stuck_pipeline_is_told_once_whatever_the_filter_and_again_when_it_works(
    service: Service, receiver: Receiver, producer: AIOKafkaProducer, fresh_config: StackConfig, fresh_topics: Topics
) -> None:
    filtered: dict[str, Any] = {
        "commodity_groups": ["dysprosium-magnets"],
        "origins": ["CN"],
        "exporters": ["X"],
        "destinations": ["DE"],
    }
    inbox, deaf = receiver.inbox("told"), receiver.inbox("deaf")
    await service.subscribe(inbox.url, **filtered)
    await service.subscribe(deaf.url, kinds=["lanewatch.lane.*"])
    engine = make_engine(fresh_config.database_url, "tests")
    try:
        watchdogs = [Watchdog(engine, SOON, lambda: None) for _ in range(2)]
        await asyncio.sleep(2 * SOON.total_seconds())
        for _ in range(3):
            await asyncio.gather(*(watchdog.look() for watchdog in watchdogs))
        await asyncio.gather(Watchdog(engine, LATER, lambda: None).look(), watchdogs[0].look())
    finally:
        await engine.dispose()
    await eventually(lambda: len(inbox.got) == 2)
    assert [kind(got.body) for got in inbox.got] == ["lanewatch.pipeline.stuck", "lanewatch.pipeline.resumed"]
    assert deaf.got == []


async def test_a_pulse_is_no_alert_and_keeps_the_pipeline_from_being_called_stuck(
    service: Service, producer: AIOKafkaProducer, fresh_config: StackConfig, fresh_topics: Topics
) -> None:
    ahead = datetime.now(UTC) + timedelta(hours=1)
    await publish(producer, fresh_topics, ahead)
    await publish(producer, fresh_topics, ahead - timedelta(hours=2))

    async def has_come() -> bool:
        (row,) = await service.sql("SELECT clock FROM alerts.pulse")
        return bool(row.clock == ahead)

    await eventually(has_come)
    engine = make_engine(fresh_config.database_url, "tests")
    try:
        watchdog = Watchdog(engine, SOON, lambda: None)
        await asyncio.sleep(2 * SOON.total_seconds())
        await watchdog.look()
    finally:
        await engine.dispose()
    assert await service.sql("SELECT kind FROM alerts.alert") == []
    assert await service.sql("SELECT reason FROM alerts.dead_letter") == []


def kind(body: bytes) -> str:
    found: str = msgspec.json.decode(body)["type"]
    return found
