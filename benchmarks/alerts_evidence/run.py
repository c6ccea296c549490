"""Measures what the chain of evidence adds to recording outcomes: `python -m benchmarks.alerts_evidence.run`.

The same accepted deliveries are recorded batch by batch, as the service does it, and the same way with attempts that
are only stored. Asserts nothing.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from unittest.mock import patch
from uuid import UUID, uuid4

import uvloop
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from benchmarks.ground import fresh_database, ground
from benchmarks.report import Figure, spread, write_results
from lanewatch.stack.config import PROJECT
from services.alerts.domain.breaker import Health
from services.alerts.store import SCHEMA, VERSIONS, evidence, outcomes
from services.alerts.store.intake import columns
from services.alerts.store.outcomes import Outcome
from shared.database import make_engine, transaction, upgrade_schema

GOAL = 1.25
WORKER = UUID(int=1)

_SUBSCRIBE = text("""
WITH made AS (
    INSERT INTO alerts.subscription (name, url, filter, exporters, kinds, min_severity)
    SELECT 'n', 'https://example.org/hook', '{}', '{}', '{}', 0 FROM generate_series(1, :count)
    RETURNING subscription_id
)
INSERT INTO alerts.queue (subscription_id, worker_id) SELECT subscription_id, CAST(:worker AS uuid) FROM made
RETURNING subscription_id""")
_DELIVER = text("""
WITH made AS (
    INSERT INTO alerts.alert (source, id, kind, severity, happened_at, body)
    SELECT '/s', gen_random_uuid(), 'k', 'info', now(), '{}' FROM generate_series(1, :count) RETURNING alert_no
), numbered AS (
    SELECT alert_no, row_number() OVER (ORDER BY alert_no) AS n FROM made
)
INSERT INTO alerts.delivery (subscription_id, alert_no, state)
SELECT (CAST(:ids AS uuid[]))[1 + n % CAST(:endpoints AS int)], alert_no, 'due' FROM numbered
RETURNING subscription_id, delivery_id""")
_ATTEMPTS = text("""
INSERT INTO alerts.attempt (delivery_id, number, started_at, duration_ms, status, error, response_excerpt)
SELECT * FROM unnest(CAST(:delivery_id AS uuid[]), CAST(:number AS int[]), CAST(:started_at AS timestamptz[]),
    CAST(:duration_ms AS double precision[]), CAST(:status AS int[]), CAST(:error AS text[]),
    CAST(:response_excerpt AS text[]))
ON CONFLICT (delivery_id, started_at) DO NOTHING""")


@dataclass(frozen=True)
class Plan:
    """What to measure."""

    deliveries: int
    batch: int
    endpoints: int
    rounds: int
    folder: Path


async def only_stored(connection: AsyncConnection, its: Sequence[Outcome]) -> None:
    """Store attempts without a chain."""
    await connection.execute(_ATTEMPTS, columns([o[1:8] for o in its], Outcome._fields[1:8]))


async def per_second(engine: AsyncEngine, plan: Plan, *, is_chained: bool) -> float:
    """Record deliveries of new subscriptions and return how many a second."""
    async with transaction(engine) as connection:
        made = await connection.execute(_SUBSCRIBE, {"count": plan.endpoints, "worker": WORKER})
        values = {"ids": list(made.scalars()), "endpoints": plan.endpoints, "count": plan.deliveries}
        accepted = [_accepted(*row) for row in await connection.execute(_DELIVER, values)]
    began = time.perf_counter()
    for place in range(0, len(accepted), plan.batch):
        async with transaction(engine) as connection:
            batch = accepted[place : place + plan.batch]
            if is_chained:
                await outcomes.record(connection, WORKER, batch, [], nudge_after_s=300)
            else:
                with patch.object(evidence, "append", only_stored):
                    await outcomes.record(connection, WORKER, batch, [], nudge_after_s=300)
    return len(accepted) / (time.perf_counter() - began)


def _accepted(subscription_id: UUID, delivery_id: UUID) -> Outcome:
    return Outcome(
        subscription_id=subscription_id,
        delivery_id=delivery_id,
        number=1,
        started_at=datetime.now(UTC) + timedelta(microseconds=uuid4().int % 1_000_000),
        duration_ms=12.345,
        status=204,
        error=None,
        response_excerpt=None,
        result="accept",
        order_key=None,
        frees_lane=True,
        next_step=0,
        next_at=None,
        health=Health(),
        url="https://example.org/hook",
        body_sha256=bytes(32),
    )


async def measure(engine: AsyncEngine, plan: Plan) -> tuple[list[float], list[float]]:
    """Return the rates of the rounds, chained and only stored."""
    chained: list[float] = []
    stored: list[float] = []
    for number in range(plan.rounds + 1):
        for is_chained in (True, False) if number % 2 else (False, True):
            rate = await per_second(engine, plan, is_chained=is_chained)
            if number:  # The first round warms the machine.
                (chained if is_chained else stored).append(rate)
    return chained, stored


async def _main(plan: Plan) -> None:
    async with ground(plan.folder) as config, fresh_database(config) as own:
        engine = make_engine(own.database_url, "benchmark")
        await upgrade_schema(engine, SCHEMA, VERSIONS)
        chained, stored = await measure(engine, plan)
        await engine.dispose()
    ratio = median(b / a for a, b in zip(chained, stored, strict=True))
    figure = Figure(
        name=f"outcomes recorded with evidence, {plan.batch} at a time of {plan.endpoints} endpoints",
        unit="deliveries/s",
        ours=median(chained),
        floor=median(stored),
        ratio_to_floor=1 / ratio,
        goal=f"recording takes at most {GOAL:g} times as long as without",
        met=ratio <= GOAL,
    )
    notes = [f"With: {spread(chained)}, without: {spread(stored)} deliveries a second; {ratio:.2f} times as long."]
    print(write_results("alerts_evidence", [figure], notes))


def main() -> None:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deliveries", type=int, default=20_000, help="recorded in each round")
    parser.add_argument("--batch", type=int, default=100, help="recorded in one transaction")
    parser.add_argument("--endpoints", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=PROJECT / ".lanewatch" / "benchmarks")
    uvloop.run(_main(Plan(**vars(parser.parse_args()))))


if __name__ == "__main__":
    main()
