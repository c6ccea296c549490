"""What waits to be told and whose time has come: alerts after quiet hours, and digests."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.alerts.domain.delivery import Step, after, before
from services.alerts.store import intake
from services.alerts.store.intake import NewAlert
from shared.events import Severity

AT_ONCE = 50
"""So many subscriptions in a transaction."""
IN_A_DIGEST = 200
"""So many alerts in one digest at most; more make several."""


class Gathered(NamedTuple):
    """An alert whose digest is due."""

    subscription_id: UUID
    delivery_id: UUID
    sequence: int
    severity: Severity
    body: bytes
    tenant: str


# Paused ones are not looked at: what was gathered meanwhile makes one digest when they are resumed.
_DUE = text("""
SELECT subscription_id FROM alerts.queue WHERE is_open AND release_at <= clock_timestamp()
ORDER BY release_at LIMIT :at_once FOR UPDATE SKIP LOCKED""")
_RELEASE = text("""
UPDATE alerts.delivery SET state = :state, due_at = NULL, released_at = clock_timestamp()
WHERE subscription_id = ANY (CAST(:ids AS uuid[])) AND state = 'resting' AND due_at <= clock_timestamp()""")
_GATHERED = text("""
SELECT d.subscription_id, d.delivery_id, d.sequence, a.severity, a.body, s.tenant
FROM unnest(CAST(:ids AS uuid[])) AS i(subscription_id)
CROSS JOIN LATERAL (
    SELECT * FROM alerts.delivery d WHERE d.subscription_id = i.subscription_id AND d.state = 'gathered'
        AND d.due_at <= clock_timestamp() ORDER BY d.sequence LIMIT :most) d
JOIN alerts.alert a ON a.alert_no = d.alert_no
JOIN alerts.subscription s ON s.subscription_id = i.subscription_id
ORDER BY d.subscription_id, d.sequence""")
_DIGEST = text("""
INSERT INTO alerts.delivery (subscription_id, alert_no, state) VALUES (:id, :alert_no, 'due') RETURNING delivery_id""")
_CARRIED = text("""
UPDATE alerts.delivery SET state = :state, due_at = NULL, settled_at = clock_timestamp(), carried_by = :digest
WHERE delivery_id = ANY (CAST(:ids AS uuid[])) AND state = ANY (CAST(:states AS text[]))""")
# The digest is to be acknowledged in place of what it carries.
_NOT_AWAITED = text("""
DELETE FROM alerts.awaited WHERE delivery_id IN (
    SELECT delivery_id FROM alerts.awaited WHERE delivery_id = ANY (CAST(:ids AS uuid[])) FOR UPDATE SKIP LOCKED)""")
_NEXT = text("""
UPDATE alerts.queue q SET due_at = clock_timestamp(), release_at = (SELECT min(due_at) FROM alerts.delivery d
    WHERE d.subscription_id = q.subscription_id AND d.state IN ('gathered', 'resting'))
WHERE q.subscription_id = ANY (CAST(:ids AS uuid[]))""")


async def due(connection: AsyncConnection) -> list[UUID]:
    """Lock the queues of subscriptions that have something to be told now; those that others hold come later."""
    return [row.subscription_id for row in await connection.execute(_DUE, {"at_once": AT_ONCE})]


async def release(connection: AsyncConnection, ids: Sequence[UUID]) -> None:
    """Make due what waited for the end of quiet hours; its place in its lane is by its number as ever."""
    await connection.execute(_RELEASE, {"ids": list(ids), "state": after(Step.RELEASE)})


async def gathered(connection: AsyncConnection, ids: Sequence[UUID]) -> list[Gathered]:
    """Return what the next digest of each subscription is to tell, in order."""
    rows = await connection.execute(_GATHERED, {"ids": list(ids), "most": IN_A_DIGEST})
    return [Gathered(*row) for row in rows]


async def tell(connection: AsyncConnection, told: Sequence[Gathered], digest: NewAlert) -> None:
    """Record a digest of one subscription's alerts, and that they are told in it."""
    (alert_no,) = (await intake.insert_alerts(connection, [digest])).values()
    values = {"id": told[0].subscription_id, "alert_no": alert_no}
    delivery_id = (await connection.execute(_DIGEST, values)).scalar_one()
    steps = {"state": after(Step.TELL_IN_DIGEST), "states": before(Step.TELL_IN_DIGEST)}
    carried = {"ids": [each.delivery_id for each in told], "digest": delivery_id, **steps}
    await connection.execute(_CARRIED, carried)
    await connection.execute(_NOT_AWAITED, {"ids": carried["ids"]})


async def go_on(connection: AsyncConnection, ids: Sequence[UUID]) -> None:
    """Say when there is more to be told, and that there is something to send now."""
    await connection.execute(_NEXT, {"ids": list(ids)})
