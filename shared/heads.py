"""Bounds a request's head, in bytes and in time, before anything else of the service sees it."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_BYTES = 64 * 1024
"""More than any proxy in front lets through, which is 8 to 60 KiB."""
TIMEOUT_S = 10.0
"""From a connection's beginning, or a request's first byte, to the end of its head."""

_REASONS = {408: "Request Timeout", 431: "Request Header Fields Too Large"}


class BoundedHeads(HttpToolsProtocol):
    """uvicorn's protocol on httptools, which answers 431 (RFC 6585, section 5) or 408, and closes."""

    timeout_s = TIMEOUT_S

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_since: float | None = None
        self._head_bytes = 0
        self._piece = 0
        """Bytes that came last."""
        self._has_begun = False
        self._is_refused = False
        self._watch: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first head."""
        super().connection_made(transport)
        self._head_since = self.loop.time()
        self._watch = self.loop.call_later(self.timeout_s, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        if self._watch is not None:
            self._watch.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes, unless the head that they belong to is too long."""
        if self._is_refused:
            return
        self._piece = len(data)
        super().data_received(data)
        if self._head_since is not None and not self._is_refused:
            self._head_bytes += len(data)
            self._has_begun = True
            if self._head_bytes > MAX_BYTES:
                self._refuse(431)

    def on_message_begin(self) -> None:
        """Begin to count."""
        super().on_message_begin()
        self._head_since, self._head_bytes, self._has_begun = self.loop.time(), 0, True

    def on_headers_complete(self) -> None:
        """Go on with a request whose head is whole and not too long, though it came in one piece."""
        self._head_since = None
        if self._head_bytes + self._piece > MAX_BYTES and self._size() > MAX_BYTES:
            self._refuse(431)
            raise ValueError("the head is too long")  # so that the parser goes no further
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, or what the parser was told to stop at, which is answered."""
        if not self._is_refused:
            super().send_400_response(msg)

    def _size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers)

    def _look(self) -> None:
        now, since = self.loop.time(), self._head_since
        if since is not None and now - since >= self.timeout_s:
            # To a connection on which nothing was asked there is nothing to answer.
            if self._has_begun:
                self._refuse(408)
            else:
                self.transport.close()
            return
        left_s = self.timeout_s - (now - since if since is not None else 0.0)
        self._watch = self.loop.call_later(left_s, self._look)

    def _refuse(self, status: int) -> None:
        self._is_refused = True
        # Into an answer that is under way nothing can be said.
        is_answering = self.cycle is not None and not self.cycle.response_complete  # type: ignore[redundant-expr] # at first
        if not self.transport.is_closing() and not is_answering:
            line = f"HTTP/1.1 {status} {_REASONS[status]}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
            self.transport.write(line.encode())
        self.transport.close()
