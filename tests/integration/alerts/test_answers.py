"""Whatever a receiver answers, little of it is read, in bounded time, and connections are used again."""

import asyncio
import gzip
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import repeat

import pytest

from services.alerts.calling import tls
from services.alerts.calling.posting import EXCERPT_BYTES, READ_BYTES, Poster
from services.alerts.calling.resolving import Resolver
from tests.integration.alerts.calls import REACH, post
from tests.integration.alerts.waiting import eventually

MOST_BYTES = 8 * 2**20
"""What a receiver can get rid of while little is read: what is on its way between two sockets."""
OK = b"HTTP/1.1 200 OK\r\n"


@dataclass
class Raw:
    """Answers with bytes, whatever they are."""

    answer: Callable[[bytes], Iterator[bytes]]
    pause_s: float = 0.0
    port: int = 0
    connections: int = 0
    sent: int = 0
    requests: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.requests.append(head)
                await reader.readexactly(2)
                for part in self.answer(head):
                    writer.write(part)
                    self.sent += len(part)
                    await writer.drain()
                    if self.pause_s:
                        await asyncio.sleep(self.pause_s)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def raw(answer: Callable[[bytes], Iterator[bytes]], pause_s: float = 0.0) -> AsyncIterator[Raw]:
    made = Raw(answer, pause_s)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    yield made
    server.close()


@asynccontextmanager
async def posting(attempt_timeout_s: float = 5.0) -> AsyncIterator[Poster]:
    timeouts = {"connect_timeout_s": 2.0, "attempt_timeout_s": attempt_timeout_s}
    async with Poster(REACH, Resolver(servers=[], timeout_s=1.0), context=tls.make_context(), **timeouts) as made:
        yield made


def forever(head: bytes, part: bytes) -> Callable[[bytes], Iterator[bytes]]:
    def answer(_: bytes) -> Iterator[bytes]:
        yield head
        yield from repeat(part)

    return answer


@pytest.mark.parametrize(
    "head,part,reason",
    [
        (OK, b"x-a: " + b"v" * 500 + b"\r\n", "Too many headers"),
        (OK + b"x-a: ", b"v" * 65536, "Got more than 8190 bytes"),
        (b"HTTP/1.1 200 ", b"O" * 65536, "Got more than 8190 bytes"),
        (OK + b"transfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n", b"x-a: b\r\n" * 1000, "Too many headers"),
    ],
    ids=["endless headers", "an endless header", "an endless status line", "endless trailers"],
)
async def test_what_comes_beside_the_body_is_bounded_and_no_acceptance(head: bytes, part: bytes, reason: str) -> None:
    async with raw(forever(head, part)) as receiver, posting() as by:
        answer = (await post(by, receiver.url)).answer
        assert not answer.is_accepted
        assert reason in (answer.error or "")
        assert receiver.sent < MOST_BYTES


async def test_of_an_endless_body_only_the_beginning_is_read() -> None:
    head = OK + b"content-length: 99999999999999\r\n\r\n"
    async with raw(forever(head, b"x" * 65536)) as receiver, posting() as by:
        response = await post(by, receiver.url)
        assert response.answer.is_accepted
        assert len(response.excerpt) == EXCERPT_BYTES
        assert receiver.sent < MOST_BYTES
        # What is left of the body would be taken for the next answer.
        await post(by, receiver.url)
        assert receiver.connections == 2


async def test_what_drips_is_waited_for_no_longer_than_an_attempt_may_take() -> None:
    head = OK + b"content-length: 99999\r\n\r\n"
    async with raw(forever(head, b"x"), pause_s=0.02) as receiver, posting(0.3) as by:
        started = time.monotonic()
        answer = (await post(by, receiver.url)).answer
        assert (answer.is_accepted, answer.error) == (False, "no answer within 0.3 s")
        assert time.monotonic() - started < 5


async def test_what_is_compressed_stays_so() -> None:
    bomb = gzip.compress(bytes(50 * 2**20))
    assert len(bomb) < READ_BYTES
    head = OK + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(bomb)
    async with raw(lambda _: iter([head + bomb])) as receiver, posting() as by:
        response = await post(by, receiver.url)
        assert response.answer.is_accepted
        assert response.excerpt == bomb[:EXCERPT_BYTES]


async def test_connections_are_used_again() -> None:
    async with raw(lambda _: iter([OK + b"content-length: 2\r\n\r\nok"])) as receiver, posting() as by:
        for _ in range(10):
            assert (await post(by, receiver.url)).answer.is_accepted
        assert (receiver.connections, len(receiver.requests)) == (1, 10)
        await asyncio.gather(*(post(by, receiver.url) for _ in range(4)))
        await asyncio.gather(*(post(by, receiver.url) for _ in range(4)))
        assert receiver.connections <= 4


async def test_a_request_that_hangs_holds_up_none_to_the_same_endpoint() -> None:
    asked = [0]

    def answer(_: bytes) -> Iterator[bytes]:
        asked[0] += 1
        return iter([]) if asked[0] == 1 else iter([OK + b"content-length: 0\r\n\r\n"])

    async with raw(answer) as receiver, posting(30.0) as by:
        hanging = asyncio.create_task(post(by, receiver.url))
        await eventually(lambda: asked[0] == 1)
        for _ in range(3):
            assert (await asyncio.wait_for(post(by, receiver.url), 5)).answer.is_accepted
        assert not hanging.done()
        hanging.cancel()
