"""A request's head is bounded in bytes and in time, over real sockets."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn

from shared.heads import MAX_BYTES, BoundedHeads

WHOLE = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nhi"


class Hasty(BoundedHeads):
    """Waits less long."""

    timeout_s = 0.3


async def echo(scope: Any, receive: Any, send: Any) -> None:
    body = (await receive())["body"]
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture(params=[BoundedHeads, Hasty], ids=["patient", "hasty"])
def protocol(request: pytest.FixtureRequest) -> type[BoundedHeads]:
    kind: type[BoundedHeads] = request.param
    return kind


@pytest.fixture
async def port(protocol: type[BoundedHeads]) -> AsyncIterator[int]:
    config = uvicorn.Config(echo, port=0, http=protocol, lifespan="off", log_config=None, timeout_keep_alive=60)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    async with asyncio.timeout(5):
        while not server.started:  # noqa: ASYNC110 - it has no event for it
            await asyncio.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = server.force_exit = True
    await task


async def told(port: int, *parts: bytes, deadline_s: float = 5) -> bytes:
    """Send, and return all that is answered until the connection is closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(deadline_s):
            for part in parts:
                writer.write(part)
                await writer.drain()
            return await reader.read()
    except ConnectionResetError:
        return b"reset"
    finally:
        writer.close()


patient = pytest.mark.parametrize("protocol", [BoundedHeads], indirect=True)
hasty = pytest.mark.parametrize("protocol", [Hasty], indirect=True)


@patient
@pytest.mark.parametrize(
    "head",
    [
        [b"GET / HTTP/1.1\r\n", *[b"x: %s\r\n" % (b"y" * 1000)] * 80],
        [b"GET / HTTP/1.1\r\nx: ", *[b"y" * 1000] * 80],
        [b"GET /", *[b"y" * 1000] * 80],
        [b"GET / HTTP/1.1\r\nx: " + b"y" * MAX_BYTES + b"\r\ncontent-length: 2\r\n\r\nhi"],
    ],
    ids=["many lines", "a long value", "a long path", "whole, in one piece"],
)
async def test_a_head_that_is_too_long_is_refused(port: int, head: list[bytes]) -> None:
    assert (await told(port, *head)).startswith((b"HTTP/1.1 431 ", b"reset"))


@patient
async def test_the_next_request_counts_anew(port: int) -> None:
    half = WHOLE.replace(b"host", b"y: " + b"y" * (MAX_BYTES // 2) + b"\r\nhost")
    last = half.replace(b"host: x", b"host: x\r\nconnection: close")
    assert (await told(port, half, half, last)).count(b"HTTP/1.1 200 OK") == 3


@hasty
@pytest.mark.parametrize("sent", [b"GET / HT", WHOLE + b"GET / HTTP/1.1\r\nx"], ids=["the first", "a later one"])
async def test_a_head_that_is_not_whole_in_time_is_refused(port: int, sent: bytes) -> None:
    assert b"HTTP/1.1 408 " in await told(port, sent)


@hasty
async def test_a_connection_on_which_nothing_is_asked_is_closed(port: int) -> None:
    assert await told(port) == b""


@hasty
async def test_a_body_may_take_longer_and_a_connection_may_rest(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(2):
        writer.write(WHOLE[:-2])
        await asyncio.sleep(2 * Hasty.timeout_s)  # longer than a head may take
        writer.write(WHOLE[-2:])
        answer = await asyncio.wait_for(reader.readuntil(b"hi"), 5)
        assert answer.startswith(b"HTTP/1.1 200 OK")
        await asyncio.sleep(2 * Hasty.timeout_s)
    writer.close()
