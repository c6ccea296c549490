"""Receives webhooks in a process of its own: `receiver PORT`. Paths say how it answers, `/ok/7` or `/hang/7`.

`GET /report` tells what arrived since `GET /begin`: how many, how late, and whether each lane came in order.
`GET /heal` makes every path answer well from then on.
"""

import asyncio
import json
import sys
import time
from collections import defaultdict
from itertools import pairwise
from typing import Any

import uvloop

_ANSWERS = {
    b"ok": b"HTTP/1.1 204 No Content\r\n\r\n",
    b"fail": b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 4\r\n\r\nfail",
    b"reset": b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nsome",
    b"endless": b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n",
}
PART = b"x" * 65536


class Book:
    """What arrived."""

    def __init__(self) -> None:
        self.is_healed = False
        self.begin()

    def begin(self) -> None:
        """Forget what arrived."""
        self.latencies_ms: dict[bytes, list[float]] = defaultdict(list)
        self.accepted: dict[bytes, dict[bytes, None]] = defaultdict(dict)
        self.lanes: dict[tuple[bytes, bytes], list[int]] = defaultdict(list)
        """Of each path and lane, the numbers of the alerts as they were accepted."""
        self.again = 0
        self.first_at = self.last_at = 0.0

    def note(self, kind: bytes, path: bytes, body: bytes, *, is_accepted: bool) -> None:
        """Take an alert down; as arrived at this path only when it is accepted."""
        now = time.time()
        start = body.index(b'"id":"') + 6
        alert = body[start : body.index(b'"', start)]
        self.latencies_ms[kind].append(now * 1e3 - int(alert[:19]) / 1e6)
        self.first_at, self.last_at = self.first_at or now, now
        if is_accepted:
            self.again += alert in self.accepted[path]
            lane = body[body.index(b'"lane_id":"') : body.index(b'"', body.index(b'"lane_id":"') + 11)]
            self.accepted[path].setdefault(alert, None)
            self.lanes[path, lane].append(int(alert.split(b"-")[1]))

    def report(self) -> dict[str, Any]:
        """Return the counts."""
        return {
            "latencies_ms": {kind.decode(): its for kind, its in self.latencies_ms.items()},
            "accepted": {path.decode(): len(alerts) for path, alerts in self.accepted.items()},
            "again": self.again,
            "seconds": self.last_at - self.first_at,
            "out_of_order": sum(later < earlier for its in self.lanes.values() for earlier, later in pairwise(its)),
        }


class Receiver(asyncio.Protocol):
    """Answers requests as their paths say."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self._buffer = b""
        self._is_writable = asyncio.Event()
        self._is_writable.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep it."""
        self._transport: Any = transport

    def pause_writing(self) -> None:
        """Hold on."""
        self._is_writable.clear()

    def resume_writing(self) -> None:
        """Go on."""
        self._is_writable.set()

    def data_received(self, data: bytes) -> None:
        """Answer every request that is whole."""
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            size = 0
            if (place := head.find(b"content-length: ")) >= 0:
                size = int(head[place + 16 :].split(b"\r\n", 1)[0])
            if len(self._buffer) < end + 4 + size:
                return
            body, self._buffer = self._buffer[end + 4 : end + 4 + size], self._buffer[end + 4 + size :]
            method, path, _ = head.split(b" ", 2)
            if method == b"get":
                self._tell(path)
            else:
                self._take(path, body)

    def _take(self, path: bytes, body: bytes) -> None:
        kind = path.split(b"/")[1]
        answers = b"ok" if self.book.is_healed else kind
        self.book.note(kind, path, body, is_accepted=answers in (b"ok", b"endless"))
        if answers == b"hang":
            return
        self._transport.write(_ANSWERS[answers])
        if answers == b"reset":
            self._transport.abort()
        elif answers == b"endless":
            asyncio.get_running_loop().create_task(self._go_on())

    async def _go_on(self) -> None:
        while not self._transport.is_closing():
            await self._is_writable.wait()
            self._transport.write(PART)
            await asyncio.sleep(0)

    def _tell(self, path: bytes) -> None:
        said = b"{}"
        if path == b"/begin":
            self.book.begin()
        elif path == b"/heal":
            self.book.is_healed = True
        else:
            said = json.dumps(self.book.report()).encode()
        self._transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(said), said))


async def receive(port: int) -> None:
    """Receive until the process is ended."""
    book = Book()
    server = await asyncio.get_running_loop().create_server(lambda: Receiver(book), "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(receive(int(sys.argv[1])))
