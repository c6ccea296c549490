"""Escalations: what must be acknowledged, who did, and what is told to a second subscription since nobody did."""

from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.alerts.domain.escalation import told
from services.alerts.domain.filters import PING, SEVERITIES, rank
from services.alerts.domain.pings import ESCALATION_SOURCE, TEST_SOURCE
from services.alerts.store import health, recoveries, requests, subscriptions
from services.alerts.store.intake import NewAlert
from services.alerts.store.subscriptions import lock_queue
from shared.events import EVERYWHERE, Scope, Severity


class Rule(NamedTuple):
    """After how long without an acknowledgement an alert goes to another subscription."""

    subscription_id: UUID
    to_id: UUID
    after_s: float
    min_severity: Severity


_PUT = text("""
INSERT INTO alerts.escalation (subscription_id, to_id, after_s, min_severity) VALUES (:id, :to, :after_s, :rank)
ON CONFLICT (subscription_id) DO UPDATE SET to_id = excluded.to_id, after_s = excluded.after_s,
    min_severity = excluded.min_severity""")


async def put(connection: AsyncConnection, rule: Rule) -> None:
    """Set a subscription's rule; it counts for what is matched from the first one on."""
    values = {"id": rule.subscription_id, "to": rule.to_id, "after_s": rule.after_s, "rank": rank(rule.min_severity)}
    await connection.execute(_PUT, values)


async def get(connection: AsyncConnection, subscription_id: UUID) -> Rule | None:
    """Return a subscription's rule."""
    statement = text("SELECT to_id, after_s, min_severity FROM alerts.escalation WHERE subscription_id = :id")
    row = (await connection.execute(statement, {"id": subscription_id})).one_or_none()
    return None if row is None else Rule(subscription_id, row.to_id, row.after_s, SEVERITIES[row.min_severity])


async def remove(connection: AsyncConnection, subscription_id: UUID) -> bool:
    """Remove a rule and forget what waits by it; False when there is none."""
    await connection.execute(text("DELETE FROM alerts.awaited WHERE subscription_id = :id"), {"id": subscription_id})
    gone = text("DELETE FROM alerts.escalation WHERE subscription_id = :id")
    return (await connection.execute(gone, {"id": subscription_id})).rowcount == 1


_ACKNOWLEDGE = text("""
INSERT INTO alerts.acknowledgement (delivery_id, who, note) SELECT i, :who, :note FROM unnest(CAST(:ids AS uuid[])) AS i
ON CONFLICT (delivery_id) DO NOTHING""")
# What was told to a second subscription is acknowledged there too.
_SAME = text("""
SELECT CAST(a.id AS uuid) AS delivery_id FROM alerts.delivery d JOIN alerts.alert a USING (alert_no)
WHERE d.delivery_id = :id AND a.source = :source""")


async def acknowledge(connection: AsyncConnection, delivery_id: UUID, who: str, note: str | None) -> RowMapping:
    """Note who has taken notice; the first one stands. Returns what stands."""
    same = (await connection.execute(_SAME, {"id": delivery_id, "source": ESCALATION_SOURCE})).scalar_one_or_none()
    ids = [delivery_id] if same is None else [delivery_id, same]
    await connection.execute(_ACKNOWLEDGE, {"ids": ids, "who": who, "note": note})
    await connection.execute(
        text("DELETE FROM alerts.awaited WHERE delivery_id = ANY (CAST(:ids AS uuid[]))"), {"ids": ids}
    )
    found = text("SELECT delivery_id, who, note, acknowledged_at FROM alerts.acknowledgement WHERE delivery_id = :id")
    return (await connection.execute(found, {"id": delivery_id})).mappings().one()


# What is only kept, or stands in a digest, is not sent; what rests or is gathered is not sent yet.
_NOT_SENT = "('resting', 'gathered', 'digested', 'kept')"
_IS_OPEN = "NOT EXISTS (SELECT FROM alerts.acknowledgement k WHERE k.delivery_id = d.delivery_id)"
_AWAITED = f"""
SELECT w.delivery_id, w.alert_no, a.kind, a.severity, a.lane, d.created_at, d.first_accepted_at, w.escalated_at,
    w.failure,
    CASE WHEN w.escalated_at IS NULL AND d.state <> 'kept'
        THEN coalesce(d.first_accepted_at, CASE WHEN d.state IN ('resting', 'gathered') THEN d.due_at END,
            d.released_at, d.created_at) + make_interval(secs => e.after_s) END AS escalates_at
FROM alerts.awaited w JOIN alerts.alert a USING (alert_no) JOIN alerts.delivery d USING (delivery_id)
LEFT JOIN alerts.escalation e ON e.subscription_id = w.subscription_id
WHERE w.subscription_id = :id AND d.state <> 'digested' AND {_IS_OPEN}"""


async def awaited(
    connection: AsyncConnection, subscription_id: UUID, limit: int, before_id: UUID | None
) -> list[RowMapping]:
    """Return what nobody has acknowledged, the newest first, from before one on."""
    earlier = "" if before_id is None else " AND w.delivery_id < :before"
    statement = text(f"{_AWAITED}{earlier} ORDER BY w.delivery_id DESC LIMIT :limit")
    values = {"id": subscription_id, "before": before_id, "limit": limit}
    return list((await connection.execute(statement, values)).mappings())


