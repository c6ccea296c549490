"""The ground that benchmarks stand on: a Kafka and a PostgreSQL of their own, fresh databases, filled topics."""

import secrets
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from lanewatch.stack import Stack, StackConfig, Topics
from lanewatch.stack.kafka import installed
from lanewatch.stack.postgres import connect, create_database, drop_database
from lanewatch.stack.topics import create_topics
from shared.cloudevents import entity_key, read_trade_event
from shared.kafka import producing

FIRST_TIMESTAMP_MS = 1_750_000_000_000


@asynccontextmanager
async def ground(folder: Path) -> AsyncIterator[StackConfig]:
    """Run Kafka and PostgreSQL on free ports, durable as in production. Databases are kept, topics are not."""
    shutil.rmtree(folder / "data" / "kafka", ignore_errors=True)
    config = replace(StackConfig.for_tests(folder), services=(), is_durable=True, clock="replay")
    async with Stack(config, kafka=installed(lambda what, *_: print(what, flush=True))):
        yield config


@asynccontextmanager
async def fresh_database(config: StackConfig) -> AsyncIterator[StackConfig]:
    """Yield the config with a database of its own, which is gone afterwards."""
    name = f"bench_{secrets.token_hex(4)}"
    await ensure_database(config, name)
    yield replace(config, database=name)
    connection = await connect(config, "postgres")
    await drop_database(connection, name)
    await connection.close()


async def ensure_database(config: StackConfig, name: str) -> StackConfig:
    """Create the database unless it is there, and return the config with it."""
    connection = await connect(config, "postgres")
    await create_database(connection, name)
    await connection.close()
    return replace(config, database=name)


async def filled(config: StackConfig, name: str, bodies: Sequence[bytes], *, in_order: bool = False) -> StackConfig:
    """Return the config with topics of its own, the events' one filled as ingest does it, a millisecond an event.

    `in_order`: all in one partition, for a consumer that does not merge several.
    """
    topics = Topics(**{field: f"{name}.{topic}" for field, topic in vars(Topics()).items()})
    await create_topics(config.bootstrap, topics)
    async with producing(config.bootstrap, "benchmark") as producer:
        for number, body in enumerate(bodies):
            key = b"all" if in_order else entity_key(read_trade_event(body)).encode()
            await producer.send(topics.events, body, key=key, timestamp_ms=FIRST_TIMESTAMP_MS + number)
        await producer.flush()
    return replace(config, topics=topics)
