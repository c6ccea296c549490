"""Stands before a service: lets through who may, and tells the others why not (RFC 6750, section 3)."""

from collections.abc import Callable, Sequence
from functools import partial
from ipaddress import ip_address

import structlog
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.errors import CallerError
from shared.http import problem_response
from shared.identity.access import OPEN, Access
from shared.identity.caller import CALLER, Caller
from shared.identity.certificates import HEADER, BadCertificateError, Certificates, read_networks
from shared.identity.keys import from_file, from_url
from shared.identity.tokens import BadTokenError, Tokens
from shared.openapi import complete, operations, problem
from shared.proxies import peer_of
from shared.settings import SharedSettings, file_of

log = structlog.get_logger(__name__)

REALM = 'Bearer realm="lanewatch"'
SCHEME = "bearer"
CERTIFICATE = "certificate"


class OpenToAllError(SystemExit):
    """The service would run open where others can reach it."""


class Guard:
    """Asks who it is before anything else of the request is looked at (ASGI).

    A token counts before a certificate: the proxy before a service may ask for one of everybody.
    """

    def __init__(
        self, app: ASGIApp, tokens: Tokens | None, access: Access, certificates: Certificates | None = None
    ) -> None:
        self._app = app
        self._tokens = tokens
        self._access = access
        self._certificates = certificates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        needed = self._access.scope_of(scope["method"], scope["path"])
        if needed != OPEN:
            try:
                scope[CALLER] = await self._caller(scope, needed)
            except CallerError as error:
                await problem_response(error)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _caller(self, scope: Scope, needed: str) -> Caller:
        sent = [value for name, value in scope["headers"] if name == b"authorization"]
        shown = self._certificates and [value for name, value in scope["headers"] if name == HEADER]
        if self._certificates and shown and (not sent or not self._tokens):
            return await self._certified(self._certificates, shown, peer_of(scope), needed)
        if not sent or not self._tokens:
            raise _refused(401, "A bearer token is needed" if self._tokens else "A client certificate is needed", "")
        kind, _, token = sent[0].decode("latin-1").partition(" ")
        if len(sent) > 1 or kind.lower() != SCHEME or not token:
            raise _refused(401, "The authorization cannot be read", "invalid_request", "send `Bearer` and one token")
        try:
            caller = await self._tokens.caller(token.strip())
        except BadTokenError as error:
            raise _refused(401, "The token is not accepted", "invalid_token", str(error)) from error
        if needed not in caller.scopes:
            raise _refused(403, "The token does not allow this", "insufficient_scope", f"needed: {needed}", needed)
        return caller

    async def _certified(
        self, certificates: Certificates, shown: Sequence[bytes], peer: str | None, needed: str
    ) -> Caller:
        try:
            caller = await certificates.caller(shown, peer)
        except BadCertificateError as error:
            raise _refused(401, "The client certificate is not accepted", "", str(error)) from error
        if needed not in caller.scopes:
            title = "The client certificate does not allow this"
            raise _refused(403, title, "insufficient_scope", f"needed: {needed}", needed)
        return caller


def _refused(status: int, title: str, error: str, detail: str = "", scope: str = "") -> CallerError:
    parts = [REALM]
    parts += [f'error="{error}"'] if error else []
    parts += [f'scope="{scope}"'] if scope else []
    # What is still to come of the body is not waited for.
    headers = {"www-authenticate": ", ".join(parts), "connection": "close"}
    return CallerError(status, title, detail=detail, headers=headers)


def protect(app: FastAPI, settings: SharedSettings, access: Access) -> Callable[[ASGIApp], ASGIApp]:
    """Put a guard before all else of the app, and say in its OpenAPI document what each route needs.

    Returns what puts the same guard before something that is served beside the app.
    Raises OpenToAllError when no keys are set and others than this machine could ask; WrongSettingError for a file
    of clients that cannot be read, or proxies that are no networks.
    """
    _describe(app, access, takes_certificates=settings.auth_clients_file is not None)
    keys = None
    if settings.auth_keys_file is not None:
        keys = from_file(settings.auth_keys_file)
    elif settings.auth_jwks_url:
        keys = from_url(settings.auth_jwks_url)
    certificates = _certificates(settings)
    if keys is not None or certificates is not None:
        tokens = Tokens(keys, settings.auth_issuer, settings.auth_audience) if keys is not None else None
        app.add_middleware(Guard, tokens=tokens, access=access, certificates=certificates)
        return partial(Guard, tokens=tokens, access=access, certificates=certificates)
    if settings.auth == "open" or _is_loopback(settings.bind_host):
        log.warning("runs open: whoever reaches it may do anything", address=settings.bind_host)
        return _unguarded
    raise OpenToAllError(
        f"It would listen on {settings.bind_host} and ask nobody for a token. Set LANEWATCH_AUTH_KEYS_FILE or "
        "LANEWATCH_AUTH_JWKS_URL; or LANEWATCH_AUTH=open if something before it decides who may ask."
    )


def _certificates(settings: SharedSettings) -> Certificates | None:
    if settings.auth_clients_file is None:
        return None
    with file_of("auth_proxies"):
        proxies = read_networks(settings.auth_proxies)
    with file_of("auth_clients_file"):
        return Certificates(settings.auth_clients_file, proxies)


def _unguarded(app: ASGIApp) -> ASGIApp:
    return app


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _describe(app: FastAPI, access: Access, *, takes_certificates: bool) -> None:
    document = complete(app)
    schemes = document["components"].setdefault("securitySchemes", {})
    schemes[SCHEME] = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    if takes_certificates:
        schemes[CERTIFICATE] = {"type": "mutualTLS"}
    for path, method, operation in operations(document):
        needed = access.scope_of(method.upper(), path)
        if needed != OPEN:
            operation["security"] = [{SCHEME: []}, *([{CERTIFICATE: []}] if takes_certificates else [])]
            operation["description"] = f"{operation.get('description', '')}\n\nScope: `{needed}`.".strip()
            operation["responses"].setdefault("401", problem("No token, or one that is not accepted."))
            operation["responses"].setdefault("403", problem("The token does not allow this."))
