"""A place of its own on the shared Kafka and PostgreSQL."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from lanewatch.stack import StackConfig, Topics
from lanewatch.stack.postgres import connect, create_database, drop_database
from lanewatch.stack.secrets_key import ensure_secrets_key


@asynccontextmanager
async def fresh(backbone: StackConfig) -> AsyncIterator[StackConfig]:
    """Yield a config with a new database, names of new topics, and new ports for services."""
    name = f"test_{secrets.token_hex(6)}"
    own = StackConfig.for_tests(backbone.state_dir / name)
    config = replace(
        own,
        kafka_port=backbone.kafka_port,
        postgres_port=backbone.postgres_port,
        database=name,
        topics=Topics(**{field: f"{name}.{topic}" for field, topic in vars(Topics()).items()}),
    )
    ensure_secrets_key(config.secrets_key_file)
    connection = await connect(backbone, "postgres")
    try:
        await create_database(connection, name)
        yield config
        await drop_database(connection, name)
    finally:
        await connection.close()


async def replace_by_copy(config: StackConfig, template: str) -> None:
    """Put a copy of another database, which nobody is connected to, in the place of the config's own."""
    connection = await connect(config, "postgres")
    try:
        await drop_database(connection, config.database)
        await connection.execute(f'CREATE DATABASE "{config.database}" TEMPLATE "{template}" STRATEGY wal_log')
    finally:
        await connection.close()
