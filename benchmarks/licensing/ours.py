"""Licensing's own worker: its consumer and its handler, from topic to database, until so many events are done."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import uvloop
from sqlalchemy.ext.asyncio import AsyncEngine

import services.licensing
from benchmarks.worker import Clock, Outcome, tell
from services.licensing.consumer import EventHandler
from services.licensing.domain.policy import read_policy
from services.licensing.settings import LicensingSettings
from shared.consumption import Advance, BatchConsumer, DeadLetterLimit, Handler, Record
from shared.database import make_engine, upgrade_schema
from shared.kafka import make_consumer, start_when_up, stop_client
from shared.running import collect_less
from shared.telemetry import configure_logging

VERSIONS = Path(services.licensing.__file__).parent / "store" / "versions"


class Counting:
    """A handler that passes everything on and knows when so many records are done."""

    def __init__(self, inner: Handler, records: int) -> None:
        self.inner = inner
        self.left = records
        self.dead = 0
        self.clock: Clock | None = None
        """It starts with the first records in hand: how long a consumer takes to join its group is not asked."""
        self.is_done = asyncio.Event()

    async def positions(self, partitions: Sequence[int]) -> dict[int, int]:
        """Return the stored offset of each partition."""
        return await self.inner.positions(partitions)

    async def handle(self, records: Sequence[Record], advance: Advance) -> int:
        """Pass the records on and count them."""
        self.clock = self.clock or Clock()
        dead = await self.inner.handle(records, advance)
        self._count(len(records), dead)
        return dead

    async def bury(self, record: Record, error: Exception, advance: Advance) -> None:
        """Pass the record on and count it."""
        await self.inner.bury(record, error, advance)
        self._count(1, 1)

    def _count(self, records: int, dead: int) -> None:
        self.left -= records
        self.dead += dead
        if self.left <= 0:
            self.is_done.set()


def make_handler(engine: AsyncEngine, settings: LicensingSettings) -> EventHandler:
    """Return the handler as the service makes it."""
    policy = read_policy(settings.licensing_policy.read_bytes())
    topics = (settings.topic_decisions, settings.topic_dead_letters_licensing)
    return EventHandler(engine, policy, settings.topic_events, topics)


async def drain(settings: LicensingSettings, handler: EventHandler, events: int) -> Outcome:
    """Read the topic with one worker until so many events are done. Raises RuntimeError when it stops before."""
    counting = Counting(handler, events)
    name = "lanewatch-licensing"
    consumer = await start_when_up(lambda: make_consumer(settings.kafka_bootstrap, settings.licensing_group, name))
    reader = BatchConsumer(
        consumer,
        settings.topic_events,
        counting,
        max_records=settings.licensing_max_batch,
        limit=DeadLetterLimit(settings.licensing_dead_letter_share, counts_refused=False),
        look_at=handler.look_at,
    )
    reading = asyncio.create_task(reader.run())
    done = asyncio.create_task(counting.is_done.wait())
    await asyncio.wait([reading, done], return_when=asyncio.FIRST_COMPLETED)
    outcome = (counting.clock or Clock()).outcome(events)
    reader.stop()
    await reading
    await stop_client(consumer)
    if not done.done() or counting.dead:
        raise RuntimeError(f"{counting.left} events were left, {counting.dead} died: {reader.halted}")
    return outcome


async def main(events: int) -> None:
    """Drain the topic of the environment's settings into its database."""
    settings = LicensingSettings()
    configure_logging("licensing", settings.log_level)
    engine = make_engine(settings.database_url, "lanewatch-licensing", transaction_timeout_s=10)
    await upgrade_schema(engine, "licensing", VERSIONS)
    collect_less()
    tell(await drain(settings, make_handler(engine, settings), events))
    await engine.dispose()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
