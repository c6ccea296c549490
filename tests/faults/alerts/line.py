"""A TCP line to Kafka or PostgreSQL that a test cuts and mends."""

import asyncio
from typing import Self

from lanewatch.stack.ports import HOST, free_ports


class Line:
    """Forwards a port of its own to another; while it is cut, connections break and are refused."""

    def __init__(self, target_port: int) -> None:
        self.port = free_ports(1)[0]
        self.target_port = target_port
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.cut()

    async def mend(self) -> None:
        self._server = await asyncio.start_server(self._carry, HOST, self.port)

    async def cut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.sleep(0)

    async def _carry(self, near_in: asyncio.StreamReader, near_out: asyncio.StreamWriter) -> None:
        far_in, far_out = await asyncio.open_connection(HOST, self.target_port)
        self._writers |= {near_out, far_out}
        await asyncio.gather(_pump(near_in, far_out), _pump(far_in, near_out), return_exceptions=True)
        self._writers -= {near_out, far_out}


async def _pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
    finally:
        target.close()
