"""What it costs to match one alert when there are many subscriptions of which few want it: `matching TOTAL ALERTS`."""

import asyncio
import sys
import time
from statistics import median
from typing import cast

import uvloop
from sqlalchemy import text

from benchmarks.alerts.load import Maker
from benchmarks.worker import Outcome, tell
from services.alerts.consumer import read_batch
from services.alerts.settings import AlertsSettings
from services.alerts.store import SCHEMA, VERSIONS, taking
from services.alerts.store.direct import direct
from shared.consumption import Record
from shared.database import make_engine, transaction, upgrade_schema

MATCHING = 10
TOPIC = "benchmark"
_FILL = (
    """INSERT INTO alerts.subscription (subscription_id, name, url, filter, exporters, kinds, min_severity)
    SELECT lpad(to_hex(n), 32, '0')::uuid, 'n', 'http://127.0.0.1:9999/' || n, '{}', '{}', '{}', 0
    FROM generate_series(1, :total) n""",
    "INSERT INTO alerts.consumer_offset (topic, partition, next_offset) SELECT 'benchmark', 0, 0 WHERE :total > 0",
    # The others share the place, and each the goods with nine more.
    """INSERT INTO alerts.filter_key (commodity_group, origin, destination, subscription_id)
    SELECT CASE WHEN n % :every = 0 THEN 'magnets' ELSE 'others-' || n / 10 END, 'CN',
    CASE WHEN n % 3 = 0 THEN '*' ELSE 'DE' END, lpad(to_hex(n), 32, '0')::uuid FROM generate_series(1, :total) n""",
    """INSERT INTO alerts.queue (subscription_id, is_open) SELECT lpad(to_hex(n), 32, '0')::uuid, false
    FROM generate_series(1, :total) n""",
)


class _Value:
    """A record as far as it is read."""

    def __init__(self, value: bytes) -> None:
        self.value, self.key, self.partition, self.offset = value, b"lane", 0, 0
        self.headers, self.timestamp = (), 0


async def run(total: int, alerts: int) -> None:
    """Fill the tables, then take alerts in one by one, as the service does; tells the median as seconds."""
    engine = make_engine(AlertsSettings().database_url, "benchmark", transaction_timeout_s=3600)
    await upgrade_schema(engine, SCHEMA, VERSIONS)
    async with engine.connect() as plain:
        connection = await plain.execution_options(isolation_level="AUTOCOMMIT")
        await connection.execute(text("SET statement_timeout = 0"))
        for statement in _FILL:
            await connection.execute(text(statement), {"total": total, "every": total // MATCHING})
        await connection.execute(text("VACUUM ANALYZE alerts.filter_key, alerts.subscription, alerts.queue"))
    maker = Maker()
    taken_s = []
    for number in range(alerts):
        batch = read_batch([cast("Record", _Value(maker.make()))])
        start = time.perf_counter()
        async with direct(engine) as line:
            advance = {0: (number, number + 1)}
            taken = await taking.take_in(line, TOPIC, advance, [*batch.alerts.values()], batch.lanes, None)
        taken_s.append(time.perf_counter() - start)
        if taken is None:
            raise ValueError("it was not taken in by one call")
        await asyncio.sleep(0)
    async with transaction(engine) as connection:
        matched = (await connection.execute(text("SELECT count(*) FROM alerts.delivery"))).scalar_one()
    if matched != MATCHING * alerts:
        raise ValueError(f"{matched} deliveries of {MATCHING * alerts}")
    await engine.dispose()
    tell(Outcome(1, median(taken_s), 0.0))


if __name__ == "__main__":
    uvloop.run(run(int(sys.argv[1]), int(sys.argv[2])))
