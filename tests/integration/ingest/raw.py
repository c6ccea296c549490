"""HTTP by hand: requests that no client library would send."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

DEADLINE_S = 5.0


@dataclass
class Answer:
    """What came back: the interim statuses before it, the status, and the headers and body as text."""

    interim: list[int]
    status: int
    headers: str
    body: str


@dataclass
class Connection:
    """One connection to a server."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def head(
        self, *headers: str, content_type: str = "application/cloudevents+json", path: str = "/v1/events"
    ) -> None:
        """Send the head of a POST."""
        lines = [f"POST {path} HTTP/1.1", "host: here", f"content-type: {content_type}", *headers, "", ""]
        await self.send("\r\n".join(lines).encode())

    async def answer(self) -> Answer:
        """Read one answer. Raises TimeoutError when it does not come."""
        interim: list[int] = []
        async with asyncio.timeout(DEADLINE_S):
            while True:
                head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
                status = int(head.split(" ", 2)[1])
                if status >= 200:
                    break
                interim.append(status)
            length = next(int(line.split(":")[1]) for line in head.lower().split("\r\n") if "content-length:" in line)
            return Answer(interim, status, head.lower(), (await self.reader.readexactly(length)).decode())

    async def is_closed(self) -> bool:
        """Wait until the server closes the connection."""
        async with asyncio.timeout(DEADLINE_S):
            return await self.reader.read(1) == b""


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Connection]:
    """Connect, and close at the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Connection(reader, writer)
    finally:
        writer.close()
