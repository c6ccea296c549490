"""A webhook receiver over real HTTP whose every path can behave in its own way."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Self

import msgspec
from aiohttp import web
from standardwebhooks import Webhook

from tests.integration.alerts.waiting import eventually


@dataclass(frozen=True)
class Got:
    """One request as it arrived."""

    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def webhook_id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def attempt(self) -> int:
        return int(self.headers["lanewatch-attempt"])

    @property
    def event(self) -> dict[str, Any]:
        event: dict[str, Any] = msgspec.json.decode(self.body)
        return event

    def verify(self, secret: str) -> Any:
        """Check the signature with the official library; raises when it does not fit."""
        return Webhook(secret).verify(self.body, self.headers)


Behaviour = Callable[[Got, web.Request], Awaitable[web.StreamResponse]]


async def accept(_: Got, __: web.Request) -> web.StreamResponse:
    return web.Response(status=204)


def status(code: int, **headers: str) -> Behaviour:
    async def answer(_: Got, __: web.Request) -> web.StreamResponse:
        return web.Response(
            status=code, text=f"status {code}", headers={k.replace("_", "-"): v for k, v in headers.items()}
        )

    return answer


def first(code: int, times: int, **headers: str) -> Behaviour:
    """Answer the first requests with a status and accept the others."""
    left = [times]

    async def answer(got: Got, request: web.Request) -> web.StreamResponse:
        left[0] -= 1
        return await (status(code, **headers) if left[0] >= 0 else accept)(got, request)

    return answer


async def hang(_: Got, __: web.Request) -> web.StreamResponse:
    await asyncio.sleep(3600)
    raise AssertionError


@dataclass
class Inbox:
    url: str
    behaviour: Behaviour = accept
    got: list[Got] = field(default_factory=list)

    async def wait_for(self, count: int, deadline_s: float = 15) -> list[Got]:
        await eventually(lambda: len(self.got) >= count, deadline_s, lambda: f"{len(self.got)} of {count} arrived")
        return self.got

    @property
    def ids(self) -> list[str]:
        """The alerts' ids as they arrived."""
        return [got.event["id"] for got in self.got]


class Receiver:
    def __init__(self) -> None:
        self.inboxes: dict[str, Inbox] = {}
        self.port = 0

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/{name}", self._take)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    def inbox(self, name: str = "hook", behaviour: Behaviour = accept) -> Inbox:
        inbox = Inbox(f"http://127.0.0.1:{self.port}/{name}", behaviour)
        self.inboxes[name] = inbox
        return inbox

    async def _take(self, request: web.Request) -> web.StreamResponse:
        inbox = self.inboxes[request.match_info["name"]]
        headers = {name.lower(): value for name, value in request.headers.items()}
        got = Got(headers, await request.read(), time.monotonic())
        inbox.got.append(got)
        return await inbox.behaviour(got, request)
