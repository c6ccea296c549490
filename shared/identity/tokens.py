"""Whether a bearer token is to be believed (RFC 7519; RFC 8725 for what to be careful of), and what it says."""

import time
from typing import Any

import jwt
from jwt.exceptions import PyJWTError

from shared.identity.caller import DEFAULT_TENANT, Caller
from shared.identity.keys import Keys

LEEWAY_S = 10
MAX_TOKEN_BYTES = 8192
REMEMBERED = 10_000
REQUIRED = ["exp", "iss", "aud", "sub"]


class BadTokenError(Exception):
    """The token is not to be believed; says why, to whoever sent it."""


class Tokens:
    """Believes what the keys have signed, for one issuer and one audience, and remembers it until it ends."""

    def __init__(self, keys: Keys, issuer: str, audience: str) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._known: dict[str, tuple[float, Caller]] = {}

    async def caller(self, token: str) -> Caller:
        """Return who sends the token. Raises BadTokenError."""
        if known := self._known.get(token):
            until, caller = known
            if time.time() < until:
                return caller
            del self._known[token]
        if len(token) > MAX_TOKEN_BYTES:
            raise BadTokenError("the token is too long")
        claims = await self._claims(token)
        caller = _caller(claims)
        if len(self._known) >= REMEMBERED:
            del self._known[next(iter(self._known))]
        self._known[token] = (float(claims["exp"]), caller)
        return caller

    async def _claims(self, token: str) -> dict[str, Any]:
        try:
            header = jwt.get_unverified_header(token)
            key = await self._keys.find(header["kid"]) if isinstance(header.get("kid"), str) else None
            # Keys come from where the service was told, never from the token; and so do algorithms.
            if key is None or header.get("alg") != key.algorithm:
                raise BadTokenError("the token is not signed by a key that is known")
            claims: dict[str, Any] = jwt.decode(
                token,
                key.key,
                algorithms=[key.algorithm],
                audience=self._audience,
                issuer=self._issuer,
                leeway=LEEWAY_S,
                options={"require": REQUIRED},
            )
        except PyJWTError as error:
            raise BadTokenError(str(error)) from error
        return claims


def _caller(claims: dict[str, Any]) -> Caller:
    scope, sources, tenant = claims.get("scope", ""), claims.get("sources"), claims.get("tenant", DEFAULT_TENANT)
    if not isinstance(scope, str):
        raise BadTokenError("`scope` is a text of scopes apart by blanks (RFC 8693, section 4.2)")
    if not isinstance(tenant, str) or not tenant:
        raise BadTokenError("`tenant` is a text")
    if sources is not None and not (isinstance(sources, list) and all(isinstance(each, str) for each in sources)):
        raise BadTokenError("`sources` is a list of texts")
    own = None if sources is None else tuple(sources)
    return Caller(claims["sub"], tenant, frozenset(scope.split()), own, float(claims["exp"]))
