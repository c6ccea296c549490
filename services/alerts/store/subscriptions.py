"""Subscriptions, their index rows and their queues."""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.alerts.domain.delivery import Step
from services.alerts.domain.filters import Filter, Key, filter_keys, rank
from services.alerts.domain.timing import Digest, QuietHours
from services.alerts.domain.wishes import Format, Ordering
from services.alerts.store import CHANGED_CHANNEL, DUE_CHANNEL, leftovers
from services.alerts.store.intake import columns


class NewSubscription(NamedTuple):
    """What a subscription is created from."""

    name: str
    url: str | None
    filter: Filter
    idempotency_key: str | None
    idempotency_hash: bytes | None
    tenant: str = "default"
    signature: str = "hmac"
    format: Format = "cloudevents"
    ordering: Ordering = "lane"
    expires_at: datetime | None = None
    digest: Digest | None = None
    quiet_hours: QuietHours | None = None
    awaits: str | None = None
    """Why it is paused from the beginning, if it is."""


class Subscription(NamedTuple):
    """A subscription as it may be shown: its secret is not in it."""

    subscription_id: UUID
    name: str
    url: str | None
    filter: Filter
    state: str
    """As it was set, or `expired`."""
    state_reason: str | None
    created_at: datetime
    idempotency_hash: bytes | None
    signature: str
    version: int
    """Counts the changes from 1."""
    format: Format
    ordering: Ordering
    expires_at: datetime | None
    digest: Digest | None
    quiet_hours: QuietHours | None
    condition_failed_at: datetime | None
    condition_failure: str | None
    verified_at: datetime | None
    set_state: str
    """As it was set: `active` may have expired all the same."""

    @property
    def is_weighed(self) -> bool:
        """Whether more than the index decides if, and when, an alert is for it."""
        return bool(self.filter.condition or self.digest or self.quiet_hours)


COLUMNS = """subscription_id, name, url, CAST(filter AS text) AS filter,
    CASE WHEN expires_at <= clock_timestamp() AND state <> 'deleted' THEN 'expired' ELSE state END AS state,
    CASE WHEN expires_at <= clock_timestamp() THEN 'no alert after ' || to_char(expires_at AT TIME ZONE 'UTC',
        'YYYY-MM-DD HH24:MI "UTC"') || ' is for it' ELSE state_reason END AS state_reason,
    created_at, idempotency_hash, signature, version, format, ordering, expires_at, CAST(digest AS text) AS digest,
    CAST(quiet_hours AS text) AS quiet_hours, condition_failed_at, condition_failure, verified_at, state AS set_state"""
_JSON: dict[str, Any] = {"filter": Filter, "digest": Digest, "quiet_hours": QuietHours}

_INSERT = text(f"""
INSERT INTO alerts.subscription (name, url, filter, exporters, kinds, min_severity, idempotency_key,
    idempotency_hash, tenant, signature, format, ordering, expires_at, digest, quiet_hours, state, state_reason)
VALUES (:name, :url, CAST(:filter AS jsonb), CAST(:exporters AS text[]), CAST(:kinds AS text[]),
    :min_severity, :idempotency_key, :idempotency_hash, :tenant, :signature, :format, :ordering, :expires_at,
    CAST(:digest AS jsonb), CAST(:quiet_hours AS jsonb),
    CASE WHEN CAST(:awaits AS text) IS NULL THEN 'active' ELSE 'paused' END, :awaits)
ON CONFLICT (tenant, idempotency_key) DO NOTHING
RETURNING {COLUMNS}""")

_INSERT_KEYS = text("""
INSERT INTO alerts.filter_key (subscription_id, is_weighed, commodity_group, origin, destination)
SELECT :id, :is_weighed, k.* FROM unnest(CAST(:commodity_group AS text[]), CAST(:origin AS text[]),
    CAST(:destination AS text[])) AS k""")


async def lock_all(connection: AsyncConnection) -> None:
    """Wait for alerts that are being matched, and let no others begin: see `intake.share_subscriptions`."""
    await connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('alerts.subscription'))"))


def terms_of(new: NewSubscription | Subscription) -> dict[str, Any]:
    """Return what a subscription says of itself, as the table holds it."""
    wanted = new.filter
    return {
        "name": new.name,
        "url": new.url,
        "filter": msgspec.json.encode(wanted).decode(),
        "exporters": list(wanted.exporters),
        "kinds": list(wanted.kinds),
        "min_severity": rank(wanted.min_severity),
        "format": new.format,
        "ordering": new.ordering,
        "expires_at": new.expires_at,
        "digest": new.digest and msgspec.json.encode(new.digest).decode(),
        "quiet_hours": new.quiet_hours and msgspec.json.encode(new.quiet_hours).decode(),
    }


async def create(connection: AsyncConnection, new: NewSubscription) -> Subscription | None:
    """Create a subscription; None when one with the same idempotency key is there already."""
    await lock_all(connection)
    values = terms_of(new) | {
        "idempotency_key": new.idempotency_key,
        "idempotency_hash": new.idempotency_hash,
        "tenant": new.tenant,
        "signature": new.signature,
        "awaits": new.awaits,
    }
    row = (await connection.execute(_INSERT, values)).one_or_none()
    if row is None:
        return None
    created = read(row)
    await insert_keys(connection, created)
    queue = text("INSERT INTO alerts.queue (subscription_id, is_open) VALUES (:id, :is_open)")
    await connection.execute(queue, {"id": created.subscription_id, "is_open": new.awaits is None})
    return created


