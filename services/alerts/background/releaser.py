"""Tells what had to wait, when its time has come: alerts after quiet hours, and digests."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import groupby

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from services.alerts.domain.digests import Item, digest_of
from services.alerts.store import releases
from services.alerts.store.intake import NewAlert
from services.alerts.store.releases import AT_ONCE
from shared.cloudevents import Event, write
from shared.database import transaction
from shared.errors import RetryableError
from shared.events import AlertsGathered

log = structlog.get_logger(__name__)

EVERY_S = 1.0


class Releaser:
    """Looks for what has come due; any number of processes may. `on_committed`: there may be something to send."""

    def __init__(self, engine: AsyncEngine, on_committed: Callable[[], None]) -> None:
        self.engine = engine
        self.on_committed = on_committed

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            count = 0
            try:
                count = await self.release()
            except RetryableError as error:
                log.warning("what waits to be told waits for the database", reason=str(error))
            if count < AT_ONCE:
                await asyncio.sleep(EVERY_S)

    async def release(self) -> int:
        """Make due what is to be told now, and return of how many subscriptions. Raises RetryableError."""
        async with transaction(self.engine) as connection:
            ids = await releases.due(connection)
            if not ids:
                return 0
            await releases.release(connection, ids)
            now = datetime.now(UTC)
            found = await releases.gathered(connection, ids)
            for subscription_id, each in groupby(found, key=lambda gathered: gathered.subscription_id):
                told = list(each)
                digest = digest_of(subscription_id, [Item(*one[1:5]) for one in told], now)
                await releases.tell(connection, told, _alert(digest, told[0].tenant))
            await releases.go_on(connection, ids)
        self.on_committed()
        return len(ids)


def _alert(digest: Event[AlertsGathered], tenant: str) -> NewAlert:
    data, body = digest.data, write(digest)
    return NewAlert(
        digest.source, digest.id, digest.type, data.severity, None, digest.time, body, data.scope, tenant=tenant
    )
