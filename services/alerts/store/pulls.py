"""A subscription's alerts by their numbers, for those who fetch them."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


class Pulled(NamedTuple):
    """An alert of a subscription: its number, its webhook id and its CloudEvent."""

    sequence: int
    delivery_id: UUID
    body: bytes


_PULL = text("""
SELECT d.sequence, d.delivery_id, a.body FROM alerts.delivery d JOIN alerts.alert a USING (alert_no)
WHERE d.subscription_id = :id AND d.sequence > :after ORDER BY d.sequence LIMIT :limit""")
_LAST = text(
    "SELECT subscription_id, last_sequence FROM alerts.queue WHERE subscription_id = ANY (CAST(:ids AS uuid[]))"
)


async def after(connection: AsyncConnection, subscription_id: UUID, number: int, limit: int) -> list[Pulled]:
    """Return the alerts after a number, the first ones first."""
    values = {"id": subscription_id, "after": number, "limit": limit}
    return [Pulled(*row) for row in await connection.execute(_PULL, values)]


async def last_of(connection: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, int]:
    """Return the number of the latest alert of each subscription that is there."""
    rows = await connection.execute(_LAST, {"ids": list(ids)})
    return {row.subscription_id: row.last_sequence for row in rows}
