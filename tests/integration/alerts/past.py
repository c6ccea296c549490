"""Past deliveries of a subscription, made in the database."""

from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.database import transaction
from tests.integration.alerts.service import NOW, Service

_ALERTS = text("""
WITH made AS (
    INSERT INTO alerts.alert (source, id, kind, severity, lane, happened_at, recorded_at, body)
    SELECT '/past', gen_random_uuid(), 'lanewatch.lane.changed', 'critical', 'lane-' || n % 3, CAST(:at AS timestamptz),
        CAST(:at AS timestamptz) + n * interval '1 second', convert_to('{"id":"past-' || n || '"}', 'UTF8')
    FROM generate_series(1, :count) AS n RETURNING alert_no, recorded_at
)
INSERT INTO alerts.delivery (subscription_id, alert_no, state, attempts, created_at, settled_at)
SELECT CAST(:id AS uuid), alert_no, :state, 1, recorded_at, recorded_at FROM made ORDER BY alert_no RETURNING 1""")


async def past(
    service: Service, created: dict[str, Any], count: int, state: str = "delivered", at: datetime = NOW
) -> None:
    """Record so many alerts, one a second from `at` on in three lanes, and their deliveries."""
    await insert_past(service.app.state.engine, created["subscription_id"], count, state, at)


async def insert_past(
    engine: AsyncEngine, subscription_id: str, count: int, state: str = "exhausted", at: datetime = NOW
) -> None:
    """Do so without a service."""
    async with transaction(engine) as connection:
        await connection.execute(_ALERTS, {"id": subscription_id, "count": count, "state": state, "at": at})
