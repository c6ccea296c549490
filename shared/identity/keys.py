"""The public keys that tokens are signed with, as a JWKS (RFC 7517): a file, or an identity provider's address."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import httpx
import structlog
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from jwt import PyJWK
from jwt.exceptions import PyJWTError

log = structlog.get_logger(__name__)

FRESH_S = 300.0
"""Keys older than this are asked for anew, so that one that was withdrawn is not taken for ever."""
PAUSE_S = 10.0
"""At least so long between two questions, however many tokens name keys that are not known."""
MAX_BYTES = 256 * 1024
TIMEOUT_S = 5.0

PublicKey = Ed25519PublicKey | EllipticCurvePublicKey


class Key(NamedTuple):
    """A public key and the one algorithm that it is for: the token has no say in that."""

    key: PublicKey
    algorithm: str


def read_keys(text: str | bytes) -> dict[str, Key]:
    """Return the keys of a JWKS by their `kid`; kinds of keys that are not taken are left out.

    Raises ValueError when it is no JWKS, or holds a private key or one without a `kid`.
    """
    document = json.loads(text)
    if not isinstance(document, dict) or not isinstance(document.get("keys"), list):
        raise ValueError("not a JWKS: an object with a list of `keys`")  # noqa: TRY004 - as any other fault of the text
    found: dict[str, Key] = {}
    for each in document["keys"]:
        if not isinstance(each, dict) or not isinstance(each.get("kid"), str):
            raise ValueError("every key needs a `kid`")  # noqa: TRY004 - as above
        if "d" in each:
            raise ValueError(f"the key {each['kid']} is a private one")
        if key := _key(each):
            found[each["kid"]] = key
    return found


def _key(jwk: dict[str, object]) -> Key | None:
    if jwk.get("use", "sig") != "sig":
        return None
    try:
        key = PyJWK(jwk).key
    except PyJWTError:
        return None
    if isinstance(key, Ed25519PublicKey):
        return Key(key, "EdDSA")
    if isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1):
        return Key(key, "ES256")
    return None


class Keys:
    """Keys that are asked for again when they are old or one is missing; the last good ones stay while that fails."""

    def __init__(self, load: Callable[[], Awaitable[str | bytes]]) -> None:
        self._load = load
        self._keys: dict[str, Key] = {}
        self._asked_at = -FRESH_S
        self._lock = asyncio.Lock()

    async def find(self, kid: str) -> Key | None:
        """Return the key of this name."""
        age = time.monotonic() - self._asked_at
        if age > FRESH_S or (kid not in self._keys and age > PAUSE_S):
            await self._refresh()
        return self._keys.get(kid)

    async def _refresh(self) -> None:
        asked_at = self._asked_at
        async with self._lock:
            if self._asked_at != asked_at:  # Somebody else has just asked.
                return
            self._asked_at = time.monotonic()
            try:
                self._keys = read_keys(await self._load())
            except (OSError, ValueError, httpx.HTTPError) as error:
                log.warning("the keys cannot be read; the last ones stay", reason=repr(error))


def from_file(path: Path) -> Keys:
    """Return the keys of a file; it may change while the service runs."""
    return Keys(lambda: asyncio.to_thread(path.read_bytes))


def from_url(url: str) -> Keys:
    """Return the keys at an address."""

    async def load() -> bytes:
        parts = bytearray()
        async with httpx.AsyncClient(timeout=TIMEOUT_S) as client, client.stream("GET", url) as answer:
            answer.raise_for_status()
            async for part in answer.aiter_bytes():
                parts += part
                if len(parts) > MAX_BYTES:
                    raise ValueError(f"more than {MAX_BYTES} bytes of keys")
        return bytes(parts)

    return Keys(load)
