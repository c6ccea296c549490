"""Deliveries and events a second of one process, beside a plain client."""

import asyncio
import time

from benchmarks.alerts.load import Maker
from benchmarks.alerts.system import System, receiving, serving
from benchmarks.worker import Outcome, run_worker
from lanewatch.stack import StackConfig

# Nothing of this is a step of the service's own: it stands for a person who resumes all subscriptions at once.
_PAUSE = "UPDATE alerts.queue SET is_open = false"
_RESUME = """UPDATE alerts.queue SET is_open = true, due_at = clock_timestamp(), rests_until = NULL;
    NOTIFY lanewatch_alerts_due"""
_FORGET = "DELETE FROM alerts.filter_key; DELETE FROM alerts.queue"
"""Those of the run before."""
_DELIVERED = "SELECT count(*) FROM alerts.delivery WHERE state = 'delivered'"
_OPEN = "SELECT -count(*) FROM alerts.delivery WHERE state IN ('due', 'waiting', 'queued')"


async def deliveries(config: StackConfig, endpoints: int, count: int, *, database: str | None = None) -> Outcome:
    """Match first, then measure sending alone: until every delivery is recorded."""
    async with serving(config, database=database) as system:
        if database is not None:
            await system.database.execute(_FORGET)
        await _subscribe_all(system, endpoints)
        await system.database.execute(_PAUSE)
        alerts = count // endpoints
        await system.publish(Maker(), alerts)
        await system.wait_for(_OPEN.replace("-count", "count"), alerts * endpoints)
        await system.database.execute("VACUUM ANALYZE alerts.queue")
        if database is None:
            await system.database.execute("VACUUM ANALYZE alerts.delivery")
        start = time.perf_counter()
        await system.database.execute(_RESUME)
        await system.wait_for(_OPEN, 0)
        return Outcome(alerts * endpoints, time.perf_counter() - start, 0.0)


async def plain(config: StackConfig, endpoints: int, count: int) -> Outcome:
    """Post the same by the plain client."""
    async with receiving(config) as url:
        return await run_worker(config, "benchmarks.alerts.plain", url, str(endpoints), str(count))


async def events(config: StackConfig, endpoints: int, count: int) -> Outcome:
    """Measure the whole way: from the first alert on Kafka until every delivery is recorded."""
    async with serving(config) as system:
        await _subscribe_all(system, endpoints)
        start = time.perf_counter()
        await system.publish(Maker(), count)
        await system.wait_for(_DELIVERED, count * endpoints)
        return Outcome(count * endpoints, time.perf_counter() - start, 0.0)


async def _subscribe_all(system: System, endpoints: int) -> None:
    limit = asyncio.Semaphore(8)

    async def one(number: int) -> None:
        async with limit:
            await system.subscribe(f"{system.receiver_url}/ok/{number}", commodity_groups=["magnets"])

    async with asyncio.TaskGroup() as group:
        for number in range(endpoints):
            group.create_task(one(number))
