"""A database with millions of past deliveries, kept between runs: filling it takes minutes."""

import hashlib

import asyncpg

from benchmarks.ground import ensure_database
from lanewatch.stack import StackConfig
from services.alerts.store import SCHEMA, VERSIONS
from shared.database import make_engine, upgrade_schema

ENDPOINTS = 1000
CHUNK = 500_000
_SUBSCRIPTIONS = """INSERT INTO alerts.subscription (subscription_id, name, url, filter, exporters, kinds, min_severity)
    SELECT lpad(to_hex(n), 32, '0')::uuid, 'past', 'http://127.0.0.1:9999/' || n, '{}', '{}', '{}', 0
    FROM generate_series(1, $1) n"""
_ALERTS = """INSERT INTO alerts.alert (source, id, kind, severity, lane, happened_at, body)
    SELECT '/past', n::text, 'lanewatch.lane.changed', 'info', 'past-' || n % 500, now(),
        convert_to(repeat('x', 700), 'UTF8')
    FROM generate_series(1, $1) n"""
_DELIVERIES = """INSERT INTO alerts.delivery (subscription_id, alert_no, state, order_key, attempts, first_attempt_at,
        last_attempt_at, settled_at)
    SELECT lpad(to_hex(1 + n % $3), 32, '0')::uuid, 1 + n / $3, 'delivered', 'past-' || (1 + n / $3) % 500, 1,
        now(), now(), now()
    FROM generate_series($1::bigint, $2::bigint - 1) n"""
_ATTEMPTS = """INSERT INTO alerts.attempt (delivery_id, number, started_at, duration_ms, status)
    SELECT delivery_id, 1, now(), 1.5, 204 FROM alerts.delivery"""


async def stock(config: StackConfig, count: int) -> str:
    """Return the name of a database with so many past deliveries, each with its attempt; fill it the first time."""
    schema = "".join(sorted(path.read_text() for path in VERSIONS.glob("0*.py")))
    name = f"alerts_past_{count}_{hashlib.sha256(schema.encode()).hexdigest()[:8]}"
    config = await ensure_database(config, name)
    engine = make_engine(config.database_url, "benchmark")
    await upgrade_schema(engine, SCHEMA, VERSIONS)
    await engine.dispose()
    connection = await asyncpg.connect(config.database_url.replace("+asyncpg", ""))
    try:
        await connection.execute("SET synchronous_commit = off")
        if not await connection.fetchval("SELECT count(*) FROM alerts.attempt"):
            await _fill(connection, count)
    finally:
        await connection.close()
    return name


async def _fill(connection: asyncpg.Connection, count: int) -> None:
    print(f"filling {count:,} past deliveries", flush=True)
    await connection.execute("TRUNCATE alerts.delivery, alerts.alert; DELETE FROM alerts.subscription")
    await connection.execute(_SUBSCRIPTIONS, ENDPOINTS)
    await connection.execute(_ALERTS, 1 + count // ENDPOINTS)
    for start in range(0, count, CHUNK):
        await connection.execute(_DELIVERIES, start, min(count, start + CHUNK), ENDPOINTS)
        print(f"  {min(count, start + CHUNK):,}", flush=True)
    await connection.execute(_ATTEMPTS)
    await connection.execute("VACUUM ANALYZE alerts.delivery, alerts.attempt, alerts.alert")
