"""Publishes dead letters to their topic: one process at a time, in order, at least once."""

import asyncio

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.database import transaction
from shared.errors import RetryableError
from shared.kafka import make_producer, stop_client
from shared.waiting import wait

log = structlog.get_logger(__name__)

AT_ONCE = 100
POLL_S = 5.0
BACKOFF_S = 0.5

# The lock lasts as long as the transaction: two processes never publish the same letters side by side.
_UNPUBLISHED = text("""
SELECT dead_letter_no, topic, partition, kafka_offset, key, body, reason, pointer FROM alerts.dead_letter
WHERE published_at IS NULL AND pg_try_advisory_xact_lock(hashtext('alerts.dead_letter'))
ORDER BY dead_letter_no LIMIT :at_once""")
_PUBLISHED = text("""
UPDATE alerts.dead_letter SET published_at = clock_timestamp()
WHERE dead_letter_no = ANY (CAST(:numbers AS bigint[]))""")


class DeadLetterPublisher:
    """Sends each dead letter as it came, with what is wrong with it in the headers."""

    def __init__(self, engine: AsyncEngine, bootstrap: str, topic: str) -> None:
        self.engine = engine
        self.bootstrap = bootstrap
        self.topic = topic
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Look for dead letters now."""
        self._wake.set()

    async def run(self) -> None:
        """Publish until cancelled; what could not be published is tried again."""
        while True:
            producer = make_producer(self.bootstrap, "alerts-dead-letters")
            try:
                await producer.start()
                await self._publish_all(producer)
            except (KafkaError, RetryableError) as error:
                log.warning("dead letters wait", reason=str(error))
                await asyncio.sleep(BACKOFF_S)
            finally:
                await stop_client(producer)

    async def _publish_all(self, producer: AIOKafkaProducer) -> None:
        while True:
            self._wake.clear()
            async with transaction(self.engine) as connection:
                count = await self._publish_some(connection, producer)
            if count < AT_ONCE:
                await wait(self._wake, POLL_S)

    async def _publish_some(self, connection: AsyncConnection, producer: AIOKafkaProducer) -> int:
        letters = (await connection.execute(_UNPUBLISHED, {"at_once": AT_ONCE})).all()
        sent = [
            await producer.send(self.topic, key=letter.key, value=letter.body, headers=headers(letter))
            for letter in letters
        ]
        for acknowledgement in sent:
            await acknowledgement
        if letters:
            await connection.execute(_PUBLISHED, {"numbers": [letter.dead_letter_no for letter in letters]})
        return len(letters)


def headers(letter: Row[tuple[object, ...]]) -> list[tuple[str, bytes]]:
    """Return where a dead letter comes from and why it is dead."""
    named = {
        "reason": letter.reason,
        "pointer": letter.pointer or "",
        "origin": f"{letter.partition}:{letter.kafka_offset}",
    }
    return [(name, value.encode()) for name, value in named.items()]
