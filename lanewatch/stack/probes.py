"""Questions to a local port: does it accept, does the service say it is ready."""

import asyncio

from lanewatch.stack.ports import HOST

TIMEOUT_S = 2.0


async def accepts(port: int) -> bool:
    """Tell whether something listens on the port."""
    try:
        async with asyncio.timeout(TIMEOUT_S):
            _, writer = await asyncio.open_connection(HOST, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


async def answers_ok(port: int, path: str) -> bool:
    """Tell whether `GET path` is answered with 200."""
    try:
        async with asyncio.timeout(TIMEOUT_S):
            reader, writer = await asyncio.open_connection(HOST, port)
            writer.write(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
            status = await reader.readline()
    except (OSError, TimeoutError):
        return False
    writer.close()
    return status.split(b" ")[1:2] == [b"200"]
