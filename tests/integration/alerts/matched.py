"""Alerts matched straight in the database, without Kafka, and what became of them."""

from datetime import UTC, datetime
from itertools import count
from typing import Any
from uuid import UUID

from aiokafka import ConsumerRecord
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.alerts.consumer import read_batch
from services.alerts.matching import match
from services.alerts.store import intake
from services.alerts.store.intake import NewAlert
from shared.database import transaction
from shared.events import Scope, Severity

LANE = "lanewatch.lane.changed"
_NUMBERS = count(1)


def alert(destination: str = "DE", severity: Severity = "critical", kind: str = LANE) -> NewAlert:
    """Return an alert of which only what the index asks for is of interest."""
    scope = Scope(commodity_groups=("magnets",), origin="CN", destinations=(destination,))
    name = str(next(_NUMBERS))
    return NewAlert("/s", name, kind, severity, f"magnets:CN:{destination}", datetime.now(UTC), b"{}", scope)


def as_recorded(*bodies: bytes) -> list[NewAlert]:
    """Return alerts as the consumer reads them from the topic."""
    records: list[Any] = [ConsumerRecord("t", 0, n, 0, 0, None, body, None, 0, 0, ()) for n, body in enumerate(bodies)]
    return list(read_batch(records).alerts.values())


async def record(connection: AsyncConnection, *alerts: NewAlert) -> list[int]:
    """Record alerts and match them, as a batch of the consumer does; return their numbers."""
    await intake.share_subscriptions(connection)
    numbers = await intake.insert_alerts(connection, alerts)
    await match(connection, [(numbers[a.source, a.id], a) for a in alerts])
    return sorted(numbers.values())


async def recorded(engine: AsyncEngine, *alerts: NewAlert) -> list[int]:
    """Record alerts in a transaction of their own."""
    async with transaction(engine) as connection:
        return await record(connection, *alerts)


async def deliveries(engine: AsyncEngine, subscription_id: UUID | str) -> list[Any]:
    """Return a subscription's deliveries by their numbers."""
    statement = text("""
        SELECT d.*, a.kind, a.body, a.severity FROM alerts.delivery d JOIN alerts.alert a USING (alert_no)
        WHERE d.subscription_id = :id ORDER BY d.sequence NULLS LAST, d.delivery_id""")
    async with transaction(engine) as connection:
        return list((await connection.execute(statement, {"id": subscription_id})).all())
