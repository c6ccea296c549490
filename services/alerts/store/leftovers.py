"""Moves the open deliveries of a subscription that was changed or deleted: some at once, the others in portions.

A change keeps every alert from being matched while it is made, so it may not touch more than a few rows. What is left
is noted with the change; until it is done the queue is closed, so that nothing goes out as it was.
"""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.alerts.domain.delivery import Step, after
from services.alerts.store import DUE_CHANNEL

AT_ONCE = 1000
"""So many deliveries with the change itself, and in each portion."""


class Held(NamedTuple):
    """What becomes of the alerts of one severity that wait to be told."""

    severity: str
    state: str
    until: datetime | None


class Leftover(NamedTuple):
    """A step that is still to be taken with what was there when it was made."""

    leftover_no: int
    subscription_id: UUID
    step: str
    made_at: datetime
    severity: str | None
    state: str | None
    until: datetime | None


HOLD = "hold"
_WAITING = "state = 'waiting'"
_HELD = "state IN ('gathered', 'resting')"
# Each is served by an index of its own.
_OPEN = (
    "state = 'due' AND attempts = 0 AND NOT is_behind",
    "state = 'due' AND attempts > 0 AND NOT is_behind",
    "state = 'due' AND is_behind AND recovery_id IS NOT NULL",
    _WAITING,
    "state = 'queued'",
    _HELD,
)
_MOVE = """
UPDATE alerts.delivery SET state = :to{more} WHERE delivery_id IN (
    SELECT delivery_id FROM alerts.delivery WHERE subscription_id = :id AND {which} AND created_at <= :made_at
    LIMIT :at_once)"""
_MOVES = {
    Step.CANCEL: [text(_MOVE.format(more=", settled_at = clock_timestamp(), due_at = NULL", which=w)) for w in _OPEN],
    Step.KEEP: [text(_MOVE.format(more=", due_at = NULL", which=w)) for w in _OPEN],
    Step.COME_DUE: [text(_MOVE.format(more="", which=_WAITING))],
    HOLD: [
        text("""
UPDATE alerts.delivery SET state = :to, due_at = :until,
    released_at = CASE WHEN CAST(:until AS timestamptz) IS NULL THEN clock_timestamp() END
WHERE delivery_id IN (
    SELECT d.delivery_id FROM alerts.delivery d JOIN alerts.alert a USING (alert_no)
    WHERE d.subscription_id = :id AND d.state IN ('gathered', 'resting') AND d.created_at <= :made_at
        AND a.severity = :severity
        AND (d.state, d.due_at) IS DISTINCT FROM (CAST(:to AS text), CAST(:until AS timestamptz))
    LIMIT :at_once)""")
    ],
}
_NOW = text("""
SELECT clock_timestamp() AS made_at, EXISTS (SELECT FROM alerts.leftover WHERE subscription_id = :id) AS waits""")
_NOTE = text("""
INSERT INTO alerts.leftover (subscription_id, step, made_at, severity, state, until)
VALUES (:subscription_id, :step, :made_at, :severity, :state, :until)""")
_CLOSE = text("UPDATE alerts.queue SET is_open = false WHERE subscription_id = :id")
_FORGET = text("DELETE FROM alerts.leftover WHERE subscription_id = :id")


async def move(connection: AsyncConnection, subscription_id: UUID, step: Step, held: Held | None = None) -> None:
    """Take a step with all open deliveries of a subscription whose queue is locked; `held` instead of a step's own.

    What is more than a few follows, after what is left of steps before, and the queue is closed until then.
    """
    if step == Step.CANCEL:
        await connection.execute(_FORGET, {"id": subscription_id})
    made_at, waits = (await connection.execute(_NOW, {"id": subscription_id})).one()
    name = step.value if held is None else HOLD
    what = Leftover(0, subscription_id, name, made_at, *(held or (None, None, None)))
    if waits or await _portion(connection, what) >= AT_ONCE:
        await connection.execute(_NOTE, what._asdict())
        await connection.execute(_CLOSE, {"id": subscription_id})


async def _portion(connection: AsyncConnection, what: Leftover) -> int:
    values: dict[str, Any] = {"id": what.subscription_id, "made_at": what.made_at}
    values["to"] = what.state if what.step == HOLD else after(Step(what.step))
    if what.step == HOLD:
        values |= {"severity": what.severity, "until": what.until}
    count = 0
    for statement in _MOVES[what.step]:
        if count < AT_ONCE:
            count += (await connection.execute(statement, {**values, "at_once": AT_ONCE - count})).rowcount
    return count


_FIRST = text("""
SELECT DISTINCT ON (subscription_id) subscription_id FROM alerts.leftover ORDER BY subscription_id, leftover_no
LIMIT 100""")
_QUEUE = text("SELECT 1 FROM alerts.queue WHERE subscription_id = :id FOR UPDATE")
_NEXT = text("""
SELECT leftover_no, subscription_id, step, made_at, severity, state, until FROM alerts.leftover
WHERE subscription_id = :id ORDER BY leftover_no LIMIT 1 FOR UPDATE SKIP LOCKED""")
_DONE = text("DELETE FROM alerts.leftover WHERE leftover_no = :no")
_OPEN_AGAIN = text("""
UPDATE alerts.queue q SET is_open = s.state = 'active', due_at = clock_timestamp(),
    release_at = (SELECT min(due_at) FROM alerts.delivery d
        WHERE d.subscription_id = :id AND d.state IN ('gathered', 'resting'))
FROM alerts.subscription s WHERE q.subscription_id = :id AND s.subscription_id = q.subscription_id
    AND NOT EXISTS (SELECT FROM alerts.leftover l WHERE l.subscription_id = :id)""")


async def subscriptions(connection: AsyncConnection) -> list[UUID]:
    """Return subscriptions of which something is left to be done."""
    return list((await connection.execute(_FIRST)).scalars())


async def step(connection: AsyncConnection, subscription_id: UUID) -> bool:
    """Take a portion of what is left of a subscription, unless another process does; return whether that moved any.

    When nothing is left its queue is open again, if the subscription is active.
    """
    await connection.execute(_QUEUE, {"id": subscription_id})
    row = (await connection.execute(_NEXT, {"id": subscription_id})).one_or_none()
    if row is None:
        return False
    what = Leftover(*row)
    if await _portion(connection, what):
        return True
    await connection.execute(_DONE, {"no": what.leftover_no})
    await connection.execute(_OPEN_AGAIN, {"id": subscription_id})
    await connection.execute(text("SELECT pg_notify(:channel, '')"), {"channel": DUE_CHANNEL})
    return True
