"""What may be read: deliveries with their attempts, alerts, lanes, counts."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.alerts.domain.filters import SEVERITIES, Filter, kinds_of, rank
from services.alerts.domain.pings import ESCALATION_SOURCE, TEST_SOURCE

_DELIVERY = """
SELECT d.delivery_id, d.subscription_id, d.alert_no, a.kind, a.lane, a.source AS alert_source, a.id AS alert_id,
    d.sequence, d.note, d.carried_by AS digest_delivery_id,
    d.state, d.attempts, d.created_at, d.last_attempt_at, d.settled_at,
    CASE WHEN d.state IN ('waiting', 'gathered', 'resting') THEN d.due_at END AS next_attempt_at
FROM alerts.delivery d JOIN alerts.alert a USING (alert_no) JOIN alerts.subscription s USING (subscription_id)
WHERE s.tenant = :tenant"""
_READABLE = "(tenant IS NULL OR tenant = :tenant)"
"""What is one tenant's own (notices, digests, tests, what was escalated) only that tenant reads."""
_ALERT = f"SELECT alert_no, recorded_at, lane, body FROM alerts.alert WHERE {_READABLE}"


async def _rows(connection: AsyncConnection, statement: str, values: dict[str, Any]) -> list[RowMapping]:
    return list((await connection.execute(text(statement), values)).mappings())


async def _one(connection: AsyncConnection, statement: str, values: dict[str, Any]) -> RowMapping | None:
    return (await connection.execute(text(statement), values)).mappings().one_or_none()


def _where(*conditions: str) -> str:
    return f" WHERE {' AND '.join(conditions)}" if conditions else ""


async def deliveries(
    connection: AsyncConnection,
    tenant: str,
    limit: int,
    before: UUID | None,
    *,
    subscription_id: UUID | None,
    state: str | None,
) -> list[RowMapping]:
    """Return the tenant's deliveries, the newest first, from before one on."""
    values: dict[str, Any] = {"before": before, "subscription_id": subscription_id, "state": state}
    named = {
        "before": "d.delivery_id < :before",
        "subscription_id": "d.subscription_id = :subscription_id",
        "state": "d.state = :state",
    }
    which = "".join(f" AND {named[name]}" for name, value in values.items() if value is not None)
    values |= {"tenant": tenant, "limit": limit}
    return await _rows(connection, f"{_DELIVERY}{which} ORDER BY d.delivery_id DESC LIMIT :limit", values)


async def delivery(connection: AsyncConnection, tenant: str, delivery_id: UUID) -> RowMapping | None:
    """Return one delivery of the tenant's."""
    return await _one(connection, f"{_DELIVERY} AND d.delivery_id = :id", {"tenant": tenant, "id": delivery_id})


async def attempts(connection: AsyncConnection, delivery_id: UUID) -> list[RowMapping]:
    """Return the attempts of a delivery, the first one first."""
    statement = """SELECT number, started_at, duration_ms, status, error, response_excerpt FROM alerts.attempt
        WHERE delivery_id = :id ORDER BY started_at"""
    return await _rows(connection, statement, {"id": delivery_id})


async def alerts(
    connection: AsyncConnection, tenant: str, limit: int, before: int | None, *, kind: str | None, lane: str | None
) -> list[RowMapping]:
    """Return alerts, the newest first, from before one on."""
    values: dict[str, Any] = {"before": before, "kind": kind, "lane": lane}
    named = {"before": "alert_no < :before", "kind": "kind = :kind", "lane": "lane = :lane"}
    which = "".join(f" AND {named[name]}" for name, value in values.items() if value is not None)
    values |= {"tenant": tenant, "limit": limit}
    return await _rows(connection, f"{_ALERT}{which} ORDER BY alert_no DESC LIMIT :limit", values)


async def alert(connection: AsyncConnection, tenant: str, alert_no: int) -> RowMapping | None:
    """Return one alert, if the tenant may read it."""
    return await _one(connection, f"{_ALERT} AND alert_no = :no", {"tenant": tenant, "no": alert_no})


