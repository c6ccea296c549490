"""Secrets and signing keys, sealed; what opens and seals them is the caller's."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

# What signs for a subscription `s`, as JSON: see `services.alerts.signing.signers.Signing`.
SIGNING = """
json_build_object(
    'tenant', s.tenant,
    'secrets', CASE WHEN s.signature <> 'ed25519' THEN (
        SELECT json_agg(json_build_object('sealed', v.sealed, 'until', v.until))
        FROM alerts.secret k CROSS JOIN LATERAL (
            VALUES (k.sealed, CAST(NULL AS timestamptz)), (k.sealed_before, k.before_until)) AS v(sealed, until)
        WHERE k.subscription_id = s.subscription_id AND v.sealed IS NOT NULL
            AND (v.until IS NULL OR v.until > clock_timestamp())) END,
    'keys', CASE WHEN s.signature <> 'hmac' THEN (
        SELECT json_agg(json_build_object('sealed', k.sealed, 'until', k.signs_until, 'key_id', k.key_id)
            ORDER BY k.created_at DESC)
        FROM alerts.signing_key k
        WHERE k.tenant = s.tenant AND (k.signs_until IS NULL OR k.signs_until > clock_timestamp())) END)"""


class PublicKey(NamedTuple):
    """A tenant's key that signs now, without its private part."""

    key_id: str
    public: bytes
    created_at: datetime
    signs_until: datetime | None


class KeptKey(NamedTuple):
    """A key that is or was a tenant's, with what is sealed of it: the private part, or the public one once retired."""

    key_id: str
    public: bytes
    sealed: str
    is_public_only: bool
    signs_until: datetime | None
    has_ended: bool
    """Whether it signs no more."""


class NewKey(NamedTuple):
    """A new signing key of a tenant."""

    key_id: str
    public: bytes
    sealed: str


_PUT = text("""
INSERT INTO alerts.secret AS k (subscription_id, sealed) VALUES (:id, :sealed)
ON CONFLICT (subscription_id) DO UPDATE SET sealed = excluded.sealed,
    sealed_before = CASE WHEN :overlap_s > 0 THEN k.sealed END,
    before_until = CASE WHEN :overlap_s > 0 THEN clock_timestamp() + make_interval(secs => :overlap_s) END
RETURNING before_until""")


async def put(connection: AsyncConnection, subscription_id: UUID, sealed: str, overlap_s: float = 0) -> datetime | None:
    """Store a secret; the one before signs as well for `overlap_s`. Return until when, if there was one."""
    values = {"id": subscription_id, "sealed": sealed, "overlap_s": float(overlap_s)}
    until: datetime | None = (await connection.execute(_PUT, values)).scalar_one()
    return until


async def has_secret(connection: AsyncConnection, subscription_id: UUID) -> bool:
    """Return whether a subscription has a secret."""
    statement = text("SELECT 1 FROM alerts.secret WHERE subscription_id = :id")
    return (await connection.execute(statement, {"id": subscription_id})).first() is not None


async def set_signature(connection: AsyncConnection, subscription_id: UUID, signature: str) -> None:
    """Choose how a subscription's alerts are signed."""
    statement = text("UPDATE alerts.subscription SET signature = :signature WHERE subscription_id = :id")
    await connection.execute(statement, {"id": subscription_id, "signature": signature})


_SIGNING_OF = text(f"""
SELECT CAST({SIGNING} AS text) FROM alerts.subscription s WHERE s.subscription_id = :id""")


async def signing_of(connection: AsyncConnection, subscription_id: UUID) -> str:
    """Return what signs for a subscription."""
    return str((await connection.execute(_SIGNING_OF, {"id": subscription_id})).scalar_one())


_ADD_KEY = text("""
INSERT INTO alerts.signing_key (tenant, key_id, public, sealed) VALUES (:tenant, :key_id, :public, :sealed)""")
_RETIRE_KEY = text("""
UPDATE alerts.signing_key SET signs_until = clock_timestamp() + make_interval(secs => :overlap_s)
WHERE tenant = :tenant AND signs_until IS NULL""")
_ALL_KEYS = text("""
SELECT key_id, public, sealed, is_public_only, signs_until, coalesce(signs_until <= clock_timestamp(), false)
FROM alerts.signing_key WHERE tenant = :tenant ORDER BY created_at DESC""")
_KEEP_PUBLIC = text("""
UPDATE alerts.signing_key SET sealed = :sealed, is_public_only = true WHERE tenant = :tenant AND key_id = :key_id""")


