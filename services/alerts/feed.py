"""Wakes those who wait for a subscription's next alert: one look at the database for all that wait, when one comes."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from services.alerts.places import Places
from services.alerts.store import pulls
from shared.database import transaction
from shared.errors import RetryableError
from shared.waiting import wait

log = structlog.get_logger(__name__)

POLL_S = 5.0
"""What a notification that was lost costs."""


class Watcher:
    """Someone who waits for a number above `after`; `news` is set when there is one, or to leave."""

    def __init__(self, after: int) -> None:
        self.after = after
        self.news = asyncio.Event()


class Feed:
    """Knows who waits; `wake` when there may be news, `leave` when the process is to stop."""

    def __init__(self, engine: AsyncEngine, places: Places) -> None:
        self.engine = engine
        self.places = places
        self.is_leaving = False
        self._watchers: dict[UUID, set[Watcher]] = {}
        self._wake = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def wake(self) -> None:
        """Look for news now."""
        self._wake.set()

    def leave(self) -> None:
        """Let all that wait go; may be called from a signal's handler."""
        self.is_leaving = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._let_go)

    def _let_go(self) -> None:
        for watchers in self._watchers.values():
            for watcher in watchers:
                watcher.news.set()

    @contextmanager
    def watching(self, subscription_id: UUID, after: int, tenant: str) -> Iterator[Watcher]:
        """Yield a watcher that hears of numbers above its `after`, from then on or already there.

        Raises CallerError when the tenant, or all together, watch too many.
        """
        with self.places.taken(tenant):
            watcher = Watcher(after)
            watchers = self._watchers.setdefault(subscription_id, set())
            watchers.add(watcher)
            self.wake()
            try:
                yield watcher
            finally:
                watchers.discard(watcher)
                if not watchers:
                    self._watchers.pop(subscription_id, None)

    async def run(self) -> None:
        """Look until cancelled."""
        self._loop = asyncio.get_running_loop()
        while True:
            await wait(self._wake, POLL_S)
            self._wake.clear()
            try:
                await self._look()
            except RetryableError as error:
                log.warning("streams wait for the database", reason=str(error))

    async def _look(self) -> None:
        if not self._watchers:
            return
        async with transaction(self.engine) as connection:
            last = await pulls.last_of(connection, list(self._watchers))
        for subscription_id, watchers in self._watchers.items():
            for watcher in watchers:
                # One whose subscription is gone is to find that out.
                if last.get(subscription_id, watcher.after + 1) > watcher.after:
                    watcher.news.set()
