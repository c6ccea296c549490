"""Hears PostgreSQL's notifications, so that what another process recorded is acted on at once."""

import asyncio
from collections.abc import Callable, Mapping

import asyncpg
import structlog
from sqlalchemy import make_url

from shared.database import LOST_CONNECTION

log = structlog.get_logger(__name__)

RECONNECT_S = 0.5


class Listener:
    """Calls a function for each notification on its channel, and each once whenever it has reconnected.

    Those who hear are told what the notification says, which is nothing after a reconnection.
    """

    def __init__(
        self,
        database_url: str,
        wakes: Mapping[str, Callable[[], None]],
        hearers: Mapping[str, Callable[[str], None]],
    ) -> None:
        self.dsn = make_url(database_url).set(drivername="postgresql").render_as_string(hide_password=False)
        self.on_notified = {channel: _deaf(wake) for channel, wake in wakes.items()} | dict(hearers)

    async def run(self) -> None:
        """Listen until cancelled. While the database is away, those who wait look for themselves."""
        while True:
            try:
                await self._listen()
            except (OSError, TimeoutError, asyncpg.PostgresError, *LOST_CONNECTION) as error:
                log.debug("not listening", reason=str(error))
            await asyncio.sleep(RECONNECT_S)

    async def _listen(self) -> None:
        connection = await asyncpg.connect(self.dsn, timeout=5)
        try:
            closed = asyncio.Event()
            connection.add_termination_listener(lambda _: closed.set())
            for channel, act in self.on_notified.items():
                await connection.add_listener(channel, lambda *told, act=act: act(told[-1]))
                act("")
            await closed.wait()
        finally:
            connection.terminate()


def _deaf(wake: Callable[[], None]) -> Callable[[str], None]:
    return lambda _: wake()
