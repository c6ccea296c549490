"""Seals anew what an earlier key sealed, or what was kept before there were seals, while the service runs."""

import asyncio
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from services.alerts.signing.signers import of_retired, of_subscription, of_tenant, open_secret
from services.alerts.signing.vault import FORM, SealError, Vault
from services.alerts.store import secrets
from services.alerts.store.secrets import SealedRow
from shared.database import transaction
from shared.errors import RetryableError

log = structlog.get_logger(__name__)

AT_ONCE = 500
BACKOFF_S = 1.0


async def reseal_all(engine: AsyncEngine, vault: Vault) -> None:
    """Bring all that is sealed to the first key, however long it takes; what does not open stays as it is."""
    while True:
        try:
            count = await reseal(engine, vault)
        except RetryableError as error:
            log.warning("sealing anew waits for the database", reason=str(error))
            await asyncio.sleep(BACKOFF_S)
            continue
        if count:
            log.info("secrets were sealed anew", count=count, key=vault.current)
        return


async def reseal(engine: AsyncEngine, vault: Vault) -> int:
    """Seal anew what the first key has not sealed; return how many. Raises RetryableError."""
    prefix = f"{FORM}.{vault.current}."
    async with transaction(engine) as connection:
        count = 0
        for tenant, key_id, sealed, is_public_only in await secrets.keys_not_sealed_by(connection, prefix):
            place = (of_retired if is_public_only else of_tenant)(tenant, key_id)
            try:
                await secrets.seal_key_anew(connection, tenant, key_id, vault.seal(vault.open(sealed, place), place))
            except SealError as error:
                log.warning("a signing key cannot be sealed anew", tenant=tenant, key_id=key_id, reason=str(error))
            else:
                count += 1
    after = UUID(int=0)
    while True:
        async with transaction(engine) as connection:
            rows = await secrets.not_sealed_by(connection, prefix, after, AT_ONCE)
            anew = [new for row in rows if (new := _anew(vault, row)) is not None]
            if anew:
                await secrets.seal_anew(connection, anew)
        count += len(anew)
        if not rows:
            return count
        after = rows[-1].subscription_id


def _anew(vault: Vault, row: SealedRow) -> SealedRow | None:
    of = row.subscription_id
    try:
        sealed = seal_secret(vault, open_secret(vault, row.sealed, of), of)
        before = row.sealed_before and seal_secret(vault, open_secret(vault, row.sealed_before, of), of)
    except SealError as error:
        log.warning("a secret cannot be sealed anew", subscription_id=of, reason=str(error))
        return None
    return SealedRow(of, sealed, before)


def seal_secret(vault: Vault, secret: str, subscription_id: UUID) -> str:
    """Return a subscription's secret in the form in which it is kept."""
    return vault.seal(secret.encode(), of_subscription(subscription_id))
