"""Four worker processes race on one licence and one quota; what they did follows from the record, to the byte.

`make soak` has them race for 20,000 shipments.
"""

import os
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest
from aiokafka import AIOKafkaProducer

from lanewatch.stack import StackConfig, Topics
from shared.kafka import make_producer
from tests.faults.licensing.test_licensing_faults import REPLAY, publish_many, settled
from tests.support.fresh import fresh
from tests.support.kept import Kept, books, books_in_memory, worked_out_from_the_record
from tests.support.running import running
from tests.support.topics import publish
from tests.support.trade import declared, licence, quota, regime

pytestmark = pytest.mark.timeout(400)

SHIPMENTS = int(os.environ.get("RACE", "5000"))
LICENCE_KG, QUOTA_KG = SHIPMENTS * 9 // 2, SHIPMENTS * 7 // 2


@pytest.fixture
async def producer(fresh_config: StackConfig, fresh_topics: Topics) -> AsyncIterator[AIOKafkaProducer]:
    producer = make_producer(fresh_config.bootstrap, "test")
    await producer.start()
    yield producer
    await producer.stop()


def shipments() -> list[bytes]:
    """About twice what the quota has, in a random order; half of it one kilogram each, so that nothing need be left."""
    chance = random.Random(20250404)  # noqa: S311 - a reproducible order, no secret
    masses = [chance.choice((1, 1, 1, 1, 2, 5, 10, 25)) for _ in range(SHIPMENTS)]
    return [declared(f"S{n}", licence_id="L-1", kg=str(kg)) for n, kg in enumerate(masses)]


def granted_kg(found: Kept, account_id: str) -> int:
    return int(sum(row[4] for row in found["ledger_entry"] if row[0] == account_id)) // 10**6


async def with_workers(config: StackConfig, count: int, records: int) -> Kept:
    """Read the whole topic with so many processes into the config's database."""
    async with AsyncExitStack() as stack:
        environment = {**REPLAY, "LANEWATCH_LICENSING_GROUP": config.database}
        programs = [await stack.enter_async_context(running(config, "licensing", **environment)) for _ in range(count)]
        await settled(programs[0], records, deadline_s=180)
    return await books(config)


async def test_four_processes_grant_exactly_as_much_as_one_and_not_a_gram_more(
    backbone: StackConfig, fresh_config: StackConfig, fresh_topics: Topics, producer: AIOKafkaProducer
) -> None:
    opening = [regime(), licence(kg=str(LICENCE_KG)), quota(kg=str(QUOTA_KG))]
    await publish(producer, fresh_topics, *opening)
    async with running(fresh_config, "licensing", **REPLAY, LANEWATCH_LICENSING_GROUP=fresh_config.database) as first:
        await settled(first, len(opening))
    await publish_many(producer, fresh_topics, shipments())
    four = await with_workers(fresh_config, 4, SHIPMENTS + len(opening))
    async with fresh(backbone) as other:
        one = await with_workers(replace(other, topics=fresh_config.topics), 1, SHIPMENTS + len(opening))
    assert granted_kg(four, "quota:Q-1") == granted_kg(one, "quota:Q-1") == QUOTA_KG
    assert granted_kg(four, "licence:L-1:1") == granted_kg(one, "licence:L-1:1") == QUOTA_KG
    assert len(four["decision"]) == len(one["decision"]) == SHIPMENTS
    again = books_in_memory(await worked_out_from_the_record(fresh_config))
    for table, rows in four.items():
        assert again[table] == rows, table
