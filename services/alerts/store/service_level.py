"""How long deliveries of a subscription took, over its last days."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.alerts.domain.filters import PING
from services.alerts.domain.pings import TEST_SOURCE
from services.alerts.domain.service_level import SINCE, Summary, summary


class ServiceLevel(NamedTuple):
    """Of the deliveries that came about since a time."""

    deliveries: int
    delivered: int
    since: dict[str, Summary]


_COLUMNS = {"occurrence": "happened_at", "acceptance": "accepted_at", "decision": "decided_at"}
_TIMES = ", ".join(
    f"extract(epoch FROM greatest(d.first_accepted_at, a.{column}) - a.{column})"
    f" + CASE WHEN d.first_accepted_at IS NOT NULL THEN 0 END AS {name}"
    for name, column in _COLUMNS.items()
)
_SUMS = ", ".join(
    f"""count({name}), percentile_cont(0.5) WITHIN GROUP (ORDER BY {name}),
    percentile_cont(0.9) WITHIN GROUP (ORDER BY {name}), percentile_cont(0.99) WITHIN GROUP (ORDER BY {name}),
    max({name}), count(*) FILTER (WHERE {name} <= :target_s)"""
    for name in SINCE
)
# A delivery's id begins with the time when it was made.
_LEVEL = text(f"""
WITH times AS (
    SELECT d.first_accepted_at, {_TIMES}
    FROM alerts.delivery d JOIN alerts.alert a USING (alert_no)
    WHERE d.subscription_id = :id AND d.delivery_id >= :since AND d.created_at >= :since_time
        AND a.kind <> :ping AND a.source <> :test
)
SELECT count(*), count(first_accepted_at), {_SUMS} FROM times""")


async def level(connection: AsyncConnection, subscription_id: UUID, since: datetime, target_s: float) -> ServiceLevel:
    """Return how long the first successful delivery took of what came about since a time."""
    values = {
        "id": subscription_id,
        "since": _least_id(since),
        "since_time": since,
        "target_s": target_s,
        "ping": PING,
        "test": TEST_SOURCE,
    }
    row = [None if value is None else float(value) for value in (await connection.execute(_LEVEL, values)).one()]
    found = {name: summary(row[2 + 6 * place : 8 + 6 * place]) for place, name in enumerate(SINCE)}
    return ServiceLevel(int(row[0] or 0), int(row[1] or 0), found)


def _least_id(at: datetime) -> UUID:
    """Return the least id that RFC 9562 (version 7) gives at a time."""
    return UUID(int=(int(at.timestamp() * 1000) << 80) | (7 << 76) | (2 << 62))
