"""Kafka or PostgreSQL away, at the start or in the middle: it waits, says so, and goes on by itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx
from aiokafka import AIOKafkaProducer

from lanewatch.stack import StackConfig, Topics, service_part
from lanewatch.stack.ports import free_ports
from lanewatch.stack.process import spawn
from tests.faults.alerts.line import Line
from tests.faults.alerts.test_kills import subscribe
from tests.integration.alerts.receiver import Receiver
from tests.integration.alerts.service import lane_changed
from tests.support.plain import PLAIN
from tests.support.running import Program, until


@asynccontextmanager
async def starting(config: StackConfig) -> AsyncIterator[Program]:
    """Start the service without waiting for it to be ready."""
    config = replace(config, alerts_port=free_ports(1)[0])
    part = service_part(config, "alerts")
    environment = {
        **part.command.environment,
        "LANEWATCH_ALERTS_GROUP": config.database,
        "LANEWATCH_ALERTS_LEASE_S": "2",
    }
    process = await spawn(replace(part.command, environment=environment))
    try:
        yield Program(process, config.url_of("alerts"))
    finally:
        if process.returncode is None:
            process.terminate()
            await asyncio.wait_for(process.wait(), 30)


async def status(program: Program, question: str) -> int:
    async with httpx.AsyncClient(base_url=program.url, timeout=5, verify=PLAIN) as client:
        try:
            return (await client.get(f"/health/{question}")).status_code
        except httpx.TransportError:
            return 0


async def test_it_starts_while_kafka_and_the_database_are_away(
    fresh_config: StackConfig, fresh_topics: Topics, producer: AIOKafkaProducer, receiver: Receiver
) -> None:
    async with Line(fresh_config.kafka_port) as kafka, Line(fresh_config.postgres_port) as database:
        config = replace(fresh_config, kafka_port=kafka.port, postgres_port=database.port)
        async with starting(config) as program:
            await until(lambda: _is(program, "live", 200), "the service to answer")
            assert await status(program, "ready") == 503
            await database.mend()
            inbox = receiver.inbox()
            await until(lambda: _can_subscribe(program), "the API to work without Kafka")
            await subscribe(program, inbox)
            assert await status(program, "ready") == 503
            await producer.send_and_wait(fresh_topics.decisions, lane_changed())
            await kafka.mend()
            await inbox.wait_for(1, 20)
            await until(program.is_ready, "the service to be ready")


async def test_the_database_away_in_the_middle_loses_nothing(
    fresh_config: StackConfig, fresh_topics: Topics, producer: AIOKafkaProducer, receiver: Receiver
) -> None:
    inbox = receiver.inbox()
    async with Line(fresh_config.postgres_port) as database:
        await database.mend()
        async with starting(replace(fresh_config, postgres_port=database.port)) as program:
            await until(program.is_ready, "the service to be ready")
            await subscribe(program, inbox)
            for sequence in range(1, 151):
                await producer.send_and_wait(fresh_topics.decisions, lane_changed("DE", sequence), partition=0)
                if sequence in (40, 90):
                    await database.cut()
                    await until(lambda: _is(program, "ready", 503), "the service to notice")
                    assert await status(program, "live") == 200
                if sequence in (70, 120):
                    await database.mend()
            await until(lambda: len({g.webhook_id for g in inbox.got}) == 150, "all alerts to arrive")
            await until(program.is_ready, "the service to be ready again")
            await until(lambda: _all_settled(program), "all to be recorded")
    first = {g.webhook_id: g.event["data"]["sequence"] for g in reversed(inbox.got)}
    assert sorted(first.values()) == list(range(1, 151))


async def _is(program: Program, question: str, code: int) -> bool:
    return await status(program, question) == code


async def _can_subscribe(program: Program) -> bool:
    async with httpx.AsyncClient(base_url=program.url, timeout=5, verify=PLAIN) as client:
        return (await client.get("/v1/subscriptions")).status_code == 200


async def _all_settled(program: Program) -> bool:
    return bool((await program.get("/v1/audit"))["deliveries_by_state"] == {"delivered": 150})
