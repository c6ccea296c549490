"""Kafka as the services use it: producers that never lose, consumers that never commit by themselves."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError

Client = TypeVar("Client", AIOKafkaProducer, AIOKafkaConsumer)

REQUEST_TIMEOUT_MS = 10_000
SESSION_TIMEOUT_MS = 6_000
HEARTBEAT_INTERVAL_MS = 1_000
REBALANCE_TIMEOUT_MS = 15_000
MAX_POLL_INTERVAL_MS = 60_000
FETCH_MAX_WAIT_MS = 20
STOP_WITHIN_S = 5.0
MAX_RECORD_BYTES = 1_040_000
"""Below the broker's own limit (`message.max.bytes`), so that what is too large is refused here, with a name."""


def make_producer(bootstrap: str, client_id: str) -> AIOKafkaProducer:
    """Return an idempotent producer, acks=all, that sends at once; the caller starts and stops it."""
    return AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        client_id=client_id,
        enable_idempotence=True,
        acks="all",
        linger_ms=0,
        max_batch_size=262_144,
        max_request_size=MAX_RECORD_BYTES,
        request_timeout_ms=REQUEST_TIMEOUT_MS,
        retry_backoff_ms=100,
    )


def make_consumer(bootstrap: str, group: str, client_id: str, *, instance_id: str | None = None) -> AIOKafkaConsumer:
    """Return a consumer whose group only shares out partitions: offsets live in the service's database."""
    return AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        group_id=group,
        client_id=client_id,
        group_instance_id=instance_id,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        session_timeout_ms=SESSION_TIMEOUT_MS,
        heartbeat_interval_ms=HEARTBEAT_INTERVAL_MS,
        rebalance_timeout_ms=REBALANCE_TIMEOUT_MS,
        max_poll_interval_ms=MAX_POLL_INTERVAL_MS,
        fetch_max_wait_ms=FETCH_MAX_WAIT_MS,
        request_timeout_ms=REQUEST_TIMEOUT_MS,
        metadata_max_age_ms=30_000,
    )


async def start_when_up(make: Callable[[], Client]) -> Client:
    """Return a started client; waits for a broker that is away, with a fresh client for each try."""
    while True:
        client = make()
        try:
            await client.start()
        except (KafkaError, OSError):
            await stop_client(client)
            await asyncio.sleep(0.25)
        else:
            return client


async def stop_client(client: AIOKafkaProducer | AIOKafkaConsumer, within_s: float = STOP_WITHIN_S) -> None:
    """Stop a client; one that waits for a broker that is away is left after a while."""
    with suppress(TimeoutError, KafkaError):
        async with asyncio.timeout(within_s):
            await client.stop()


@asynccontextmanager
async def producing(bootstrap: str, client_id: str) -> AsyncIterator[AIOKafkaProducer]:
    """Yield a started producer and stop it afterwards. After an error take a new one.

    An idempotent producer that gave a record up waits for its number for ever.
    """
    producer = await start_when_up(lambda: make_producer(bootstrap, client_id))
    try:
        yield producer
    finally:
        await stop_client(producer)


async def check_broker(client: AIOKafkaProducer | AIOKafkaConsumer, topics: Iterable[str]) -> str | None:
    """Return None when the broker answers and knows the topics, else the reason; for health checks."""
    try:
        known = await asyncio.wait_for(_known_topics(client), 1.5)
    except (KafkaError, OSError, TimeoutError) as error:
        return f"Kafka does not answer: {type(error).__name__}"
    missing = [name for name in topics if name not in known]
    return f"topics missing: {', '.join(missing)}" if missing else None


async def _known_topics(client: AIOKafkaProducer | AIOKafkaConsumer) -> set[str]:
    if isinstance(client, AIOKafkaConsumer):
        return set(await client.topics())
    cluster = await client.client.fetch_all_metadata()
    return {name for name in cluster.topics() if cluster.partitions_for_topic(name)}
