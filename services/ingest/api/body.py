"""Reads a request's body within a size and a time, and lets a refused client finish sending."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Iterator

from starlette.types import Receive

from services.ingest.api.head import Head
from services.ingest.api.in_hand import Share
from services.ingest.api.patience import within
from services.ingest.domain.expansion import Expander, ExpansionError, expander_of
from services.ingest.domain.faults import Fault, bad_header, too_large

SMALL_BYTES = 64 * 1024
"""So much may be left unread on a connection that stays open; the server skips it."""
LINGER_BYTES = 16 * 1024 * 1024
LINGER_S = 2.0
TRICKLE_BYTES = 1024
"""A stream must bring so much in each span of the time that a body may take."""


class ClientGoneError(Exception):
    """The client closed the connection before its request was whole."""


class BodyError(Exception):
    """The body cannot be read to its end."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.title)
        self.fault = fault


class RequestBody:
    """The body of one request: what is announced, what was read, what is still to come."""

    def __init__(self, head: Head, receive: Receive, *, max_expansion: int) -> None:
        self._receive = receive
        self._expander = expander_of(head.encodings, max_expansion) if head.encodings else None
        self._announced = _announced(head.lengths)
        self._waits_for_consent = head.waits_for_consent
        self._is_whole = False
        self._is_slow = False

    async def read(self, limit: int, timeout_s: float, share: Share) -> bytes | Fault:
        """Return the body, or the fault of one that is too large or too slow.

        Raises BusyError when too much is in hand already, ClientGoneError.
        """
        try:
            self._check_headers()
            is_over = isinstance(self._announced, int) and self._announced > limit
            body = None if is_over else await within(timeout_s, self._whole(limit, share))
        except TimeoutError:
            return self._slow(f"the body did not arrive within {timeout_s:g} s")
        except BodyError as error:
            return error.fault
        return too_large(f"the body may have at most {limit} bytes") if body is None else body

    async def stream(self, timeout_s: float) -> AsyncIterator[bytes]:
        """Yield the body piece by piece; only the time waited for the client counts.

        Raises BodyError for one that is too slow or cannot be expanded, ClientGoneError.
        """
        self._check_headers()
        loop = asyncio.get_running_loop()
        waited, came = 0.0, 0
        while not self._is_whole:
            begun = loop.time()
            try:
                chunk = await within(max(0.0, timeout_s - waited), self._next())
            except TimeoutError:
                chunk = None
            waited += loop.time() - begun
            came += len(chunk or b"")
            if waited >= timeout_s or chunk is None:
                if came < TRICKLE_BYTES:
                    raise BodyError(self._slow(f"less than {TRICKLE_BYTES} bytes came in {timeout_s:g} s"))
                waited, came = 0.0, 0
            for piece in self._expanded(chunk or b""):
                yield piece

    async def _whole(self, limit: int, share: Share) -> bytes | None:
        pieces: list[bytes] = []
        size = 0
        while not self._is_whole:
            for piece in self._expanded(await self._next()):
                size += len(piece)
                if size > limit:
                    return None
                share.take(len(piece))
                pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _check_headers(self) -> None:
        if isinstance(self._announced, Fault):
            raise BodyError(self._announced)
        if isinstance(self._expander, Fault):
            raise BodyError(self._expander)

    def _expanded(self, chunk: bytes) -> Iterable[bytes]:
        return self._fed(self._expander, chunk) if isinstance(self._expander, Expander) else (chunk,)

    def _fed(self, expander: Expander, chunk: bytes) -> Iterator[bytes]:
        try:
            yield from expander.feed(chunk)
            if self._is_whole:
                expander.finish()
        except ExpansionError as error:
            raise BodyError(error.fault) from error

    def _slow(self, detail: str) -> Fault:
        self._is_slow = True
        return Fault(title="The request was too slow", status=408, detail=detail)

    async def _next(self) -> bytes:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        self._is_whole = not message.get("more_body", False)
        chunk: bytes = message.get("body", b"")
        return chunk

    @property
    def announced(self) -> int | None:
        """How many bytes the request says that it brings, if it does."""
        return self._announced if isinstance(self._announced, int) else None

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
