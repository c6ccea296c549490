"""What people ask to be sent: a test ping, or a delivery once more."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.alerts.domain.delivery import State, Step, after, before
from services.alerts.store import health, intake
from services.alerts.store.intake import NewAlert
from services.alerts.store.subscriptions import Subscription, lock_queue

_DELIVER = text("""
WITH numbered AS (
    UPDATE alerts.queue SET last_sequence = last_sequence + 1 WHERE subscription_id = :id
    RETURNING subscription_id, last_sequence
)
INSERT INTO alerts.delivery (subscription_id, alert_no, state, sequence)
SELECT subscription_id, :alert_no, :state, last_sequence FROM numbered
RETURNING delivery_id""")


async def deliver_to(connection: AsyncConnection, subscription: Subscription, alert: NewAlert) -> UUID:
    """Record an alert for one subscription alone; return its delivery."""
    subscription_id = subscription.subscription_id
    (alert_no,) = (await intake.insert_alerts(connection, [alert])).values()
    state = State.DUE if subscription.url is not None else State.KEPT
    values = {"id": subscription_id, "alert_no": alert_no, "state": state.value}
    delivery_id: UUID = (await connection.execute(_DELIVER, values)).scalar_one()
    await intake.wake(connection, [subscription_id])
    await health.ask_now(connection, subscription_id)
    return delivery_id


_REDELIVER = text("""
UPDATE alerts.delivery SET state = :state, settled_at = NULL, due_at = NULL, step = 0, first_attempt_at = NULL,
    released_at = CASE WHEN state IN ('resting', 'gathered') THEN clock_timestamp() ELSE released_at END,
    recovery_id = CASE WHEN state = 'waiting' OR state = 'queued' THEN recovery_id END, is_behind = false,
    order_key = CASE WHEN state = 'waiting' THEN order_key END
WHERE delivery_id = :id AND state = ANY (CAST(:states AS text[]))""")


CANCELLED = "The delivery was cancelled with its subscription"
NO_ENDPOINT = "The subscription has no endpoint; its alerts are pulled"


async def redeliver(connection: AsyncConnection, delivery_id: UUID, subscription_id: UUID) -> str | None:
    """Make a subscription's delivery due now, with a whole schedule before it; return why not, None when it is.

    One that waits keeps its place in its lane; any other is sent without regard to order. One whose
    subscription was deleted, or has no endpoint, stays as it is.
    """
    if not await lock_queue(connection, subscription_id):
        return CANCELLED
    if not await has_endpoint(connection, subscription_id):
        return NO_ENDPOINT
    steps = {"state": after(Step.REDELIVER), "states": before(Step.REDELIVER)}
    await connection.execute(_REDELIVER, {"id": delivery_id, **steps})
    await health.ask_now(connection, subscription_id)
    await intake.wake(connection, [subscription_id])
    return None


async def has_endpoint(connection: AsyncConnection, subscription_id: UUID) -> bool:
    """Return whether a subscription, whose queue is locked, has somewhere to be sent to."""
    statement = text("SELECT url IS NOT NULL FROM alerts.subscription WHERE subscription_id = :id")
    return bool((await connection.execute(statement, {"id": subscription_id})).scalar_one())
