"""Brings recoveries on: hands past deliveries to the queue, a portion at a time, while there are any."""

import asyncio

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from services.alerts.store import recoveries
from shared.database import transaction
from shared.errors import RetryableError
from shared.waiting import wait

log = structlog.get_logger(__name__)

SOON_S = 0.05
LATE_S = 1.0


class Recoverer:
    """Works at all recoveries that go on; any number of processes may do so at once."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Look for recoveries now."""
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled; while the database is away, recoveries wait for it."""
        pause_s = SOON_S
        while True:
            self._wake.clear()
            try:
                has_moved = await self.turn()
            except RetryableError as error:
                log.warning("recoveries wait for the database", reason=str(error))
                has_moved = False
            pause_s = SOON_S if has_moved else min(LATE_S, pause_s * 2)
            await wait(self._wake, pause_s)

    async def turn(self) -> bool:
        """Bring each recovery on by a step; return whether any moved. Raises RetryableError."""
        async with transaction(self.engine) as connection:
            jobs = await recoveries.active(connection)
        has_moved = False
        for job in jobs:
            async with transaction(self.engine) as connection:
                has_moved |= await recoveries.step(connection, job)
        return has_moved
