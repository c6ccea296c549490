"""PostgreSQL as the services use it: one pool, explicit transactions, migrations under a lock."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from shared.errors import RetryableError

_RETRYABLE_STATES = ("08", "53", "57", "40")
"""SQLSTATE classes: connection, resources, operator intervention, serialization and deadlock."""


def make_engine(url: str, application: str, *, pool_size: int = 5) -> AsyncEngine:
    """Return an engine with a small pool; times are UTC, statements are bounded."""
    return create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=5,
        pool_timeout=5,
        connect_args={
            "timeout": 5,
            "server_settings": {
                "application_name": application,
                "timezone": "UTC",
                "statement_timeout": "60000",
                "lock_timeout": "30000",
                "idle_in_transaction_session_timeout": "60000",
                "jit": "off",
            },
        },
    )


def is_retryable(error: BaseException) -> bool:
    """Return whether the same statement may succeed later."""
    if isinstance(error, OSError | TimeoutError | InterfaceError | OperationalError):
        return True
    if isinstance(error, DBAPIError):
        if error.connection_invalidated:
            return True
        state = getattr(error.orig, "sqlstate", None) or ""
        return str(state)[:2] in _RETRYABLE_STATES
    return isinstance(error, asyncpg.PostgresConnectionError | asyncpg.InterfaceError)


@asynccontextmanager
async def transaction(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Run a block in one transaction. Raises RetryableError when the database is away or asks for a retry."""
    try:
        async with engine.begin() as connection:
            yield connection
    except Exception as error:
        if is_retryable(error):
            raise RetryableError(f"PostgreSQL: {type(error).__name__}: {error}") from error
        raise


async def check_database(engine: AsyncEngine) -> str | None:
    """Return None when the database answers; raises RetryableError otherwise; for health checks."""
    async with transaction(engine) as connection:
        await connection.execute(text("SELECT 1"))
    return None


async def upgrade_schema(engine: AsyncEngine, schema: str, migrations: Path) -> None:
    """Bring a service's schema to the newest migration; one process does it, the others wait.

    `migrations` is the service's Alembic folder. Raises RetryableError when the database is away.
    """
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - half a second of import, here only

    head = ScriptDirectory(str(migrations)).get_current_head()
    async with transaction(engine) as connection:
        await connection.execute(text("SELECT pg_advisory_xact_lock(hashtext(:s))"), {"s": f"migrate {schema}"})
        await connection.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{schema}"'))
        await connection.run_sync(_upgrade, schema, migrations, head)


def _upgrade(connection: object, schema: str, migrations: Path, head: str | None) -> None:
    from alembic.runtime.environment import EnvironmentContext  # noqa: PLC0415 - as above
    from alembic.config import Config  # noqa: PLC0415 - as above
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - as above

    config = Config()
    config.set_main_option("script_location", str(migrations))
    script = ScriptDirectory(str(migrations))

    def steps(revision: object, context: object) -> list[object]:
        return script._upgrade_revs(head or "head", revision)  # type: ignore[arg-type,return-value] # noqa: SLF001 - what alembic.command.upgrade does

    with EnvironmentContext(config, script, fn=steps, destination_rev=head) as environment:  # type: ignore[arg-type]
        environment.configure(connection=connection, version_table_schema=schema, include_schemas=True)  # type: ignore[arg-type]
        environment.run_migrations()


async def retry_until_up(engine: AsyncEngine, schema: str, migrations: Path, *, deadline_s: float = 60) -> None:
    """Call `upgrade_schema` until the database answers; raises RetryableError after `deadline_s`."""
    loop = asyncio.get_running_loop()
    give_up = loop.time() + deadline_s
    while True:
        try:
            return await upgrade_schema(engine, schema, migrations)
        except RetryableError:
            if loop.time() > give_up:
                raise
            await asyncio.sleep(0.25)
