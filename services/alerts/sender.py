"""Makes one attempt: a signed POST, with every way in which it can end told as a value."""

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from types import TracebackType
from typing import Self

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from services.alerts.domain.retries import Answer
from services.alerts.domain.signing import key_of, sign
from services.alerts.store.claims import Due, Endpoint

CONTENT_TYPE = "application/cloudevents+json"
USER_AGENT = "lanewatch-alerts/1"
READ_BYTES = 64 * 1024
EXCERPT_BYTES = 1024
KEEPALIVE_S = 4.0
"""Below the 5 s after which common servers close an idle connection, so that none is closed under a request."""


@dataclass(frozen=True)
class Attempt:
    """One try: when, how long, and how it ended."""

    started_at: datetime
    duration_ms: float
    answer: Answer
    response_excerpt: str | None


@dataclass(frozen=True)
class _Response:
    answer: Answer
    excerpt: bytes


class Sender:
    """Posts deliveries over one pool of connections, kept alive and shared by all endpoints."""

    def __init__(
        self,
        *,
        connect_timeout_s: float,
        attempt_timeout_s: float,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.attempt_timeout_s = attempt_timeout_s
        self.now = now
        self._timeout = httpx.Timeout(attempt_timeout_s, connect=connect_timeout_s).as_dict()

    async def __aenter__(self) -> Self:
        # How many requests are under way is limited by who calls, endpoint by endpoint; a limit here
        # would let one endpoint hold back another. A jar would carry cookies from one to another.
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEPALIVE_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
        )
        self._client = httpx.AsyncClient(
            transport=AiohttpTransport(client=session),
            follow_redirects=False,
            trust_env=False,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def send(self, endpoint: Endpoint, due: Due) -> Attempt:
        """Post a delivery; never raises but when it is cancelled."""
        started_at, clock = self.now(), time.perf_counter()
        response = await self._post(endpoint, due, started_at)
        duration_ms = (time.perf_counter() - clock) * 1000
        return Attempt(started_at, round(duration_ms, 3), response.answer, readable(response.excerpt))

    async def _post(self, endpoint: Endpoint, due: Due, started_at: datetime) -> _Response:
        try:
            request = httpx.Request(
                "POST",
                parsed(endpoint.url),
                content=due.body,
                headers=headers(endpoint.secret, due, started_at),
                extensions={"timeout": self._timeout},
            )
            async with asyncio.timeout(self.attempt_timeout_s):
                response = await self._client.send(request, stream=True)
                try:
                    return await _read(response)
                finally:
                    await response.aclose()
        except TimeoutError:
            return _failure(f"no answer within {self.attempt_timeout_s:g} s")
        # ValueError and UnicodeError: a URL or header that the libraries cannot write.
        except (httpx.HTTPError, httpx.InvalidURL, aiohttp.ClientError, OSError, ValueError) as error:
            return _failure(describe(error))


# Reading a URL costs as much as half of all else in a request.
@lru_cache(maxsize=4096)
def parsed(url: str) -> httpx.URL:
    """Return a URL as the client wants it; raises httpx.InvalidURL."""
    return httpx.URL(url)


def headers(secret: str, due: Due, now: datetime) -> dict[str, str]:
    """Return the headers of an attempt: Standard Webhooks 1.0, and the attempt's number."""
    webhook_id, timestamp = str(due.delivery_id), math.floor(now.timestamp())
    return {
        "content-type": CONTENT_TYPE,
        "user-agent": USER_AGENT,
        "accept": "*/*",
        "accept-encoding": "identity",
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(key_of(secret), webhook_id, timestamp, due.body),
        "lanewatch-attempt": str(due.attempts + 1),
    }


async def _read(response: httpx.Response) -> _Response:
    """Read a bounded part of the answer. An answer that breaks off is not an acceptance."""
    status, retry_after = response.status_code, response.headers.get("retry-after")
    excerpt, size, error = b"", 0, None
    try:
        async for chunk in response.aiter_raw():
            excerpt += chunk[: EXCERPT_BYTES - len(excerpt)]
            size += len(chunk)
            if size >= READ_BYTES:
                break
    except (httpx.HTTPError, aiohttp.ClientError, OSError) as broken:
        error = f"the answer broke off: {describe(broken)}"
    return _Response(Answer(status, error, retry_after), excerpt)


def _failure(reason: str) -> _Response:
    return _Response(Answer(error=reason), b"")


def describe(error: Exception) -> str:
    """Return an error as one line; the transport's own errors say more than what they are wrapped in."""
    cause = error.__cause__ if isinstance(error, httpx.HTTPError) and error.__cause__ else error
    text = f"{type(cause).__name__}: {cause}".removesuffix(": ")[:500].replace("\0", "")
    return text.encode(errors="replace").decode()


def readable(excerpt: bytes) -> str | None:
    """Return the beginning of an answer as text that PostgreSQL can hold; None when there is nothing."""
    return excerpt.decode(errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}") or None
