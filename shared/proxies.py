"""What a proxy on this machine tells of the client, and which peer really is at the other end of the connection."""

import os
from collections.abc import Mapping
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

_PEER = "lanewatch.peer"
_TRUSTED = "127.0.0.1"


class BehindProxy:
    """Puts into a request's scope what a proxy tells of the client, and keeps who the peer is (ASGI).

    A proxy is believed at the addresses of FORWARDED_ALLOW_IPS, as of uvicorn; 127.0.0.1 unless set.
    """

    def __init__(self, app: ASGIApp) -> None:
        trusted = os.environ.get("FORWARDED_ALLOW_IPS", _TRUSTED)
        self._app = ProxyHeadersMiddleware(app, trusted)  # type: ignore[arg-type] # ASGI, typed more loosely

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        scope.setdefault(_PEER, scope.get("client"))
        await self._app(scope, receive, send)  # type: ignore[arg-type] # as above


def peer_of(scope: Mapping[str, Any]) -> str | None:
    """Return the address at the other end of a request's connection, whatever headers say."""
    peer = scope.get(_PEER) or scope.get("client")
    return str(peer[0]) if peer else None
