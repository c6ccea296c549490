"""Subscriptions, their index rows and their queues."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.alerts.domain.delivery import Step, after, before
from services.alerts.domain.filters import Filter, Key, filter_keys, rank
from services.alerts.store import DUE_CHANNEL, health
from services.alerts.store.intake import columns


class NewSubscription(NamedTuple):
    """What a subscription is created from."""

    name: str
    url: str
    filter: Filter
    idempotency_key: str | None
    idempotency_hash: bytes | None
    tenant: str = "default"
    signature: str = "hmac"


class Subscription(NamedTuple):
    """A subscription as it may be shown: its secret is not in it."""

    subscription_id: UUID
    name: str
    url: str
    filter: Filter
    state: str
    state_reason: str | None
    created_at: datetime
    idempotency_hash: bytes | None
    signature: str


_COLUMNS = (
    "subscription_id, name, url, CAST(filter AS text), state, state_reason, created_at, idempotency_hash, signature"
)

_INSERT = text(f"""
INSERT INTO alerts.subscription (name, url, filter, exporters, kinds, min_severity, idempotency_key,
    idempotency_hash, tenant, signature)
VALUES (:name, :url, CAST(:filter AS jsonb), CAST(:exporters AS text[]), CAST(:kinds AS text[]),
    :min_severity, :idempotency_key, :idempotency_hash, :tenant, :signature)
ON CONFLICT (tenant, idempotency_key) DO NOTHING
RETURNING {_COLUMNS}""")

_INSERT_KEYS = text("""
INSERT INTO alerts.filter_key (subscription_id, commodity_group, origin, destination)
SELECT :id, k.* FROM unnest(CAST(:commodity_group AS text[]), CAST(:origin AS text[]),
    CAST(:destination AS text[])) AS k""")


async def _lock_all(connection: AsyncConnection) -> None:
    """Wait for alerts that are being matched, and let no others begin: see `intake.share_subscriptions`."""
    await connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('alerts.subscription'))"))


async def create(connection: AsyncConnection, new: NewSubscription) -> Subscription | None:
    """Create a subscription; None when one with the same idempotency key is there already."""
    await _lock_all(connection)
    wanted = new.filter
    values = {
        "name": new.name,
        "url": new.url,
        "filter": msgspec.json.encode(wanted).decode(),
        "exporters": list(wanted.exporters),
        "kinds": list(wanted.kinds),
        "min_severity": rank(wanted.min_severity),
        "idempotency_key": new.idempotency_key,
        "idempotency_hash": new.idempotency_hash,
        "tenant": new.tenant,
        "signature": new.signature,
    }
    row = (await connection.execute(_INSERT, values)).one_or_none()
    if row is None:
        return None
    keys = columns(sorted(filter_keys(wanted)), Key._fields)
    await connection.execute(_INSERT_KEYS, {"id": row.subscription_id, **keys})
    queue = text("INSERT INTO alerts.queue (subscription_id) VALUES (:id)")
    await connection.execute(queue, {"id": row.subscription_id})
    return _subscription(row)


def _subscription(row: Sequence[object]) -> Subscription:
    values = list(row)
    values[3] = msgspec.json.decode(str(row[3]), type=Filter)
    return Subscription._make(values)


async def by_idempotency_key(connection: AsyncConnection, tenant: str, key: str) -> Subscription | None:
    """Return the subscription that the tenant created under this key."""
    statement = text(f"SELECT {_COLUMNS} FROM alerts.subscription WHERE tenant = :tenant AND idempotency_key = :key")
    row = (await connection.execute(statement, {"tenant": tenant, "key": key})).one_or_none()
    return None if row is None else _subscription(row)


async def get(connection: AsyncConnection, tenant: str, subscription_id: UUID) -> Subscription | None:
    """Return a subscription of the tenant's that is not deleted."""
    statement = text(f"""SELECT {_COLUMNS} FROM alerts.subscription
        WHERE subscription_id = :id AND tenant = :tenant AND state <> 'deleted'""")
    row = (await connection.execute(statement, {"id": subscription_id, "tenant": tenant})).one_or_none()
    return None if row is None else _subscription(row)


async def page(connection: AsyncConnection, tenant: str, limit: int, before_id: UUID | None) -> list[Subscription]:
    """Return the tenant's subscriptions, the newest first, from before one on."""
    statement = text(f"""SELECT {_COLUMNS} FROM alerts.subscription
        WHERE tenant = :tenant AND state <> 'deleted' AND (CAST(:before AS uuid) IS NULL OR subscription_id < :before)
        ORDER BY subscription_id DESC LIMIT :limit""")
    rows = await connection.execute(statement, {"tenant": tenant, "before": before_id, "limit": limit})
    return [_subscription(row) for row in rows]


async def lock_queue(connection: AsyncConnection, subscription_id: UUID) -> bool:
    """Take the lock under which a subscription's deliveries change; False when it has none any more."""
    statement = text("SELECT 1 FROM alerts.queue WHERE subscription_id = :id FOR UPDATE")
    return (await connection.execute(statement, {"id": subscription_id})).first() is not None


_DELETE = (
    text("DELETE FROM alerts.filter_key WHERE subscription_id = :id"),
    text("DELETE FROM alerts.queue WHERE subscription_id = :id"),
    text("DELETE FROM alerts.secret WHERE subscription_id = :id"),
    text("""UPDATE alerts.subscription SET state = 'deleted', state_reason = NULL, idempotency_key = NULL
        WHERE subscription_id = :id"""),
)
_CANCEL = text("""
UPDATE alerts.delivery SET state = :state, settled_at = clock_timestamp(), due_at = NULL
WHERE subscription_id = :id AND state = ANY (CAST(:states AS text[]))""")


async def delete(connection: AsyncConnection, subscription_id: UUID) -> bool:
    """Delete a subscription, its secret too, and cancel what is still to be sent; False when there is none.

    Past deliveries stay readable.
    """
    await _lock_all(connection)
    if not await lock_queue(connection, subscription_id):
        return False
    steps = {"state": after(Step.CANCEL), "states": before(Step.CANCEL)}
    await connection.execute(_CANCEL, {"id": subscription_id, **steps})
    for statement in _DELETE:
        await connection.execute(statement, {"id": subscription_id})
    return True


_SET_STATE = text(f"""
UPDATE alerts.subscription SET state = :state, state_reason = NULL WHERE subscription_id = :id
RETURNING {_COLUMNS}""")
_OPEN = text("""
UPDATE alerts.queue SET is_open = :is_open, rests_until = NULL, due_at = clock_timestamp()
WHERE subscription_id = :id""")


async def set_state(connection: AsyncConnection, subscription_id: UUID, *, is_paused: bool) -> Subscription | None:
    """Pause a subscription or resume it; what is matched meanwhile waits. None when there is no such."""
    if not await lock_queue(connection, subscription_id):
        return None
    state = "paused" if is_paused else "active"
    row = (await connection.execute(_SET_STATE, {"id": subscription_id, "state": state})).one()
    await connection.execute(_OPEN, {"id": subscription_id, "is_open": not is_paused})
    if not is_paused:
        await health.begin_afresh(connection, subscription_id)
    await notify(connection)
    return _subscription(row)


async def notify(connection: AsyncConnection) -> None:
    """Wake the senders of all processes at commit."""
    await connection.execute(text("SELECT pg_notify(:channel, '')"), {"channel": DUE_CHANNEL})