async def lock_tenant(connection: AsyncConnection, tenant: str) -> None:
    """Let nobody else change the tenant's keys until the transaction ends."""
    statement = text("SELECT pg_advisory_xact_lock(hashtext('alerts.signing_key ' || :tenant))")
    await connection.execute(statement, {"tenant": tenant})


async def add_key(connection: AsyncConnection, tenant: str, key: NewKey, overlap_s: float = 0) -> None:
    """Make a key the tenant's own; the one before signs as well for `overlap_s`."""
    await connection.execute(_RETIRE_KEY, {"tenant": tenant, "overlap_s": float(overlap_s)})
    await connection.execute(_ADD_KEY, {"tenant": tenant, **key._asdict()})


async def all_keys(connection: AsyncConnection, tenant: str) -> list[KeptKey]:
    """Return every key that is or was the tenant's, the newest first."""
    return [KeptKey(*row) for row in await connection.execute(_ALL_KEYS, {"tenant": tenant})]


async def keep_public(connection: AsyncConnection, tenant: str, key_id: str, sealed: str) -> None:
    """Forget the private part of a key; `sealed` holds the public one."""
    await connection.execute(_KEEP_PUBLIC, {"tenant": tenant, "key_id": key_id, "sealed": sealed})


async def current_key(connection: AsyncConnection, tenant: str) -> tuple[str, str] | None:
    """Return id and sealed form of the key that is the tenant's own now."""
    statement = text("SELECT key_id, sealed FROM alerts.signing_key WHERE tenant = :tenant AND signs_until IS NULL")
    row = (await connection.execute(statement, {"tenant": tenant})).one_or_none()
    return None if row is None else (row.key_id, row.sealed)


async def public_keys(connection: AsyncConnection, tenant: str) -> list[PublicKey]:
    """Return the tenant's keys that sign now, the newest first."""
    statement = text("""SELECT key_id, public, created_at, signs_until FROM alerts.signing_key
        WHERE tenant = :tenant AND (signs_until IS NULL OR signs_until > clock_timestamp())
        ORDER BY created_at DESC""")
    return [PublicKey(*row) for row in await connection.execute(statement, {"tenant": tenant})]


class SealedRow(NamedTuple):
    """A row with what is sealed in it."""

    subscription_id: UUID
    sealed: str
    sealed_before: str | None


_TO_SEAL = text("""
SELECT subscription_id, sealed, sealed_before FROM alerts.secret
WHERE subscription_id > :after AND NOT (sealed LIKE :like AND coalesce(sealed_before LIKE :like, true))
ORDER BY subscription_id LIMIT :limit FOR UPDATE""")
_SEALED = text("""
UPDATE alerts.secret k SET sealed = n.sealed, sealed_before = n.sealed_before
FROM unnest(CAST(:ids AS uuid[]), CAST(:sealed AS text[]), CAST(:sealed_before AS text[]))
    AS n(subscription_id, sealed, sealed_before)
WHERE k.subscription_id = n.subscription_id""")


async def not_sealed_by(connection: AsyncConnection, prefix: str, after: UUID, limit: int) -> list[SealedRow]:
    """Return, and lock, secrets whose form does not begin so, from one subscription on."""
    values = {"like": f"{prefix}%", "after": after, "limit": limit}
    return [SealedRow(*row) for row in await connection.execute(_TO_SEAL, values)]


async def seal_anew(connection: AsyncConnection, rows: Sequence[SealedRow]) -> None:
    """Store secrets in another form."""
    ids, sealed, before = zip(*rows, strict=True)
    await connection.execute(_SEALED, {"ids": list(ids), "sealed": list(sealed), "sealed_before": list(before)})


class SealedKey(NamedTuple):
    """A signing key as it is kept."""

    tenant: str
    key_id: str
    sealed: str
    is_public_only: bool


async def keys_not_sealed_by(connection: AsyncConnection, prefix: str) -> list[SealedKey]:
    """Return, and lock, signing keys whose form does not begin so."""
    statement = text("""SELECT tenant, key_id, sealed, is_public_only FROM alerts.signing_key
        WHERE NOT sealed LIKE :like ORDER BY tenant, key_id FOR UPDATE""")
    return [SealedKey(*row) for row in await connection.execute(statement, {"like": f"{prefix}%"})]


async def seal_key_anew(connection: AsyncConnection, tenant: str, key_id: str, sealed: str) -> None:
    """Store a signing key in another form."""
    statement = text("UPDATE alerts.signing_key SET sealed = :sealed WHERE tenant = :tenant AND key_id = :key_id")
    await connection.execute(statement, {"tenant": tenant, "key_id": key_id, "sealed": sealed})
