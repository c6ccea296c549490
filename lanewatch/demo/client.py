"""Asks a service over HTTP with patience: a service that is away for a while is no failure."""

import asyncio
import time
from http import HTTPStatus
from typing import Any, NamedTuple

import aiohttp
import msgspec

from lanewatch.stack import StackError

PATIENCE_S = 60.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 1.0
REQUEST_TIMEOUT_S = 20.0


class Answer(NamedTuple):
    """What a service said."""

    status: int
    body: Any


class Client:
    """One service, over a session that all of them share; counts how often it had to ask again."""

    def __init__(self, session: aiohttp.ClientSession, name: str, url: str) -> None:
        self.session = session
        self.name = name
        self.url = url
        self.retries = 0

    async def get(self, path: str, **query: str) -> Any:
        """Return the body of what must be there. Raises StackError."""
        return (await self.ask("GET", path, params=query)).body

    async def ask(self, method: str, path: str, accepted: tuple[int, ...] = (HTTPStatus.OK,), **request: Any) -> Answer:
        """Ask until the service answers. Raises StackError for a refusal, or when it stays away too long."""
        deadline, pause_s = time.monotonic() + PATIENCE_S, FIRST_PAUSE_S
        while True:
            found = await self._try(method, path, request)
            if isinstance(found, Answer) and found.status != HTTPStatus.SERVICE_UNAVAILABLE:
                if found.status in accepted:
                    return found
                raise StackError(f"{self.name} refused {method} {path} with {found.status}: {found.body}")
            if time.monotonic() > deadline:
                raise StackError(f"{self.name} did not answer {method} {path} within {PATIENCE_S:g} s: {found}")
            self.retries += 1
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def _try(self, method: str, path: str, request: dict[str, Any]) -> Answer | str:
        timeout = aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_S)
        try:
            async with self.session.request(method, self.url + path, timeout=timeout, **request) as response:
                text = await response.read()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            return f"{type(error).__name__}: {error}"
        try:
            return Answer(response.status, msgspec.json.decode(text) if text else None)
        except msgspec.DecodeError:
            return Answer(response.status, text.decode(errors="replace")[:500])
