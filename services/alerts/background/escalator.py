"""Tells a second subscription what nobody acknowledged in time; after a stop it catches up."""

import asyncio
from collections.abc import Callable

import structlog
from prometheus_client import Counter
from sqlalchemy.ext.asyncio import AsyncEngine

from services.alerts.store import escalations
from shared.database import transaction
from shared.errors import RetryableError

log = structlog.get_logger(__name__)

ESCALATED = Counter("lanewatch_alerts_escalated_total", "Alerts that nobody acknowledged in time", ["outcome"])


class Escalator:
    """Looks again and again; any number of processes may do so at once. `on_committed` wakes who sends."""

    def __init__(self, engine: AsyncEngine, every_s: float, on_committed: Callable[[], None]) -> None:
        self.engine = engine
        self.every_s = every_s
        self.on_committed = on_committed

    async def run(self) -> None:
        """Look until cancelled; while the database is away, nothing is told."""
        while True:
            try:
                await self.turn()
            except RetryableError as error:
                log.warning("escalations wait for the database", reason=str(error))
            await asyncio.sleep(self.every_s)

    async def turn(self) -> int:
        """Note what is to be acknowledged, and tell what was not; return how many. Raises RetryableError."""
        after: int | None = 0
        while after is not None:
            async with transaction(self.engine) as connection:
                after = await escalations.look(connection, after)
        async with transaction(self.engine) as connection:
            due = await escalations.due(connection)
            told = [await escalations.escalate(connection, what) for what in due]
        for was_told in told:
            ESCALATED.labels("told" if was_told else "nobody told").inc()
        if due:
            self.on_committed()
        return len(due)
