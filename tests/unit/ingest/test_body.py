"""A client that sends or reads too slowly is left, and holds nothing any more."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from services.ingest.api.answers import Answer
from services.ingest.api.body import TRICKLE_BYTES, BodyError, RequestBody
from services.ingest.api.endpoint import send_answer
from services.ingest.api.head import Head
from services.ingest.api.in_hand import InHand

SPAN_S = 0.1


def body(chunk: bytes, *, is_last: bool = False) -> RequestBody:
    """Return a body that comes without end, ten chunks in each span."""

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(SPAN_S / 10)
        return {"type": "http.request", "body": chunk, "more_body": not is_last}

    return RequestBody(Head([]), receive, max_expansion=1)


async def test_a_stream_that_trickles_is_cut_off_though_it_never_pauses() -> None:
    async with asyncio.timeout(5):
        with pytest.raises(BodyError) as found:
            async for _ in body(b"x").stream(SPAN_S):
                pass
    assert found.value.fault.status == 408


async def test_a_stream_that_is_slow_but_brings_enough_goes_on() -> None:
    size = 0
    async for piece in body(b"x" * TRICKLE_BYTES).stream(SPAN_S):
        size += len(piece)
        if size > 40 * TRICKLE_BYTES:
            break
    assert size > 40 * TRICKLE_BYTES


async def test_a_client_that_does_not_read_a_long_answer_is_left() -> None:
    read: list[bytes] = []

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            read.append(message["body"])
            if len(read) == 2:
                await asyncio.Event().wait()

    def pieces() -> Iterator[bytes]:
        while True:
            yield b"x"

    whole = body(b"", is_last=True)
    with InHand(1, 1).share() as share:
        await whole.read(1, 5, share)
    async with asyncio.timeout(5):
        await send_answer(Answer(200, pieces(), "text/plain", length=9), whole, send, SPAN_S)
    assert read == [b"x", b"x"]