_PLACE = text("""
SELECT looked_no, EXISTS (SELECT FROM alerts.escalation) AS is_any,
    clock_timestamp() - CAST(:again AS interval) AS before FROM alerts.escalation_place FOR UPDATE SKIP LOCKED""")
_PASS_OVER = text("UPDATE alerts.escalation_place SET looked_no = greatest(looked_no, :place)")
LOOKED_AGAIN = timedelta(minutes=2)
"""So long an alert is looked at again: longer than a transaction lasts."""
# Numbers are given before their commit, so what came a moment ago is looked at more than once.
_AWAIT = text(f"""
WITH new AS (
    SELECT alert_no, severity, recorded_at, kind <> :ping AND source <> ALL (CAST(:not_from AS text[])) AS counts
    FROM alerts.alert WHERE alert_no > :place ORDER BY alert_no LIMIT :at_once
), added AS (
    INSERT INTO alerts.awaited (delivery_id, subscription_id, alert_no)
    SELECT d.delivery_id, d.subscription_id, d.alert_no
    FROM new JOIN alerts.delivery d USING (alert_no) JOIN alerts.escalation e USING (subscription_id)
    WHERE new.counts AND array_position(CAST(:severities AS text[]), new.severity) > e.min_severity
        AND d.created_at >= e.created_at AND d.state NOT IN ('cancelled', 'digested', 'kept') AND {_IS_OPEN}
    ON CONFLICT (delivery_id) DO NOTHING
)
UPDATE alerts.escalation_place SET looked_no = greatest(looked_no, (
    SELECT max(alert_no) FROM new WHERE recorded_at < clock_timestamp() - CAST(:again AS interval)))
RETURNING (SELECT count(*) FROM new) AS looked, (SELECT max(alert_no) FROM new) AS last""")
_DUE = text(f"""
SELECT w.delivery_id, e.to_id, s.tenant, a.kind, a.severity, a.lane, a.happened_at, a.body
FROM alerts.awaited w JOIN alerts.escalation e USING (subscription_id) JOIN alerts.delivery d USING (delivery_id)
JOIN alerts.alert a ON a.alert_no = w.alert_no JOIN alerts.subscription s ON s.subscription_id = e.to_id
WHERE w.escalated_at IS NULL AND d.state NOT IN {_NOT_SENT} AND {_IS_OPEN}
    AND coalesce(d.first_accepted_at, d.released_at, d.created_at) + make_interval(secs => e.after_s)
        <= clock_timestamp()
ORDER BY w.delivery_id LIMIT :at_once FOR UPDATE OF w SKIP LOCKED""")
_ESCALATED = text("""
UPDATE alerts.awaited SET escalated_at = clock_timestamp(), failure = :failure WHERE delivery_id = :id""")

AT_ONCE = 500


async def look(connection: AsyncConnection, after: int = 0) -> int | None:
    """Note what must be acknowledged of what is new, unless another process is at it.

    Returns the number `after` which to look on; None when there is no more.
    """
    found = (await connection.execute(_PLACE, {"again": LOOKED_AGAIN})).one_or_none()
    if found is None:
        return None
    if not found.is_any:
        # What is escalated later is what comes later.
        place = await recoveries.number_at(connection, found.before) - 1
        await connection.execute(_PASS_OVER, {"place": place})
        return None
    values = {
        "place": max(found.looked_no, after),
        "at_once": 10 * AT_ONCE,
        "ping": PING,
        "not_from": [TEST_SOURCE, ESCALATION_SOURCE],
        "severities": list(SEVERITIES),
        "again": LOOKED_AGAIN,
    }
    row = (await connection.execute(_AWAIT, values)).one()
    return int(row.last) if row.looked == 10 * AT_ONCE else None


class Unacknowledged(NamedTuple):
    """A delivery whose time to be acknowledged is over, and its alert."""

    delivery_id: UUID
    to_id: UUID
    tenant: str
    kind: str
    severity: Severity
    lane: str | None
    happened_at: datetime
    body: bytes


async def due(connection: AsyncConnection) -> list[Unacknowledged]:
    """Return, and lock, what is to be told to others now, and the queues of these."""
    rows = await connection.execute(_DUE, {"at_once": AT_ONCE})
    found = [Unacknowledged(*row) for row in rows]
    # All at once and in order, as whoever locks several does: one after the other could lock crosswise.
    await health.lock(connection, sorted({what.to_id for what in found}))
    return found


async def escalate(connection: AsyncConnection, what: Unacknowledged) -> bool:
    """Deliver an alert to the second subscription, under an id of its own; False when that tells nobody for now."""
    # The queue's lock is what a deletion takes too.
    has_queue = await lock_queue(connection, what.to_id)
    other = await subscriptions.get(connection, what.tenant, what.to_id) if has_queue else None
    outcome = told(None if other is None else other.state)
    if other is not None and outcome.is_delivered:
        nowhere = Scope(commodity_groups=(), origin=EVERYWHERE, destinations=(EVERYWHERE,))
        again = NewAlert(
            ESCALATION_SOURCE,
            str(what.delivery_id),
            what.kind,
            what.severity,
            what.lane,
            what.happened_at,
            what.body,
            nowhere,
            tenant=what.tenant,
        )
        await requests.deliver_to(connection, other, again)
    await connection.execute(_ESCALATED, {"id": what.delivery_id, "failure": outcome.failure})
    return outcome.failure is None
