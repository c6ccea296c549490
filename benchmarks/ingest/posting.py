"""Posts events one by one over keep-alive connections: `posting PORT EVENTS CONNECTIONS`, and tells how it went."""

import asyncio
import sys
from collections.abc import Iterator
from typing import Any

import uvloop

from benchmarks.ingest.load import declared
from benchmarks.worker import Clock, tell

_HEAD = (
    "POST /v1/events HTTP/1.1\r\nhost: here\r\ncontent-type: application/cloudevents+json\r\ncontent-length: {}\r\n\r\n"
)
_LENGTH = b"content-length: "


class _Connection(asyncio.Protocol):
    """Sends the next request when the answer to the one before is whole. Any answer but 202 ends it all."""

    def __init__(self, requests: Iterator[bytes], done: asyncio.Future[None]) -> None:
        self._requests = requests
        self._done = done
        self._buffer = b""
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._next()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head_end = self._buffer.find(b"\r\n\r\n")
        if head_end < 0:
            return
        if not self._buffer.startswith(b"HTTP/1.1 202"):
            self._fail(self._buffer.decode())
            return
        start = self._buffer.index(_LENGTH) + len(_LENGTH)
        length = int(self._buffer[start : self._buffer.index(b"\r\n", start)])
        if len(self._buffer) >= head_end + 4 + length:
            self._buffer = b""
            self._next()

    def connection_lost(self, _: Exception | None) -> None:
        self._fail("the server closed the connection")

    def _next(self) -> None:
        request = next(self._requests, None)
        if request is not None:
            self._transport.write(request)
            return
        if not self._done.done():
            self._done.set_result(None)
        self._transport.close()

    def _fail(self, why: str) -> None:
        if not self._done.done():
            self._done.set_exception(RuntimeError(why))


async def post(port: int, events: int, connections: int) -> None:
    """Post all events and tell the outcome."""
    loop = asyncio.get_running_loop()
    requests = iter([_HEAD.format(len(body)).encode() + body for body in declared(events)])
    done = [loop.create_future() for _ in range(connections)]
    clock = Clock()
    for one in done:
        await loop.create_connection(lambda one=one: _Connection(requests, one), "127.0.0.1", port)  # type: ignore[misc]
    await asyncio.gather(*done)
    tell(clock.outcome(events))


if __name__ == "__main__":
    uvloop.run(post(*map(int, sys.argv[1:4])))
