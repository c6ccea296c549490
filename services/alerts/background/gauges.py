"""Keeps the gauges current that are counted and not noted in passing."""

import asyncio

from aiokafka.errors import KafkaError
from sqlalchemy.ext.asyncio import AsyncEngine

from services.alerts.metrics import BACKLOG, LAG, WAITING
from services.alerts.store import reads
from shared.consumption import BatchConsumer
from shared.database import transaction
from shared.errors import RetryableError

EVERY_S = 5.0


async def watch_gauges(engine: AsyncEngine, reader: BatchConsumer) -> None:
    """Count until cancelled; while a dependency is away the last counts stand."""
    while True:
        try:
            LAG.set(await reader.lag())
            async with transaction(engine) as connection:
                due, waiting = await reads.backlog(connection)
            BACKLOG.set(due)
            WAITING.set(waiting)
        except (RetryableError, KafkaError, TimeoutError):
            pass
        await asyncio.sleep(EVERY_S)
