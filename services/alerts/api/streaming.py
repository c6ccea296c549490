"""Server-Sent Events (WHATWG HTML, section 9.2): a page at a time is read and sent, so that a client costs little."""

import asyncio
import time
from uuid import UUID

import msgspec
from fastapi import FastAPI
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from services.alerts.feed import Feed, Watcher
from services.alerts.store import pulls
from services.alerts.store.pulls import Pulled
from shared.database import transaction
from shared.errors import RetryableError
from shared.waiting import wait

AT_ONCE = 50
RETRY_MS = 2000
"""So long a client is to wait before it connects again."""


class _Kind(msgspec.Struct):
    type: str


class AlertStream(Response):
    """Sends a subscription's alerts after a number until the client goes, is too slow, or the token ends."""

    media_type = "text/event-stream"

    def __init__(self, app: FastAPI, tenant: str, subscription_id: UUID, after: int, ends_at: float | None) -> None:
        super().__init__(headers={"cache-control": "no-store", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self.engine, self.feed = app.state.engine, app.state.feed
        self.heartbeat_s: float = app.state.settings.alerts_heartbeat_s
        self.slow_after_s: float = app.state.settings.alerts_slow_after_s
        self.tenant, self.subscription_id, self.after, self.ends_at = tenant, subscription_id, after, ends_at
        self._is_gone = False

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        """Serve the stream. Raises CallerError, before anything is sent, when there are too many."""
        feed: Feed = self.feed
        with feed.watching(self.subscription_id, self.after, self.tenant) as watcher:
            listening = asyncio.create_task(self._listen(receive, watcher))
            try:
                await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                await self._send(send, f"retry: {RETRY_MS}\n\n".encode())
                await self._go_on(send, watcher)
                # A client that takes nothing is cut off: what is left unsaid, the server closes.
                await self._send(send, b"", more=False)
            except TimeoutError:
                return
            finally:
                listening.cancel()

    async def _go_on(self, send: Send, watcher: Watcher) -> None:
        while not self._is_over():
            watcher.news.clear()
            found = await self._read()
            if found is None:
                return
            if found:
                await self._send(send, b"".join(map(event_of, found)))
                watcher.after = self.after = found[-1].sequence
                continue
            if not self._is_over() and not await wait(watcher.news, self._patience_s()):
                await self._send(send, b":\n\n")

    async def _read(self) -> list[Pulled] | None:
        """Return the next page; None when the subscription is gone. While the database is away there is nothing."""
        try:
            async with transaction(self.engine) as connection:
                if not await pulls.last_of(connection, [self.subscription_id]):
                    return None
                return await pulls.after(connection, self.subscription_id, self.after, AT_ONCE)
        except RetryableError:
            return []

    def _is_over(self) -> bool:
        is_ended = self.ends_at is not None and time.monotonic() >= self.ends_at
        return self._is_gone or self.feed.is_leaving or is_ended

    def _patience_s(self) -> float:
        if self.ends_at is None:
            return self.heartbeat_s
        return max(0.0, min(self.heartbeat_s, self.ends_at - time.monotonic()))

    async def _send(self, send: Send, chunk: bytes, *, more: bool = True) -> None:
        async with asyncio.timeout(self.slow_after_s):
            await send({"type": "http.response.body", "body": chunk, "more_body": more})

    async def _listen(self, receive: Receive, watcher: Watcher) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._is_gone = True
        watcher.news.set()


def event_of(pulled: Pulled) -> bytes:
    """Return an alert as an event of the stream."""
    kind = msgspec.json.decode(pulled.body, type=_Kind).type
    # A line feed may stand between the members of JSON, where it means nothing; in a text it is escaped.
    body = pulled.body.replace(b"\r", b" ").replace(b"\n", b" ")
    head = f'id: {pulled.sequence}\nevent: {kind}\ndata: {{"sequence":{pulled.sequence},"webhook_id":"'
    return f'{head}{pulled.delivery_id}","event":'.encode() + body + b"}\n\n"
