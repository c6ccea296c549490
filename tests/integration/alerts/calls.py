"""Watches what this process connects to and looks up, and a receiver that nothing may reach."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from services.alerts.calling import tls
from services.alerts.calling.posting import Poster, Response
from services.alerts.calling.resolving import Resolver
from services.alerts.domain.addresses import network
from services.alerts.domain.urls import Reach
from tests.integration.alerts.names import Names

OUTSIDE, OTHER = "127.0.0.1", "127.0.0.3"
"""Stand for addresses that may be called; all others of this machine are inside."""
INSIDE = "127.0.0.2"
REACH = Reach((network(OUTSIDE), network(OTHER)))


@dataclass
class Calls:
    """Addresses that were connected to, and names that the system was asked about."""

    connected: list[tuple[str, int]] = field(default_factory=list)
    looked_up: list[str] = field(default_factory=list)


_watching: list[Calls] = []


def _hear(event: str, details: tuple[Any, ...]) -> None:
    for calls in _watching:
        if event == "socket.connect" and isinstance(details[1], tuple):
            calls.connected.append(details[1][:2])
        elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
            calls.looked_up.append(str(details[0]))


sys.addaudithook(_hear)


@contextmanager
def watched() -> Iterator[Calls]:
    """Note every connection and look-up of this process until the end of the block."""
    calls = Calls()
    _watching.append(calls)
    try:
        yield calls
    finally:
        _watching.remove(calls)


@asynccontextmanager
async def poster(names: Names, reach: Reach = REACH, **changes: Any) -> AsyncIterator[Poster]:
    """A poster that asks the test's DNS server."""
    timeouts: dict[str, Any] = {"connect_timeout_s": 2.0, "attempt_timeout_s": 5.0}
    context = changes.pop("context", None) or tls.make_context()
    resolver = Resolver(servers=[names.address], timeout_s=changes.pop("dns_timeout_s", 2.0), **changes)
    async with Poster(reach, resolver, context=context, **timeouts) as made:
        yield made


async def post(by: Poster, url: str) -> Response:
    return await by.post(url, b"{}", {"content-type": "application/json"})


@dataclass
class Peer:
    """Answers 204 to whatever connects, keeps the connection, and notes what came over which."""

    port: int = 0
    requests: list[tuple[int, str]] = field(default_factory=list)
    connections: int = 0
    answer: bytes = b"HTTP/1.1 204 No Content\r\n\r\n"


@asynccontextmanager
async def listening(address: str, port: int = 0, **options: Any) -> AsyncIterator[Peer]:
    """Listen on an address, on plain sockets."""
    peer = Peer()
    under_way: set[asyncio.Task[None] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        under_way.add(asyncio.current_task())
        peer.connections += 1
        number = peer.connections
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = dict(line.lower().split(": ", 1) for line in head.decode().splitlines() if ": " in line)
                await reader.readexactly(int(lines["content-length"]))
                peer.requests.append((number, lines["host"]))
                writer.write(peer.answer)
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, address, port, **options)
    peer.port = server.sockets[0].getsockname()[1]
    try:
        yield peer
    finally:
        server.close()
        for task in under_way:
            if task is not None:
                task.cancel()
