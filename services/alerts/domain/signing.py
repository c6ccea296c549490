"""Webhook signatures as Standard Webhooks 1.0 defines them (symmetric, `v1`)."""

import base64
import binascii
import hashlib
import hmac

PREFIX = "whsec_"
MIN_KEY_BYTES, MAX_KEY_BYTES = 24, 64


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


def signing_input(webhook_id: str, timestamp: int, body: bytes) -> bytes:
    """Return what is signed: id, seconds since the epoch and body, joined by full stops."""
    return f"{webhook_id}.{timestamp}.".encode() + body


def sign(key: bytes, webhook_id: str, timestamp: int, body: bytes) -> str:
    """Return the `webhook-signature` header's value."""
    digest = hmac.digest(key, signing_input(webhook_id, timestamp, body), hashlib.sha256)
    return "v1," + base64.b64encode(digest).decode()
