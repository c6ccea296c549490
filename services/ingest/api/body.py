"""Reads a request's body within a size and a time, and lets a refused client finish sending."""

import asyncio
import contextlib

from starlette.datastructures import Headers
from starlette.types import Receive

from services.ingest.api.in_hand import Share
from services.ingest.domain.faults import Fault, bad_header, too_large

SMALL_BYTES = 64 * 1024
"""So much may be left unread on a connection that stays open; the server skips it."""
LINGER_BYTES = 16 * 1024 * 1024
LINGER_S = 2.0


class ClientGoneError(Exception):
    """The client closed the connection before its request was whole."""


class RequestBody:
    """The body of one request: what is announced, what was read, what is still to come."""

    def __init__(self, headers: Headers, receive: Receive) -> None:
        self._receive = receive
        self._announced = _announced(headers.getlist("content-length"))
        self._waits_for_consent = "expect" in headers
        self._is_whole = False
        self._is_slow = False

    async def read(self, limit: int, timeout_s: float, share: Share) -> bytes | Fault:
        """Return the body, or the fault of one that is too large or too slow.

        Raises BusyError when too much is in hand already, ClientGoneError.
        """
        if isinstance(self._announced, Fault):
            return self._announced
        over = too_large(f"the body may have at most {limit} bytes")
        if self._announced is not None and self._announced > limit:
            return over
        try:
            async with asyncio.timeout(timeout_s):
                body = await self._chunks(limit, share)
        except TimeoutError:
            self._is_slow = True
            detail = f"the body did not arrive within {timeout_s:g} s"
            return Fault(title="The request was too slow", status=408, detail=detail)
        return over if body is None else body

    async def _chunks(self, limit: int, share: Share) -> bytes | None:
        chunks: list[bytes] = []
        size = 0
        while not self._is_whole:
            chunk = await self._next()
            size += len(chunk)
            if size > limit:
                return None
            share.take(len(chunk))
            chunks.append(chunk)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    async def _next(self) -> bytes:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        self._is_whole = not message.get("more_body", False)
        chunk: bytes = message.get("body", b"")
        return chunk

    @property
    def must_close(self) -> bool:
        """Whether too much is unread, or may be, to keep the connection for a next request."""
        if self._is_whole:
            return False
        is_small = isinstance(self._announced, int) and self._announced <= SMALL_BYTES
        return self._is_slow or self._waits_for_consent or not is_small

    async def linger(self) -> None:
        """Throw away what the client still sends, within bounds.

        A connection that is closed on unread bytes is reset, and the client may lose the answer with it.
        """
        left = 0 if self._is_slow or self._waits_for_consent else LINGER_BYTES
        with contextlib.suppress(TimeoutError, ClientGoneError):
            async with asyncio.timeout(LINGER_S):
                while left > 0 and not self._is_whole:
                    left -= len(await self._next())


def _announced(values: list[str]) -> int | Fault | None:
    if not values:
        return None
    if len(values) == 1 and values[0].isascii() and values[0].isdigit():
        return int(values[0])
    return bad_header("content-length", "not one number")
