"""The driver's own connection, for what is called for every alert: the library around it costs more than the call."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.database import is_retryable
from shared.errors import RetryableError


@asynccontextmanager
async def direct(engine: AsyncEngine) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
    """Yield a connection of the pool on which each statement is a transaction of its own.

    Raises RetryableError when the database is away or asks for a retry.
    """
    try:
        async with engine.connect() as pooled:
            connection = (await pooled.get_raw_connection()).driver_connection
            assert isinstance(connection, asyncpg.Connection)  # noqa: S101 - as the engine's URL says
            try:
                yield connection
            finally:
                # The pool cannot know of what is told past it.
                if connection.is_closed():
                    await pooled.invalidate()
    except Exception as error:
        if is_retryable(error):
            raise RetryableError(f"PostgreSQL is away or busy: {str(error).splitlines()[0]}") from error
        raise
