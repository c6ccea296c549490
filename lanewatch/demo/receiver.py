"""The subscriber's side: takes webhooks, checks each signature, and keeps what it has seen over restarts."""

import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from aiohttp import web
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from lanewatch.stack import StackError


class Received(NamedTuple):
    """A webhook that was seen for the first time."""

    subscriber: str
    webhook_id: str
    event_name: str
    """Source and id of the alert."""


Tell = Callable[[dict[str, Any]], None]
"""Told the body of each alert when it is first seen by any subscriber."""


class Receiver:
    """An HTTP server with one address for each subscriber, `/NAME`."""

    def __init__(self, folder: Path, secrets: Mapping[str, str], tell: Tell) -> None:
        self.webhooks = {name: Webhook(secret) for name, secret in secrets.items()}
        self.tell = tell
        self.verified = 0
        self.forged = 0
        self.repeated = 0
        """Verified webhooks whose id was known: tries that were made again, as at-least-once allows."""
        self.arrived_at: dict[str, float] = {}
        """By alert name: when it first came in this run."""
        self._path = folder / "received.jsonl"
        self.received = _read(self._path)
        self._runner: web.AppRunner | None = None

    @property
    def doubled(self) -> int:
        """How many webhooks told a subscriber of an alert that it had been told of under another id."""
        return len(self.received) - len({(one.subscriber, one.event_name) for one in self.received.values()})

    async def start(self, host: str, port: int) -> None:
        """Listen. Raises StackError when the port is taken."""
        app = web.Application()
        app.router.add_post("/{name}", self._take)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, host, port).start()
        except OSError as error:
            await self.stop()
            raise StackError(f"The demo's receiver cannot listen on port {port}: {error.strerror}.") from error

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner:
            await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        name, body = request.match_info["name"], await request.read()
        if name not in self.webhooks:
            return web.Response(status=HTTPStatus.NOT_FOUND)
        try:
            alert = self.webhooks[name].verify(body, dict(request.headers))
        except (WebhookVerificationError, ValueError) as error:
            self.forged += 1
            return web.Response(status=HTTPStatus.BAD_REQUEST, text=str(error))
        self.verified += 1
        self._keep(Received(name, request.headers["webhook-id"], f"{alert['source']} {alert['id']}"), alert)
        return web.Response(status=HTTPStatus.NO_CONTENT)

    def _keep(self, one: Received, alert: dict[str, Any]) -> None:
        if one.webhook_id in self.received:
            self.repeated += 1
            return
        with self._path.open("ab") as file:
            file.write(msgspec.json.encode(one) + b"\n")
        self.received[one.webhook_id] = one
        if one.event_name not in self.arrived_at:
            self.arrived_at[one.event_name] = time.monotonic()
            self.tell(alert)


def _read(path: Path) -> dict[str, Received]:
    """Return what was kept, by webhook id; a last line that was cut off is left out, since it was not confirmed."""
    found = {}
    for line in path.read_bytes().splitlines() if path.exists() else ():
        try:
            one = msgspec.json.decode(line, type=Received)
        except msgspec.DecodeError:
            continue
        found[one.webhook_id] = one
    return found
