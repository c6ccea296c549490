"""Seals secrets for the database and opens them: AES-256-GCM by keys that the operator holds.

What is sealed names its key, so that keys can be replaced: all of them open, the first one seals. It is bound to
what it belongs to; put into another's row it does not open.
"""

import base64
import binascii
import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES, NONCE_BYTES = 32, 12
FORM = "v1"


class SealError(Exception):
    """What is sealed does not open; says why."""


class NoKeyError(SystemExit):
    """The service has no key to seal secrets with."""


class Vault:
    """Seals by the first of its keys, opens by any."""

    def __init__(self, keys: Iterable[bytes]) -> None:
        self._keys = {key_id(key): AESGCM(key) for key in keys}
        self.current = next(iter(self._keys), "")
        """The id of the key that seals."""

    def seal(self, secret: bytes, belongs_to: str) -> str:
        """Return a secret in the form in which it is kept."""
        nonce = os.urandom(NONCE_BYTES)
        sealed = nonce + self._key(self.current).encrypt(nonce, secret, belongs_to.encode())
        return f"{FORM}.{self.current}.{base64.b64encode(sealed).decode()}"

    def open(self, sealed: str, belongs_to: str) -> bytes:
        """Return what was sealed. Raises SealError when its key is not there, or it was changed or moved."""
        form, _, rest = sealed.partition(".")
        name, _, text = rest.partition(".")
        if form != FORM:
            raise SealError("it is sealed in a way that is not known")
        data = base64.b64decode(text)
        try:
            return self._key(name).decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], belongs_to.encode())
        except InvalidTag as error:
            raise SealError(f"it does not open by the key {name}: it was changed, or belongs elsewhere") from error

    def _key(self, name: str) -> AESGCM:
        try:
            return self._keys[name]
        except KeyError:
            raise SealError(f"the key {name or 'to seal with'} is not among those of the settings") from None


def key_id(key: bytes) -> str:
    """Return the name of a key: the beginning of a hash of it."""
    return hashlib.sha256(b"lanewatch key id " + key).hexdigest()[:8]


def read_keys(text: str) -> list[bytes]:
    """Return keys of 32 bytes in base64, apart by lines, blanks or commas; raises ValueError when one is none."""
    found = []
    for number, word in enumerate(text.replace(",", " ").split(), 1):
        try:
            key = base64.b64decode(word, validate=True)
        except binascii.Error as error:
            raise ValueError(f"the key no. {number} is not base64") from error
        if len(key) != KEY_BYTES:
            raise ValueError(f"the key no. {number} has {len(key)} bytes and needs {KEY_BYTES}")
        found.append(key)
    return found


def make_vault(keys: str, file: Path | None) -> Vault:
    """Return the vault of these keys, or of those in a file. Raises ValueError; OSError when there is no such file."""
    return Vault(read_keys(file.read_text() if file is not None else keys))
