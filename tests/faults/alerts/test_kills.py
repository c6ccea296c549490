"""Killed, paused or stopped in the middle of 300 deliveries: nothing is lost, and what doubles is accounted for."""

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

import asyncpg
import httpx
import pytest
from aiohttp import web
from aiokafka import AIOKafkaProducer

from lanewatch.stack import StackConfig, Topics
from tests.integration.alerts.receiver import Got, Inbox, Receiver, accept
from tests.integration.alerts.service import lane_changed
from tests.support.plain import PLAIN
from tests.support.running import Program, running, until

LANES = ("DE", "FR", "JP")
ALERTS = 100
SETTINGS = {"LANEWATCH_ALERTS_LEASE_S": "2", "LANEWATCH_ALERTS_POLL_S": "0.1", "LANEWATCH_ALERTS_STOP_GRACE_S": "3"}
AT_ONCE = len(LANES)
"""Of one lane no more than one is under way."""


async def slowly(got: Got, request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(0.005)
    return await accept(got, request)


async def very_slowly(got: Got, request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(0.5)
    return await accept(got, request)


@asynccontextmanager
async def alerts(config: StackConfig, instance: str = "one") -> AsyncIterator[Program]:
    environment = {"LANEWATCH_ALERTS_GROUP": config.database, "LANEWATCH_ALERTS_INSTANCE_ID": instance, **SETTINGS}
    async with running(config, "alerts", **environment) as program:
        yield program


async def subscribe(program: Program, inbox: Inbox) -> str:
    async with httpx.AsyncClient(base_url=program.url, verify=PLAIN) as client:
        answer = await client.post("/v1/subscriptions", json={"name": "n", "url": inbox.url})
    return str(answer.json()["secret"])


async def publish(producer: AIOKafkaProducer, topics: Topics) -> None:
    for sequence in range(1, ALERTS + 1):
        for place, to in enumerate(LANES):
            await producer.send(topics.decisions, lane_changed(to, sequence), partition=place)
    await producer.flush()


async def recorded(config: StackConfig) -> set[str]:
    """Return the deliveries whose acceptance is committed."""
    connection = await asyncpg.connect(config.database_url.replace("+asyncpg", ""))
    try:
        rows = await connection.fetch("SELECT delivery_id FROM alerts.delivery WHERE state = 'delivered'")
    finally:
        await connection.close()
    return {str(row["delivery_id"]) for row in rows}


async def all_recorded(config: StackConfig) -> None:
    async def are() -> bool:
        return len(await recorded(config)) == ALERTS * len(LANES)

    await until(are, "all deliveries to be recorded")


def _have_arrived(inbox: Inbox, count: int) -> bool:
    return len({g.webhook_id for g in inbox.got}) > count


def check(got: Sequence[Got], secret: str) -> Counter[str]:
    """Check what must hold of any course of events, and return how often each delivery arrived."""
    ids = {g.event["id"]: g.webhook_id for g in got}
    assert len(ids) == ALERTS * len(LANES), "an alert was lost"
    assert all(ids[g.event["id"]] == g.webhook_id for g in got), "a delivery changed its id"
    for g in got[:: len(got) // 20]:
        g.verify(secret)
    for to in LANES:
        seen: dict[str, int] = {}
        for g in got:
            if g.event["data"]["lane_id"].endswith(to):
                seen.setdefault(g.webhook_id, g.event["data"]["sequence"])
        assert list(seen.values()) == sorted(seen.values()), "first arrivals of a lane were out of order"
    return Counter(g.webhook_id for g in got)


@pytest.fixture
def inbox(receiver: Receiver) -> Inbox:
    return receiver.inbox(behaviour=slowly)


async def test_killed_thrice_in_the_middle(
    fresh_config: StackConfig, fresh_topics: Topics, producer: AIOKafkaProducer, inbox: Inbox
) -> None:
    may_double: set[str] = set()
    secret = ""
    for kill_at in (0, 70, 140, 210):
        async with alerts(fresh_config) as program:
            if not secret:
                secret = await subscribe(program, inbox)
                await publish(producer, fresh_topics)
            if kill_at < 210:
                await until(partial(_have_arrived, inbox, kill_at + 30), "some deliveries")
                await program.kill()
                await asyncio.sleep(0.1)  # what was on the wire arrives
                may_double |= {g.webhook_id for g in inbox.got} - await recorded(fresh_config)
            else:
                await all_recorded(fresh_config)
    counts = check(inbox.got, secret)
    doubled = {webhook_id for webhook_id, count in counts.items() if count > 1}
    assert doubled <= may_double, "an alert whose acceptance was recorded was sent again"
    assert len(inbox.got) - len(counts) <= 3 * (AT_ONCE + 64)


async def test_stopped_in_the_middle_it_doubles_nothing(
    fresh_config: StackConfig, fresh_topics: Topics, producer: AIOKafkaProducer, inbox: Inbox
) -> None:
    async with alerts(fresh_config) as program:
        secret = await subscribe(program, inbox)
        await publish(producer, fresh_topics)
        await until(lambda: len(inbox.got) > 100, "some deliveries")
        inbox.behaviour, arrived = very_slowly, len(inbox.got)
        await until(lambda: len(inbox.got) >= arrived + AT_ONCE, "requests to be under way")
        program.signal(signal.SIGTERM)
        assert await asyncio.wait_for(program.process.wait(), 10) in (0, -signal.SIGTERM)
    assert len(inbox.got) < ALERTS * len(LANES)
    inbox.behaviour = slowly
    async with alerts(fresh_config):
        await all_recorded(fresh_config)
    assert set(check(inbox.got, secret).values()) == {1}


async def test_paused_beyond_its_lease_it_is_replaced_and_changes_nothing_when_it_wakes(
    fresh_config: StackConfig, fresh_topics: Topics, producer: AIOKafkaProducer, inbox: Inbox
) -> None:
    async with alerts(fresh_config, "one") as one, alerts(fresh_config, "two"):
        secret = await subscribe(one, inbox)
        await publish(producer, fresh_topics)
        await until(lambda: len(inbox.got) > 60, "some deliveries")
        one.signal(signal.SIGSTOP)
        await asyncio.sleep(0.1)
        before = len(inbox.got)
        may_double = {g.webhook_id for g in inbox.got} - await recorded(fresh_config)
        try:
            await until(lambda: len(inbox.got) > before + 30 or len(inbox.got) >= 300, "the other to take over")
        finally:
            one.signal(signal.SIGCONT)
        await all_recorded(fresh_config)
        await until(one.is_ready, "the first to be ready again")
    counts = check(inbox.got, secret)
    doubled = {webhook_id for webhook_id, count in counts.items() if count > 1}
    # A request that was made and not on the wire yet when it fell asleep goes out when it wakes: one of a lane.
    assert len(doubled - may_double) <= AT_ONCE, "what it had not begun to send when it fell asleep was sent twice"
