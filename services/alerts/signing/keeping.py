"""What a subscription signs with, made, sealed and stored in the caller's transaction."""

import secrets as chance
from datetime import datetime
from uuid import UUID

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.ext.asyncio import AsyncConnection

from services.alerts.domain.signing import Signature, key_id_of, secret_from
from services.alerts.signing.resealing import seal_secret
from services.alerts.signing.signers import of_retired, of_tenant
from services.alerts.signing.vault import SealError, Vault
from services.alerts.store import secrets
from services.alerts.store.secrets import KeptKey, NewKey
from services.alerts.store.subscriptions import tell_changed

log = structlog.get_logger(__name__)

SECRET_BYTES = 32


def new_secret() -> str:
    """Return a secret that nobody knows yet."""
    return secret_from(chance.token_bytes(SECRET_BYTES))


async def equip(
    connection: AsyncConnection,
    vault: Vault,
    subscription_id: UUID,
    tenant: str,
    signature: Signature,
    secret: str | None = None,
) -> str | None:
    """Let a subscription have what its kind of signature needs; return its secret when it is a new one."""
    made = None
    if signature != "ed25519" and (secret or not await secrets.has_secret(connection, subscription_id)):
        made = secret or new_secret()
        await secrets.put(connection, subscription_id, seal_secret(vault, made, subscription_id))
    if signature != "hmac":
        await secrets.lock_tenant(connection, tenant)
        if not await secrets.public_keys(connection, tenant):
            await secrets.add_key(connection, tenant, new_key(vault, tenant))
    return made


async def rotate_secret(
    connection: AsyncConnection, vault: Vault, subscription_id: UUID, secret: str, overlap_s: float
) -> datetime | None:
    """Replace a secret; the one before signs as well for `overlap_s`. Return until when."""
    until = await secrets.put(connection, subscription_id, seal_secret(vault, secret, subscription_id), overlap_s)
    await tell_changed(connection, subscription_id)
    return until


async def rotate_key(connection: AsyncConnection, vault: Vault, tenant: str, overlap_s: float) -> None:
    """Replace a tenant's signing key; the one before signs as well for `overlap_s`.

    Of those that sign no more only the public part is kept: what they signed stays to be checked. It is sealed too, so
    that one whom the service did not make is known by it.
    """
    await secrets.lock_tenant(connection, tenant)
    await secrets.add_key(connection, tenant, new_key(vault, tenant), overlap_s)
    await tell_changed(connection, None)
    for key in await secrets.all_keys(connection, tenant):
        if key.has_ended and not key.is_public_only:
            sealed = vault.seal(key.public, of_retired(tenant, key.key_id))
            await secrets.keep_public(connection, tenant, key.key_id, sealed)


async def own_keys(connection: AsyncConnection, vault: Vault, tenant: str) -> list[KeptKey]:
    """Return the keys that are or were the tenant's, the newest first, without those that the service did not make."""
    return [key for key in await secrets.all_keys(connection, tenant) if is_own(vault, tenant, key)]


def is_own(vault: Vault, tenant: str, key: KeptKey) -> bool:
    """Return whether a key is one that the service made, and not one that was put into the database."""
    place = (of_retired if key.is_public_only else of_tenant)(tenant, key.key_id)
    try:
        opened = vault.open(key.sealed, place)
    except SealError as error:
        log.warning("a signing key is not told of", tenant=tenant, key_id=key.key_id, reason=str(error))
        return False
    if key.is_public_only:
        return opened == key.public
    return Ed25519PrivateKey.from_private_bytes(opened).public_key().public_bytes_raw() == key.public


def new_key(vault: Vault, tenant: str) -> NewKey:
    """Return a new signing key; its private part is nowhere but in its sealed form."""
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes_raw()
    key_id = key_id_of(public)
    return NewKey(key_id, public, vault.seal(key.private_bytes_raw(), of_tenant(tenant, key_id)))
