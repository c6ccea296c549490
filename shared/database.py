"""PostgreSQL as the services use it: one pool, explicit transactions, migrations under a lock."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from shared.errors import RetryableError

_RETRYABLE_STATES = ("08", "53", "57", "58", "40", "55P03", "25P03", "25P04")
"""SQLSTATE classes and codes: connection, resources, operator intervention, system, serialization and
deadlock, a lock not had in time, a transaction ended for idleness or length."""


LOST_CONNECTION = (asyncpg.PostgresConnectionError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""What the driver raises when the server has ended a session meanwhile; the last one when it is told late."""


def make_engine(url: str, application: str, *, pool_size: int = 5, transaction_timeout_s: float = 60) -> AsyncEngine:
    """Return an engine with a small pool; times are UTC, statements are bounded."""
    return create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=5,
        pool_timeout=5,
        # What is bound may be a secret, and errors end in logs and dead letters.
        hide_parameters=True,
        connect_args={
            "timeout": 5,
            "server_settings": {
                "application_name": application,
                "timezone": "UTC",
                "statement_timeout": "60000",
                # Counts even while the server waits for the rest of a statement, when no other limit does.
                "transaction_timeout": str(int(transaction_timeout_s * 1000)),
                "lock_timeout": "8000",
                # A process that was paused in a transaction must not hold its locks against those that took over.
                "idle_in_transaction_session_timeout": "5000",
                "jit": "off",
            },
        },
    )


def is_retryable(error: BaseException) -> bool:
    """Return whether the same statement may succeed later."""
    if isinstance(error, OSError | TimeoutError | PoolTimeoutError | InterfaceError | OperationalError):
        return True
    if isinstance(error, LOST_CONNECTION) or (isinstance(error, DBAPIError) and error.connection_invalidated):
        return True
    # What is told past SQLAlchemy, by COPY for instance, is the driver's own.
    told = error.orig if isinstance(error, DBAPIError) else error
    return str(getattr(told, "sqlstate", None) or "").startswith(_RETRYABLE_STATES)


@asynccontextmanager
async def transaction(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Run a block in one transaction. Raises RetryableError when the database is away or asks for a retry."""
    try:
        async with engine.begin() as connection:
            yield connection
    except Exception as error:
        if is_retryable(error):
            reason = str(getattr(error, "orig", None) or error).splitlines()[0]
            raise RetryableError(f"PostgreSQL is away or busy: {reason}") from error
        raise


async def check_database(engine: AsyncEngine) -> str | None:
    """Return None when the database answers; raises RetryableError otherwise; for health checks."""
    async with transaction(engine) as connection:
        await connection.execute(text("SELECT 1"))
    return None


async def upgrade_schema(engine: AsyncEngine, schema: str, versions: Path) -> None:
    """Bring a service's schema to the newest migration; one process does it, the others wait.

    `versions` is the service's folder of Alembic revisions. Raises RetryableError when the database is away.
    """
    async with transaction(engine) as connection:
        await connection.execute(text("SELECT pg_advisory_xact_lock(hashtext(:s))"), {"s": f"migrate {schema}"})
        await connection.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{schema}"'))
        await connection.run_sync(_upgrade, schema, versions)


def _upgrade(connection: Connection, schema: str, versions: Path) -> None:
    from alembic import command  # noqa: PLC0415 - slow to import and needed once
    from alembic.config import Config  # noqa: PLC0415 - as above

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("version_locations", str(versions))
    config.set_main_option("path_separator", "newline")
    config.attributes.update(connection=connection, schema=schema)
    command.upgrade(config, "head")


async def upgrade_schema_when_up(engine: AsyncEngine, schema: str, versions: Path, *, deadline_s: float = 60) -> None:
    """Call `upgrade_schema` until the database answers; raises RetryableError after `deadline_s`."""
    give_up = time.monotonic() + deadline_s
    while True:
        try:
            return await upgrade_schema(engine, schema, versions)
        except RetryableError:
            if time.monotonic() > give_up:
                raise
            await asyncio.sleep(0.25)
