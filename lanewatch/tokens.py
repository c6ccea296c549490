"""Issues tokens for the local stack: a key pair of its own, made once, and short-lived tokens signed with it."""

import base64
import hashlib
import json
import os
import re
import time
from collections.abc import Sequence
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from lanewatch.stack import StackConfig
from lanewatch.stack.errors import StackError
from shared.identity.access import SCOPES
from shared.identity.caller import DEFAULT_TENANT

ISSUER = AUDIENCE = "lanewatch"
OWN_TTL_S = 600
SIGNING = "signing.pem"
TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
"""What a bearer token may consist of (RFC 6750, section 2.1)."""


def ensure_keys(config: StackConfig) -> Path:
    """Make the key pair unless it is there; return the file of the public one, a JWKS."""
    signing, public = config.keys_file.with_name(SIGNING), config.keys_file
    if not signing.exists():
        signing.parent.mkdir(parents=True, exist_ok=True)
        pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        # Readable by its owner alone from its first byte on.
        with os.fdopen(os.open(signing, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(pem)
    public.write_text(json.dumps({"keys": [_jwk(_signing_key(config))]}, indent=2) + "\n")
    return public


def issue(
    config: StackConfig,
    *,
    scopes: Sequence[str],
    ttl_s: int,
    tenant: str = DEFAULT_TENANT,
    subject: str = "local",
    sources: Sequence[str] = (),
) -> str:
    """Return a token of the local key. Raises StackError for a scope that there is not."""
    if unknown := [scope for scope in scopes if scope not in SCOPES]:
        raise StackError(f"There is no scope {unknown[0]}; there are {', '.join(SCOPES)}.")
    ensure_keys(config)
    key = _signing_key(config)
    now = int(time.time())
    claims: dict[str, object] = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": subject,
        "iat": now,
        "exp": now + ttl_s,
        "scope": " ".join(scopes),
        "tenant": tenant,
    }
    if sources:
        claims["sources"] = list(sources)
    return jwt.encode(claims, key, algorithm="EdDSA", headers={"kid": _jwk(key)["kid"]})


def headers(config: StackConfig) -> dict[str, str]:
    """Return what the command line is let in with: LANEWATCH_TOKEN, or a token of the local stack if it has keys.

    Raises StackError for a LANEWATCH_TOKEN that no header can carry; an empty one counts as unset.
    """
    token = os.environ.get("LANEWATCH_TOKEN", "").strip() or None
    if token and not TOKEN.fullmatch(token):
        raise StackError("LANEWATCH_TOKEN is no token: it has other characters than letters, digits and -._~+/=.")
    if token is None and config.keys_file.exists():
        token = issue(config, scopes=list(SCOPES), ttl_s=OWN_TTL_S, subject="command line")
    return {} if token is None else {"authorization": f"Bearer {token}"}


def _signing_key(config: StackConfig) -> Ed25519PrivateKey:
    key = load_pem_private_key(config.keys_file.with_name(SIGNING).read_bytes(), None)
    if not isinstance(key, Ed25519PrivateKey):
        raise StackError(f"{SIGNING} holds no Ed25519 key.")
    return key


def _jwk(key: Ed25519PrivateKey) -> dict[str, str]:
    """Return the public key (RFC 8037), named by a hash of it."""
    raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    kid = hashlib.sha256(raw).hexdigest()[:16]
    return {"kty": "OKP", "crv": "Ed25519", "x": base64.urlsafe_b64encode(raw).rstrip(b"=").decode(), "kid": kid}
