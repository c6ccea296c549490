"""Webhook signatures as Standard Webhooks 1.0 defines them: symmetric (`v1`) and asymmetric (`v1a`)."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Literal, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PREFIX = "whsec_"
PUBLIC_PREFIX = "whpk_"
MIN_KEY_BYTES, MAX_KEY_BYTES = 24, 64

K = TypeVar("K")
Signature = Literal["hmac", "ed25519", "both"]


def secret_from(key: bytes) -> str:
    """Return a key in the form in which it is shown and given."""
    return PREFIX + base64.b64encode(key).decode()


def key_of(secret: str) -> bytes:
    """Return the key in a secret; raises ValueError when it has the wrong form or length."""
    if not secret.startswith(PREFIX):
        raise ValueError(f"a secret must begin with {PREFIX}")
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("a secret must be base64 after its prefix") from error
    if not MIN_KEY_BYTES <= len(key) <= MAX_KEY_BYTES:
        raise ValueError(f"a secret must hold {MIN_KEY_BYTES} to {MAX_KEY_BYTES} bytes, got {len(key)}")
    return key


def public_text(public: bytes) -> str:
    """Return the public part of an ed25519 key in the form in which it is shown."""
    return PUBLIC_PREFIX + base64.b64encode(public).decode()


def key_id_of(public: bytes) -> str:
    """Return the name of a key: its thumbprint (RFC 7638, RFC 8037)."""
    members = f'{{"crv":"Ed25519","kty":"OKP","x":"{_url_text(public)}"}}'
    return _url_text(hashlib.sha256(members.encode()).digest())


def jwk(public: bytes) -> dict[str, str]:
    """Return a public key as RFC 8037 writes it."""
    named = {"alg": "EdDSA", "use": "sig", "kid": key_id_of(public)}
    return {"kty": "OKP", "crv": "Ed25519", "x": _url_text(public), **named}


def _url_text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signing_input(webhook_id: str, timestamp: int, body: bytes) -> bytes:
    """Return what is signed: id, seconds since the epoch and body, joined by full stops."""
    return f"{webhook_id}.{timestamp}.".encode() + body


def sign(key: bytes, webhook_id: str, timestamp: int, body: bytes) -> str:
    """Return the symmetric signature."""
    return _symmetric(key, signing_input(webhook_id, timestamp, body))


def sign_asymmetric(key: Ed25519PrivateKey, webhook_id: str, timestamp: int, body: bytes) -> str:
    """Return the asymmetric signature."""
    return _asymmetric(key, signing_input(webhook_id, timestamp, body))


def _symmetric(key: bytes, said: bytes) -> str:
    return "v1," + base64.b64encode(hmac.digest(key, said, hashlib.sha256)).decode()


def _asymmetric(key: Ed25519PrivateKey, said: bytes) -> str:
    return "v1a," + base64.b64encode(key.sign(said)).decode()


@dataclass(frozen=True)
class Until(Generic[K]):
    """A key, and until when it signs; None is without an end."""

    key: K
    until: datetime | None = None

    def signs(self, now: datetime) -> bool:
        """Return whether it signs now."""
        return self.until is None or now < self.until


@dataclass(frozen=True)
class Signer:
    """All keys of an endpoint, ready to sign with; while one is being replaced there are two of its kind."""

    secrets: Sequence[Until[bytes]] = ()
    keys: Sequence[Until[Ed25519PrivateKey]] = ()

    def header(self, webhook_id: str, now: datetime, body: bytes) -> str:
        """Return the `webhook-signature` header's value: a signature by each key that signs now, apart by blanks."""
        said = signing_input(webhook_id, int(now.timestamp()), body)
        return " ".join(
            (
                *(_symmetric(each.key, said) for each in self.secrets if each.signs(now)),
                *(_asymmetric(each.key, said) for each in self.keys if each.signs(now)),
            )
        )
