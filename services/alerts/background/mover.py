"""Does what is left of changes and deletions with many deliveries, a portion at a time, whatever process ends."""

import asyncio

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from services.alerts.store import leftovers
from shared.database import transaction
from shared.errors import RetryableError

log = structlog.get_logger(__name__)

SOON_S = 0.01
LATE_S = 0.5


class Mover:
    """Works at what is left of all subscriptions; any number of processes may do so at once."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine

    async def run(self) -> None:
        """Work until cancelled; while the database is away, it waits."""
        while True:
            has_moved = False
            try:
                has_moved = await self.turn()
            except RetryableError as error:
                log.warning("what is left of changes waits for the database", reason=str(error))
            await asyncio.sleep(SOON_S if has_moved else LATE_S)

    async def turn(self) -> bool:
        """Take a portion of what is left of each subscription; return whether any was moved. Raises RetryableError."""
        async with transaction(self.engine) as connection:
            ids = await leftovers.subscriptions(connection)
        has_moved = False
        for subscription_id in ids:
            async with transaction(self.engine) as connection:
                has_moved |= await leftovers.step(connection, subscription_id)
        return has_moved
