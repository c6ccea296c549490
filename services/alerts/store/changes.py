"""Changes of a subscription, under the lock that keeps alerts from being matched meanwhile."""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.alerts.domain.delivery import Step
from services.alerts.store import health, leftovers, recoveries
from services.alerts.store.leftovers import Held
from services.alerts.store.subscriptions import (
    Subscription,
    insert_keys,
    lock_all,
    lock_queue,
    notify,
    tell_changed,
    terms_of,
)

_STORE = text("""
UPDATE alerts.subscription SET name = :name, url = :url, filter = CAST(:filter AS jsonb),
    exporters = CAST(:exporters AS text[]), kinds = CAST(:kinds AS text[]), min_severity = :min_severity,
    format = :format, ordering = :ordering, expires_at = :expires_at, digest = CAST(:digest AS jsonb),
    quiet_hours = CAST(:quiet_hours AS jsonb), version = version + 1,
    state = coalesce(:state, state),
    state_reason = CASE WHEN CAST(:state AS text) IS NULL THEN state_reason ELSE CAST(:reason AS text) END,
    verified_at = CASE WHEN url = :url THEN verified_at END,
    condition_failed_at = CASE WHEN :keeps_failure THEN condition_failed_at END,
    condition_failure = CASE WHEN :keeps_failure THEN condition_failure END
WHERE subscription_id = :id""")


async def lock(connection: AsyncConnection, subscription_id: UUID) -> bool:
    """Let no alert be matched, and the subscription's deliveries not change; False when there is no such."""
    await lock_all(connection)
    return await lock_queue(connection, subscription_id)


async def store(
    connection: AsyncConnection,
    before_it: Subscription,
    after_it: Subscription,
    state: str | None,
    reason: str | None = None,
) -> None:
    """Store a changed subscription, which is locked; `state` is `active` or `paused` where that is to change."""
    subscription_id = after_it.subscription_id
    is_same = before_it.filter == after_it.filter
    terms = {"keeps_failure": is_same, **terms_of(after_it)}
    values = {"id": subscription_id, "state": state, "reason": reason, **terms}
    await connection.execute(_STORE, values)
    if not is_same or before_it.is_weighed != after_it.is_weighed:
        await connection.execute(_DROP_KEYS, {"id": subscription_id})
        await insert_keys(connection, after_it)
    if before_it.url != after_it.url:
        await _turn(connection, subscription_id, has_endpoint=after_it.url is not None)
    if state == "active":
        await begin(connection, subscription_id)
    elif state is not None:
        await connection.execute(_OPEN, {"id": subscription_id, "is_open": False})
    await tell_changed(connection, subscription_id)
    await notify(connection)


async def begin(connection: AsyncConnection, subscription_id: UUID) -> None:
    """Send what is there for a subscription, which is locked, as to an endpoint that never failed."""
    await connection.execute(_OPEN, {"id": subscription_id, "is_open": True})
    await health.begin_afresh(connection, subscription_id)
    await notify(connection)


_DROP_KEYS = text("DELETE FROM alerts.filter_key WHERE subscription_id = :id")
_OPEN = text("""
UPDATE alerts.queue SET rests_until = NULL, due_at = clock_timestamp(),
    is_open = :is_open AND NOT EXISTS (SELECT FROM alerts.leftover l WHERE l.subscription_id = :id)
WHERE subscription_id = :id""")
_LOOK = text("UPDATE alerts.queue SET due_at = clock_timestamp() WHERE subscription_id = :id")


async def _turn(connection: AsyncConnection, subscription_id: UUID, *, has_endpoint: bool) -> None:
    """Send what waits for the old endpoint to the new one, or keep it to be pulled where there is none."""
    if has_endpoint:
        await leftovers.move(connection, subscription_id, Step.COME_DUE)
        await connection.execute(_LOOK, {"id": subscription_id})
        await health.begin_afresh(connection, subscription_id)
    else:
        await leftovers.move(connection, subscription_id, Step.KEEP)
        await recoveries.stop_of(connection, subscription_id)


_RELEASE_AT = text("""
UPDATE alerts.queue SET due_at = clock_timestamp(), release_at = (SELECT min(due_at) FROM alerts.delivery d
    WHERE d.subscription_id = :id AND d.state IN ('gathered', 'resting'))
WHERE subscription_id = :id""")


async def hold(connection: AsyncConnection, subscription_id: UUID, held: Iterable[Held]) -> None:
    """Let what waits to be told wait for something else, or for nothing more."""
    for each in held:
        await leftovers.move(connection, subscription_id, Step.RELEASE, each)
    await connection.execute(_RELEASE_AT, {"id": subscription_id})
