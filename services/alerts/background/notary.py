"""Signs how far chains have come, by their tenants' keys, once they follow from what was signed of them last."""

import asyncio
from collections import defaultdict
from collections.abc import Container, Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

import structlog
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from prometheus_client import Gauge
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.alerts.domain.evidence import GENESIS, Checkpoint, Fact, Walked, moment, signed, walk
from services.alerts.signing.keeping import new_key, own_keys
from services.alerts.signing.signers import of_tenant
from services.alerts.signing.vault import SealError, Vault
from services.alerts.store import evidence, secrets
from services.alerts.store.evidence import Chain, Head, SignedCheckpoint
from shared.database import transaction
from shared.errors import RetryableError

log = structlog.get_logger(__name__)

REFUSED = Gauge("lanewatch_alerts_chains_refused", "Chains of evidence that were not signed at the last look")
AT_ONCE = 20
"""So many chains in a transaction."""
LINKS_AT_ONCE = 500
"""So many links of each."""


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


def begin_of(chain: Chain, keys: Container[bytes]) -> Walked:
    """Return the link from which on a chain is to be followed: what was signed last, by one of the tenant's keys."""
    if not chain.signed_links:
        return Walked(0, GENESIS)
    last, signed_links = chain.last, chain.signed_links
    if last is None or last.links != signed_links:
        return Walked(
            0, GENESIS, f"it was signed up to link {signed_links}, and the last checkpoint is not of that link"
        )
    if last.public not in keys or not _is_signed(last):
        return Walked(0, GENESIS, f"the checkpoint of link {signed_links} bears no signature of the tenant's")
    if chain.head.links < signed_links:
        return Walked(0, GENESIS, f"it ends at link {chain.head.links} and was signed up to link {signed_links}")
    return Walked(last.links, last.hash)


def _is_signed(last: SignedCheckpoint) -> bool:
    said = Checkpoint(
        moment(last.at), closing=False, hash=last.hash.hex(), links=last.links, subscription_id=str(last[0])
    )
    try:
        Ed25519PublicKey.from_public_bytes(last.public).verify(last.signature, signed(said))
    except (InvalidSignature, ValueError):
        return False
    return True


async def begins(connection: AsyncConnection, vault: Vault, chains: Sequence[Chain]) -> dict[UUID, Walked]:
    """Return the link from which on each chain is to be followed."""
    tenants = {chain.tenant for chain in chains}
    keys = {tenant: {key.public for key in await own_keys(connection, vault, tenant)} for tenant in tenants}
    return {chain.subscription_id: begin_of(chain, keys[chain.tenant]) for chain in chains}


async def go_on(
    connection: AsyncConnection, chains: Sequence[Chain], places: Mapping[UUID, Walked]
) -> dict[UUID, Walked]:
    """Follow each chain that has no fault a bounded way further; return how far that came."""
    found = dict(places)
    going = [chain for chain in chains if places[chain.subscription_id].fault is None]
    ways = [(c.subscription_id, places[c.subscription_id].links, c.head.links) for c in going]
    by_chain: dict[UUID, list[Fact]] = defaultdict(list)
    for row in await evidence.next_links(connection, ways, LINKS_AT_ONCE) if ways else ():
        by_chain[row.subscription_id].append(row)
    for chain in going:
        rows, begin = by_chain[chain.subscription_id], places[chain.subscription_id]
        found[chain.subscription_id] = walk(begin, rows, Walked(*chain.head), is_all=len(rows) < LINKS_AT_ONCE)
        await asyncio.sleep(0)
    return found


async def fault_of(engine: AsyncEngine, vault: Vault, chain: Chain) -> str | None:
    """Return why a chain does not follow from its last checkpoint up to its end; None when it does."""
    async with transaction(engine) as connection:
        found = await begins(connection, vault, [chain])
    while True:
        async with transaction(engine) as connection:
            found = await go_on(connection, [chain], found)
        (walked,) = found.values()
        if walked.fault is not None or walked.links == chain.head.links:
            return walked.fault


class Notary:
    """Signs the chains that have grown, again and again, one process at a time.

    A chain that does not follow from what was signed of it last is signed no more: what stands in the database is not
    what was recorded, and a signature would vouch for it.
    """

    def __init__(self, engine: AsyncEngine, vault: Vault, every_s: float) -> None:
        self.engine = engine
        self.vault = vault
        self.every_s = every_s
        self.refused: dict[UUID, str] = {}
        """Chains that were not signed at the last look, and why."""

    async def run(self) -> None:
        """Sign until cancelled; while the database is away, chains wait."""
        while True:
            try:
                await self.sign()
            except (RetryableError, SealError) as error:
                log.warning("checkpoints wait", reason=str(error))
            await asyncio.sleep(self.every_s)

    async def check(self) -> str | None:
        """Return a note for the health of the service when chains were refused."""
        if not self.refused:
            return None
        which, why = next(iter(self.refused.items()))
        return f"{len(self.refused)} chains of evidence are not signed, among them that of subscription {which}: {why}"

    async def sign(self) -> int:
        """Sign all that has grown since it was signed last; return how many checkpoints that took. Raises SealError.

        A long chain is signed on its way too, so that no transaction is a long one.
        """
        refused: dict[UUID, str] = {}
        count, has_more = 0, True
        while has_more:
            after: UUID | None = UUID(int=0)
            has_more = False
            while after is not None:
                made, after, is_short = await self._sign_some(after, refused)
                count += made
                has_more |= is_short
        for subscription_id, why in refused.items():
            log.error("a chain of evidence is not signed", subscription_id=str(subscription_id), reason=why)
        self.refused = refused
        REFUSED.set(len(refused))
        return count

    async def _sign_some(self, after: UUID, refused: dict[UUID, str]) -> tuple[int, UUID | None, bool]:
        """Sign some chains; return how many, after which one to go on, and whether one has more to be signed."""
        async with transaction(self.engine) as connection:
            if not await evidence.is_alone(connection):
                return 0, None, False
            chains = await evidence.grown(connection, after, AT_ONCE)
            found = await go_on(connection, chains, await begins(connection, self.vault, chains))
            refused.update({which: walked.fault for which, walked in found.items() if walked.fault is not None})
            sound = [chain for chain in chains if found[chain.subscription_id].fault is None]
            keys = {tenant: await key_of(connection, self.vault, tenant) for tenant in {c.tenant for c in sound}}
            now = datetime.now(UTC)
            made = [
                checkpoint(keys[c.tenant], c.subscription_id, Head(*found[c.subscription_id][:2]), now) for c in sound
            ]
            if made:
                await evidence.keep_checkpoints(connection, made)
        is_short = any(found[c.subscription_id].links < c.head.links for c in sound)
        return len(made), chains[-1].subscription_id if len(chains) == AT_ONCE else None, is_short