async def lanes(
    connection: AsyncConnection,
    limit: int,
    after: str | None,
    fields: Mapping[str, str | None],
) -> list[RowMapping]:
    """Return lanes by id, from after one on, whose `fields` have the given values."""
    named = [f"{name} = :{name}" for name, value in fields.items() if value is not None]
    if after is not None:
        named.append("lane_id > :after")
    statement = f"SELECT * FROM alerts.lane{_where(*named)} ORDER BY lane_id LIMIT :limit"
    return await _rows(connection, statement, {**fields, "after": after, "limit": limit})


async def lane(connection: AsyncConnection, lane_id: str) -> RowMapping | None:
    """Return one lane."""
    return await _one(connection, "SELECT * FROM alerts.lane WHERE lane_id = :id", {"id": lane_id})


_AUDIT = {
    "alerts_by_kind": "SELECT kind AS k, count(*) AS n FROM alerts.alert GROUP BY 1 ORDER BY 1",
    "alerts_by_source": "SELECT source AS k, count(*) AS n FROM alerts.alert GROUP BY 1 ORDER BY 1",
    "deliveries_by_state": "SELECT state AS k, count(*) AS n FROM alerts.delivery GROUP BY 1 ORDER BY 1",
    "attempts_by_status": """SELECT coalesce(CAST(status AS text), 'error') AS k, count(*) AS n FROM alerts.attempt
        GROUP BY 1 ORDER BY 1""",
}
_FIGURES = {
    "records_read": "SELECT coalesce(sum(next_offset), 0) FROM alerts.consumer_offset WHERE topic = :topic",
    "duplicates": "SELECT coalesce(sum(duplicates), 0) FROM alerts.consumer_offset WHERE topic = :topic",
    "dead_letters": "SELECT count(*) FROM alerts.dead_letter",
    "dead_letters_unpublished": "SELECT count(*) FROM alerts.dead_letter WHERE published_at IS NULL",
    "delivered_without_accepted_attempt": """SELECT count(*) FROM alerts.delivery d WHERE state = 'delivered'
        AND NOT EXISTS (SELECT FROM alerts.attempt t WHERE t.delivery_id = d.delivery_id
            AND t.status BETWEEN 200 AND 299 AND t.error IS NULL)""",
    "lanes": "SELECT count(*) FROM alerts.lane",
}


async def audit(connection: AsyncConnection, topic: str) -> dict[str, Any]:
    """Return the counts of one moment, read in one snapshot."""
    await connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
    found: dict[str, Any] = {}
    for name, statement in _AUDIT.items():
        found[name] = {row["k"]: row["n"] for row in await _rows(connection, statement, {})}
    for name, statement in _FIGURES.items():
        found[name] = int((await connection.execute(text(statement), {"topic": topic})).scalar_one())
    return found


async def backlog(connection: AsyncConnection) -> tuple[int, int]:
    """Return how many deliveries are due now and how many wait."""
    statement = text("""SELECT (SELECT count(*) FROM alerts.delivery WHERE state = 'due'),
        (SELECT count(*) FROM alerts.delivery WHERE state IN ('waiting', 'queued'))""")
    row = (await connection.execute(statement)).one()
    return row[0], row[1]


class Past(NamedTuple):
    """An alert as it was recorded."""

    alert_no: int
    recorded_at: datetime
    body: bytes


async def past(connection: AsyncConnection, tenant: str, before: int, limit: int, wanted: Filter) -> list[Past]:
    """Return alerts of the kinds and severities that a filter wants, the newest first, from before one on.

    Of those that the tenant may read and filters are asked of.
    """
    # Kind by kind, by its index: what is wanted may lie far behind what is not.
    statement = text(f"""SELECT p.* FROM unnest(CAST(:kinds AS text[])) AS k CROSS JOIN LATERAL (
            SELECT alert_no, recorded_at, body FROM alerts.alert
            WHERE kind = k AND alert_no < :before AND severity = ANY (CAST(:severities AS text[])) AND {_READABLE}
                AND source <> ALL (CAST(:not_from AS text[]))
            ORDER BY alert_no DESC LIMIT :limit
        ) p ORDER BY alert_no DESC LIMIT :limit""")
    values = {
        "kinds": sorted(kinds_of(wanted)),
        "severities": list(SEVERITIES[rank(wanted.min_severity) :]),
        "before": before,
        "tenant": tenant,
        "limit": limit,
        "not_from": [TEST_SOURCE, ESCALATION_SOURCE],
    }
    return [Past(*row) for row in await connection.execute(statement, values)]
