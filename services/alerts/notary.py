"""Signs how far chains have come, by the key of the tenant whose they are."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.alerts.domain.evidence import Checkpoint, moment, signed
from services.alerts.keeping import new_key
from services.alerts.signers import of_tenant
from services.alerts.store import evidence, secrets
from services.alerts.store.evidence import Head, SignedCheckpoint
from services.alerts.vault import SealError, Vault
from shared.database import transaction
from shared.errors import RetryableError

log = structlog.get_logger(__name__)

AT_ONCE = 200


async def key_of(connection: AsyncConnection, vault: Vault, tenant: str) -> Ed25519PrivateKey:
    """Return the tenant's key, made now if there is none. Raises SealError."""
    found = await secrets.current_key(connection, tenant)
    if found is None:
        await secrets.lock_tenant(connection, tenant)
        if (found := await secrets.current_key(connection, tenant)) is None:
            await secrets.add_key(connection, tenant, new_key(vault, tenant))
            found = await secrets.current_key(connection, tenant)
    if found is None:
        raise SealError(f"there is no signing key of {tenant}")
    key_id, sealed = found
    return Ed25519PrivateKey.from_private_bytes(vault.open(sealed, of_tenant(tenant, key_id)))


def checkpoint(
    key: Ed25519PrivateKey, subscription_id: UUID, head: Head, at: datetime, *, is_closing: bool = False
) -> SignedCheckpoint:
    """Return the signed statement that a chain has come so far."""
    said = Checkpoint(moment(at), is_closing, head.hash.hex(), head.links, str(subscription_id))
    return SignedCheckpoint(
        subscription_id, head.links, head.hash, at, key.public_key().public_bytes_raw(), key.sign(signed(said))
    )


class Notary:
    """Signs the chains that have grown, again and again; any number of processes may do so at once."""

    def __init__(self, engine: AsyncEngine, vault: Vault, every_s: float) -> None:
        self.engine = engine
        self.vault = vault
        self.every_s = every_s

    async def run(self) -> None:
        """Sign until cancelled; while the database is away, chains wait."""
        while True:
            try:
                while await self.sign_some() == AT_ONCE:
                    pass
            except (RetryableError, SealError) as error:
                log.warning("checkpoints wait", reason=str(error))
            await asyncio.sleep(self.every_s)

    async def sign_some(self) -> int:
        """Sign some chains that have grown since they were signed last; return how many. Raises SealError."""
        async with transaction(self.engine) as connection:
            grown = await evidence.grown(connection, AT_ONCE)
            keys = {tenant: await key_of(connection, self.vault, tenant) for tenant in {g.tenant for g in grown}}
            now = datetime.now(UTC)
            made = [checkpoint(keys[g.tenant], g.subscription_id, Head(g.links, g.hash), now) for g in grown]
            if made:
                await evidence.keep_checkpoints(connection, made)
        return len(made)
