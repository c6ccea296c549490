"""Keys and tokens for tests: what an identity provider would issue, and what an attacker would try."""

import base64
import hashlib
import hmac
import json
import time
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm

SIGNING = Ed25519PrivateKey.generate()
CURVE = generate_private_key(SECP256R1())
ATTACKER = Ed25519PrivateKey.generate()


def public(key: Ed25519PrivateKey | EllipticCurvePrivateKey, kid: str) -> dict[str, Any]:
    """Return the public key as a JWK."""
    algorithm: Any = OKPAlgorithm if isinstance(key, Ed25519PrivateKey) else ECAlgorithm
    return {**algorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid}


JWKS = json.dumps({"keys": [public(SIGNING, "ed"), public(CURVE, "ec")]})


def write_keys(folder: Path) -> Path:
    """Write the public keys that services are to believe."""
    file = folder / "jwks.json"
    file.write_text(JWKS)
    return file


def claims(scope: str = "", **over: Any) -> dict[str, Any]:
    """Return good claims with some of them changed; None leaves one out."""
    now = int(time.time())
    good = {"iss": "lanewatch", "aud": "lanewatch", "sub": "test", "iat": now, "exp": now + 600, "scope": scope}
    return {name: value for name, value in {**good, **over}.items() if value is not None}


def token(scope: str = "", *, kid: str | None = "ed", **over: Any) -> str:
    """Return a token that is to be believed, but for what is changed."""
    key, algorithm = (CURVE, "ES256") if kid == "ec" else (SIGNING, "EdDSA")
    return jwt.encode(claims(scope, **over), key, algorithm, {"kid": kid} if kid else None)


def bearer(text: str) -> dict[str, str]:
    """Return the header."""
    return {"authorization": f"Bearer {text}"}


def _unsigned(header: dict[str, Any], scope: str) -> str:
    parts = (json.dumps(part).encode() for part in (header, claims(scope)))
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts) + "."


def forged(scope: str) -> dict[str, str]:
    """Return tokens that must not be believed, by what is wrong with them."""
    now = int(time.time())
    pem = SIGNING.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    raw = SIGNING.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    good = token(scope)
    return {
        "garbage": "garbage",
        "empty parts": "..",
        "expired": token(scope, exp=now - 60),
        "not yet valid": token(scope, nbf=now + 60),
        "issued in the future": token(scope, iat=now + 600),
        "wrong issuer": token(scope, iss="https://elsewhere.example"),
        "wrong audience": token(scope, aud="another-service"),
        "without an end": token(scope, exp=None),
        "without an audience": token(scope, aud=None),
        "without an issuer": token(scope, iss=None),
        "without a subject": token(scope, sub=None),
        "unknown kid": jwt.encode(claims(scope), SIGNING, "EdDSA", {"kid": "other"}),
        "no kid": token(scope, kid=None),
        "another's signature": jwt.encode(claims(scope), ATTACKER, "EdDSA", {"kid": "ed"}),
        "the key of another algorithm": jwt.encode(claims(scope), SIGNING, "EdDSA", {"kid": "ec"}),
        "alg none": _unsigned({"alg": "none", "typ": "JWT", "kid": "ed"}, scope),
        "public key as a secret (PEM)": _hmac(pem, scope),
        "public key as a secret (raw)": _hmac(raw, scope),
        "key in the header": jwt.encode(
            claims(scope), ATTACKER, "EdDSA", {"kid": "ed", "jwk": public(ATTACKER, "ed"), "jku": "http://127.0.0.1:9/"}
        ),
        "changed claims": ".".join((good.split(".")[0], token(scope + " more").split(".")[1], good.split(".")[2])),
        "too long": token(scope + " x" * 8000),
    }


def _hmac(secret: bytes, scope: str) -> str:

    head = _unsigned({"alg": "HS256", "typ": "JWT", "kid": "ed"}, scope).removesuffix(".")
    signature = hmac.new(secret, head.encode(), hashlib.sha256).digest()
    return f"{head}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"
