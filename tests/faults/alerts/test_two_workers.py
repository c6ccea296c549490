"""Two processes deliver; either is killed again and again, the database too: nothing is lost, doubles are counted.

`KILLS` in the environment says how often; `make soak` kills more often than `make test`.
"""

import asyncio
import os
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import httpx
import pytest
from aiokafka import AIOKafkaProducer

from lanewatch.stack import Stack, StackConfig
from lanewatch.stack.kafka import Kafka
from lanewatch.stack.topics import create_topics
from shared.kafka import producing
from tests.faults.alerts.test_kills import recorded, slowly
from tests.integration.alerts.receiver import Inbox, Receiver
from tests.integration.alerts.service import lane_changed
from tests.support.plain import PLAIN
from tests.support.running import Program, running, until

KILLS = int(os.environ.get("KILLS", "4"))
ENDPOINTS = 6
LANES = ("DE", "FR", "JP")
SEQUENCES = 12 * KILLS
ALL = ENDPOINTS * len(LANES) * SEQUENCES
UNDER_WAY = ENDPOINTS * len(LANES)
"""Of a lane to an endpoint one request at most."""
SETTINGS = {"LANEWATCH_ALERTS_LEASE_S": "3", "LANEWATCH_ALERTS_POLL_S": "0.1"}


@pytest.fixture
async def own_stack(kafka: Kafka) -> AsyncIterator[Stack]:
    """Kafka and PostgreSQL that no other test uses, to be killed."""
    with tempfile.TemporaryDirectory(prefix="lanewatch-") as folder:
        config = replace(StackConfig.for_tests(Path(folder)), services=())
        async with Stack(config, kafka=kafka) as stack:
            await create_topics(config.bootstrap, config.topics)
            yield stack


@asynccontextmanager
async def worker(config: StackConfig, name: str) -> AsyncIterator[Program]:
    async with running(config, "alerts", LANEWATCH_ALERTS_INSTANCE_ID=name, **SETTINGS) as program:
        yield program


async def publish(producer: AIOKafkaProducer, config: StackConfig) -> None:
    for sequence in range(1, SEQUENCES + 1):
        for place, to in enumerate(LANES):
            await producer.send(config.topics.decisions, lane_changed(to, sequence), partition=place)
    await producer.flush()


def arrived(inboxes: list[Inbox]) -> Counter[str]:
    return Counter(got.webhook_id for inbox in inboxes for got in inbox.got)


def check_order(inbox: Inbox) -> None:
    """First arrivals of a lane come in its order."""
    for to in LANES:
        seen: dict[str, int] = {}
        for got in inbox.got:
            if got.event["data"]["lane_id"].endswith(to):
                seen.setdefault(got.webhook_id, got.event["data"]["sequence"])
        assert list(seen.values()) == list(range(1, SEQUENCES + 1))


@pytest.mark.timeout(60 + 15 * KILLS)
async def test_nothing_is_lost_and_only_what_was_not_recorded_arrives_twice(
    own_stack: Stack, receiver: Receiver
) -> None:
    config = own_stack.config
    inboxes = [receiver.inbox(f"inbox-{n}", slowly) for n in range(ENDPOINTS)]
    may_double: set[str] = set()
    kills: Counter[str] = Counter()
    async with AsyncExitStack() as alive, producing(config.bootstrap, "tests") as producer:
        workers = {name: await alive.enter_async_context(worker(config, name)) for name in ("one", "two")}
        async with httpx.AsyncClient(base_url=workers["one"].url, verify=PLAIN) as client:
            for inbox in inboxes:
                (await client.post("/v1/subscriptions", json={"name": "n", "url": inbox.url})).raise_for_status()
        await publish(producer, config)
        for number in range(KILLS):
            goal = ALL * (number + 1) // (KILLS + 2)
            await until(partial(_have_arrived, inboxes, goal), "some deliveries")
            victim = ("one", "database", "two")[number % 3]
            before = await recorded(config)
            if victim == "database":
                own_stack["postgres"].kill()
                await asyncio.sleep(0.1)
                may_double |= set(arrived(inboxes)) - before
                await own_stack["postgres"].wait_ready()
            else:
                await workers[victim].kill()
                await asyncio.sleep(0.1)  # what was on the wire arrives
                may_double |= set(arrived(inboxes)) - before
                workers[victim] = await alive.enter_async_context(worker(config, victim))
            kills[victim] += 1
        await until(lambda: _all_recorded(config), "all deliveries to be recorded", 60)
    counts = arrived(inboxes)
    assert len(counts) == ALL, "an alert was lost"
    for inbox in inboxes:
        check_order(inbox)
    doubled = {webhook_id for webhook_id, count in counts.items() if count > 1}
    print(f"{ALL} deliveries, killed {dict(kills)}: {len(doubled)} arrived twice, {counts.total() - ALL} too many")  # noqa: T201 - `make soak` shows it
    assert doubled <= may_double, "an alert whose acceptance was recorded was sent again"
    # A process has so many under way, and as many answered that are being recorded.
    assert counts.total() - ALL <= KILLS * 2 * 64 * ENDPOINTS


def _have_arrived(inboxes: list[Inbox], count: int) -> bool:
    return len(arrived(inboxes)) > count


async def _all_recorded(config: StackConfig) -> bool:
    return len(await recorded(config)) == ALL
