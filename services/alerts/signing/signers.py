"""Opens what signs for an endpoint, once for a claim and not for each attempt."""

from datetime import datetime
from functools import lru_cache
from uuid import UUID

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.alerts.domain.signing import PREFIX, Signer, Until, key_of
from services.alerts.signing.vault import Vault


class Sealed(msgspec.Struct, frozen=True):
    """A key as it is kept, and until when it signs."""

    sealed: str
    until: datetime | None = None
    key_id: str = ""


class Signing(msgspec.Struct, frozen=True):
    """What signs for a subscription, as the database tells it."""

    tenant: str
    secrets: tuple[Sealed, ...] | None = None
    keys: tuple[Sealed, ...] | None = None


def of_subscription(subscription_id: UUID) -> str:
    """Return what a subscription's secrets are bound to."""
    return f"subscription {subscription_id}"


def of_tenant(tenant: str, key_id: str) -> str:
    """Return what a tenant's signing key is bound to."""
    return f"signing key {key_id} of {tenant}"


def of_retired(tenant: str, key_id: str) -> str:
    """Return what the public part of a tenant's retired signing key is bound to."""
    return f"retired signing key {key_id} of {tenant}"


def open_secret(vault: Vault, sealed: str, subscription_id: UUID) -> str:
    """Return a secret as it is shown. Raises SealError. One from before there were seals stands as it is."""
    if sealed.startswith(PREFIX):
        return sealed
    return vault.open(sealed, of_subscription(subscription_id)).decode()


class Signers:
    """The signers of as many endpoints as a process has in hand."""

    def __init__(self, vault: Vault, most: int) -> None:
        self._vault = vault
        self.of = lru_cache(maxsize=most)(self._open)
        """Return the signer of an endpoint, given its id and what signs for it. Raises SealError."""
        # A tenant has one key for all its endpoints.
        self._key = lru_cache(maxsize=most)(self._open_key)

    def _open(self, subscription_id: UUID, signing: str) -> Signer:
        found = msgspec.json.decode(signing, type=Signing)
        return Signer(
            tuple(self._secret(each, subscription_id) for each in found.secrets or ()),
            tuple(Until(self._key(each.sealed, found.tenant, each.key_id), each.until) for each in found.keys or ()),
        )

    def _secret(self, each: Sealed, subscription_id: UUID) -> Until[bytes]:
        return Until(key_of(open_secret(self._vault, each.sealed, subscription_id)), each.until)

    def _open_key(self, sealed: str, tenant: str, key_id: str) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self._vault.open(sealed, of_tenant(tenant, key_id)))
