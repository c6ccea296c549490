"""The addresses of things: how ids stand in them and how they are read again.

An id may hold anything but control characters: slashes, colons, quotes, letters of any alphabet.
In an address it is percent-encoded, and the routes match the address as it was sent, so that the
licence `L/ledger` (`/v1/licences/L%2Fledger`) is not taken for the ledger of `L`. An id may also
be written with its slashes as they are, where that leaves no doubt.
"""

from typing import Any
from urllib.parse import quote, unquote, urlencode

from starlette.convertors import Convertor, register_url_convertor
from starlette.types import ASGIApp, Receive, Scope, Send

from services.licensing.domain.ledger import account_parts

BASE = "/v1"
COLLECTIONS = {"shipment": "shipments", "licence": "licences", "quota": "quotas", "lane": "lanes"}
"""By kind of a thing: where it is found."""


class IdConvertor(Convertor[str]):
    """An id in a path, percent-encoded: `{licence_id:id}`."""

    regex = ".+"

    def convert(self, value: str) -> str:
        """Return the id."""
        return unquote(value)

    def to_string(self, value: str) -> str:
        """Return the id as it stands in an address."""
        return quote(value, safe="")


register_url_convertor("id", IdConvertor())


class AddressesAsSent:
    """Lets the API's routes see paths as they were sent, before percent-encoding is undone."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        raw: bytes = scope.get("raw_path") or b""
        if scope["type"] == "http" and raw.startswith(f"{BASE}/".encode()):
            scope = {**scope, "path": raw.partition(b"?")[0].decode("ascii", "replace")}
        await self._app(scope, receive, send)


def address_of(kind: str, id: str, *parts: str, **query: Any) -> str:
    """Return where a thing is found, or a part of it, e.g. a licence's `ledger`."""
    path = "/".join((BASE, COLLECTIONS[kind], quote(id, safe=""), *parts))
    asked = {name: value for name, value in query.items() if value is not None}
    return f"{path}?{urlencode(asked)}" if asked else path


def event_address(name: str) -> str:
    """Return where an event is found by its source and id, joined by a blank."""
    source, _, event_id = name.partition(" ")
    return f"{BASE}/events?{urlencode({'source': source, 'id': event_id})}"


def history_address(entity: str, cursor: str | None = None) -> str:
    """Return where the history of a thing (`licence:L-7`) is found."""
    after = f"?{urlencode({'cursor': cursor})}" if cursor else ""
    return f"{BASE}/histories/{quote(entity, safe='')}{after}"


def entity_address(entity: str) -> str:
    """Return where a thing is found by its kind and id (`licence:L-7`); its history, where it has no page."""
    kind, _, key = entity.partition(":")
    return address_of(kind, key) if kind in COLLECTIONS else history_address(entity)


def account_address(account_id: str) -> str:
    """Return where the ledger of an account is found."""
    kind, owner, *part = account_parts(account_id)
    return address_of(kind, owner, "ledger", part=":".join(part) or None, order="newest")