async def insert_keys(connection: AsyncConnection, subscription: Subscription) -> None:
    """Insert the index rows of a subscription."""
    keys = columns(sorted(filter_keys(subscription.filter)), Key._fields)
    values = {"id": subscription.subscription_id, "is_weighed": subscription.is_weighed, **keys}
    await connection.execute(_INSERT_KEYS, values)


def read(row: Row[Any]) -> Subscription:
    """Return a subscription from a row of `COLUMNS`."""
    values = dict(row._mapping)  # noqa: SLF001 - how SQLAlchemy names its mapping
    for name, kind in _JSON.items():
        if values[name] is not None:
            values[name] = msgspec.json.decode(values[name], type=kind)
    return Subscription(**values)


async def by_idempotency_key(connection: AsyncConnection, tenant: str, key: str) -> Subscription | None:
    """Return the subscription that the tenant created under this key."""
    statement = text(f"SELECT {COLUMNS} FROM alerts.subscription WHERE tenant = :tenant AND idempotency_key = :key")
    row = (await connection.execute(statement, {"tenant": tenant, "key": key})).one_or_none()
    return None if row is None else read(row)


async def get(connection: AsyncConnection, tenant: str, subscription_id: UUID) -> Subscription | None:
    """Return a subscription of the tenant's that is not deleted."""
    statement = text(f"""SELECT {COLUMNS} FROM alerts.subscription
        WHERE subscription_id = :id AND tenant = :tenant AND state <> 'deleted'""")
    row = (await connection.execute(statement, {"id": subscription_id, "tenant": tenant})).one_or_none()
    return None if row is None else read(row)


class Load(NamedTuple):
    """How much a tenant asks for."""

    subscriptions: int
    condition_chars: int


_LOAD = text("""
SELECT count(*), coalesce(sum(length(filter ->> 'condition')), 0) FROM alerts.subscription
WHERE tenant = :tenant AND state <> 'deleted'""")


async def load_of(connection: AsyncConnection, tenant: str) -> Load:
    """Return how many subscriptions a tenant has, and how long all their conditions are."""
    return Load(*(await connection.execute(_LOAD, {"tenant": tenant})).one())


async def page(connection: AsyncConnection, tenant: str, limit: int, before_id: UUID | None) -> list[Subscription]:
    """Return the tenant's subscriptions, the newest first, from before one on."""
    statement = text(f"""SELECT {COLUMNS} FROM alerts.subscription
        WHERE tenant = :tenant AND state <> 'deleted' AND (CAST(:before AS uuid) IS NULL OR subscription_id < :before)
        ORDER BY subscription_id DESC LIMIT :limit""")
    rows = await connection.execute(statement, {"tenant": tenant, "before": before_id, "limit": limit})
    return [read(row) for row in rows]


async def lock_queue(connection: AsyncConnection, subscription_id: UUID) -> bool:
    """Take the lock under which a subscription's deliveries change; False when it has none any more."""
    statement = text("SELECT 1 FROM alerts.queue WHERE subscription_id = :id FOR UPDATE")
    return (await connection.execute(statement, {"id": subscription_id})).first() is not None


_DELETE = (
    text("DELETE FROM alerts.filter_key WHERE subscription_id = :id"),
    text("DELETE FROM alerts.queue WHERE subscription_id = :id"),
    text("DELETE FROM alerts.secret WHERE subscription_id = :id"),
    text("DELETE FROM alerts.escalation WHERE subscription_id = :id"),
    # What is being told to a second subscription just now is let be: whoever tells it may want a queue's lock.
    text("""DELETE FROM alerts.awaited WHERE delivery_id IN (
        SELECT delivery_id FROM alerts.awaited WHERE subscription_id = :id FOR UPDATE SKIP LOCKED)"""),
    text("""UPDATE alerts.subscription SET state = 'deleted', state_reason = NULL, idempotency_key = NULL
        WHERE subscription_id = :id"""),
)


async def delete(connection: AsyncConnection, subscription_id: UUID) -> bool:
    """Delete a subscription, its secret too, and cancel what is still to be sent; False when there is none.

    Nothing goes out any more, since it has no queue; what is many is cancelled afterwards, and stays readable.
    """
    await lock_all(connection)
    if not await lock_queue(connection, subscription_id):
        return False
    await leftovers.move(connection, subscription_id, Step.CANCEL)
    for statement in _DELETE:
        await connection.execute(statement, {"id": subscription_id})
    await tell_changed(connection, subscription_id)
    return True


async def tell_changed(connection: AsyncConnection, subscription_id: UUID | None) -> None:
    """Let all processes take what they have in hand for a subscription anew at commit; for all when it is None."""
    told = {"channel": CHANGED_CHANNEL, "id": str(subscription_id or "")}
    await connection.execute(text("SELECT pg_notify(:channel, :id)"), told)


async def notify(connection: AsyncConnection) -> None:
    """Wake the senders of all processes at commit."""
    await connection.execute(text("SELECT pg_notify(:channel, '')"), {"channel": DUE_CHANNEL})
