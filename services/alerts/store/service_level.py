"""How long deliveries of a subscription took, over its last days."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.alerts.domain.filters import DIGEST, PING
from services.alerts.domain.pings import TEST_SOURCE
from services.alerts.domain.service_level import BOUNDS_S, SINCE, Summary, summary


class ServiceLevel(NamedTuple):
    """Of the deliveries that came about since a time."""

    deliveries: int
    delivered: int
    since: dict[str, Summary]


_COLUMNS = {"occurrence": "happened_at", "acceptance": "accepted_at", "decision": "decided_at"}
_TIMES = ", ".join(
    f"extract(epoch FROM greatest(t.told_at, a.{column}) - a.{column}) + CASE WHEN t.told_at IS NOT NULL THEN 0 END"
    f" AS {name}"
    for name, column in _COLUMNS.items()
)
_SUMS = ", ".join(
    f"""count({name}), percentile_cont(0.5) WITHIN GROUP (ORDER BY {name}),
    percentile_cont(0.9) WITHIN GROUP (ORDER BY {name}), percentile_cont(0.99) WITHIN GROUP (ORDER BY {name}),
    max({name}), count(*) FILTER (WHERE {name} <= :target_s),
    {", ".join(f"count(*) FILTER (WHERE {name} <= {bound_s})" for bound_s in BOUNDS_S)}"""
    for name in SINCE
)
_COUNT = 6 + len(BOUNDS_S)
# A delivery's id begins with the time when it was made. What a digest carries was told with it; the digest is no alert.
# What was only kept was not to be sent, nor what was cancelled before anybody took it.
_LEVEL = text(f"""
WITH times AS (
    SELECT t.told_at, {_TIMES}
    FROM alerts.delivery d JOIN alerts.alert a USING (alert_no)
    LEFT JOIN alerts.delivery g ON g.delivery_id = d.carried_by
    CROSS JOIN LATERAL (SELECT least(d.first_accepted_at, g.first_accepted_at) AS told_at) t
    WHERE d.subscription_id = :id AND d.delivery_id >= :since AND d.created_at >= :since_time
        AND a.kind <> ALL (CAST(:not_of AS text[])) AND a.source <> :test
        AND (d.state NOT IN ('kept', 'cancelled') OR t.told_at IS NOT NULL)
)
SELECT count(*), count(told_at), {_SUMS} FROM times""")


async def level(connection: AsyncConnection, subscription_id: UUID, since: datetime, target_s: float) -> ServiceLevel:
    """Return how long the first successful delivery took of what came about since a time."""
    values = {
        "id": subscription_id,
        "since": _least_id(since),
        "since_time": since,
        "target_s": target_s,
        "not_of": [PING, DIGEST],
        "test": TEST_SOURCE,
    }
    row = [None if value is None else float(value) for value in (await connection.execute(_LEVEL, values)).one()]
    found = {name: summary(row[2 + _COUNT * place : 2 + _COUNT * (place + 1)]) for place, name in enumerate(SINCE)}
    return ServiceLevel(int(row[0] or 0), int(row[1] or 0), found)


def _least_id(at: datetime) -> UUID:
    """Return the least id that RFC 9562 (version 7) gives at a time."""
    return UUID(int=(int(at.timestamp() * 1000) << 80) | (7 << 76) | (2 << 62))
