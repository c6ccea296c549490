"""A stream of lines is taken while it comes, and every line is answered."""

import asyncio
import gzip
import json
from typing import Any

import httpx
import pytest
from backports import zstd

from lanewatch.stack import StackConfig
from lanewatch.stack.topics import create_topics
from shared.examples import trade_event
from tests.integration.ingest.door import Door, open_door, own_config
from tests.integration.ingest.raw import connected
from tests.support.running import until

LINES = "application/x-ndjson"


def event(number: int, **over: Any) -> dict[str, Any]:
    return {**trade_event("trade.shipment.declared"), "id": f"line-{number}", **over}


def text(*events: dict[str, Any] | str) -> bytes:
    return "".join(f"{e if isinstance(e, str) else json.dumps(e)}\n" for e in events).encode()


def results(answer: httpx.Response) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    *lines, summary = [json.loads(line) for line in answer.text.splitlines()]
    return lines, summary


async def test_every_line_stands_in_kafka_as_sent_and_in_order(door: Door) -> None:
    starts = await door.ends()
    body = text(*(event(n) for n in range(3000)))
    answer = await door.post(body, LINES)
    lines, summary = results(answer)
    assert answer.status_code == 202
    assert (summary["accepted"], summary["refused"]) == (3000, 0)
    assert "stopped" not in summary
    assert [line["line"] for line in lines] == list(range(1, 3001))
    assert [line["receipt"]["id"] for line in lines] == [f"line-{n}" for n in range(3000)]
    records = await door.records_since(starts)
    assert [record.value for record in records] == body.splitlines()
    assert [(r.partition, r.offset) for r in records] == [
        (line["receipt"]["partition"], line["receipt"]["offset"]) for line in lines
    ]


async def test_refused_lines_are_named_and_the_rest_is_taken(door: Door) -> None:
    starts = await door.ends()
    bad = event(2, type="trade.shipment.declard")
    answer = await door.post(text(event(1), bad, "", "{", event(3), f'"{"x" * 1_100_000}"', event(4)), LINES)
    lines, summary = results(answer)
    assert answer.status_code == 207
    assert [(line["line"], line["status"]) for line in lines] == [
        (1, 202), (2, 422), (4, 400), (5, 202), (6, 413), (7, 202),
    ]  # fmt: skip
    assert lines[1]["problem"]["errors"][0]["pointer"] == "/type"
    assert (summary["accepted"], summary["refused"]) == (3, 3)
    assert len(await door.records_since(starts)) == 3


async def test_a_client_may_ask_for_the_refused_lines_only(door: Door) -> None:
    answer = await door.post(text(event(1), "{", event(3)), LINES, prefer="return=minimal")
    lines, summary = results(answer)
    assert [line["line"] for line in lines] == [2]
    assert summary["accepted"] == 2


async def test_a_stream_of_bad_lines_only_is_refused(door: Door) -> None:
    answer = await door.post(text("{", "[]"), LINES)
    assert answer.status_code == 422
    assert results(answer)[1]["refused"] == 2


@pytest.mark.parametrize("coding, compress", [("gzip", gzip.compress), ("zstd", zstd.compress)])
async def test_compressed_bodies_are_taken_in_every_mode(door: Door, coding: str, compress: Any) -> None:
    starts = await door.ends()
    one = json.dumps(event(1)).encode()
    for body, kind in ((text(event(1)), LINES), (one, "application/cloudevents+json")):
        answer = await door.post(compress(body), kind, content_encoding=coding)
        assert answer.status_code == 202, answer.text
    assert [record.value for record in await door.records_since(starts)] == [one, one]


async def test_a_compressed_body_over_the_limit_is_refused(strict_door: Door) -> None:
    answer = await strict_door.post(gzip.compress(bytes(5000)), content_encoding="gzip")
    assert answer.status_code == 413
    answer = await strict_door.post(b"plain", content_encoding="gzip")
    assert answer.json()["errors"][0]["header"] == "content-encoding"


async def test_lines_before_a_broken_end_are_taken_and_the_place_is_told(door: Door) -> None:
    packed = gzip.compress(text(event(1), event(2)))[:-4]
    answer = await door.post(packed, LINES, content_encoding="gzip")
    lines, summary = results(answer)
    assert answer.status_code == 207
    assert [line["status"] for line in lines] == [202, 202]
    assert summary["stopped"]["line"] == 3
    assert summary["stopped"]["problem"]["status"] == 400


async def test_a_trickle_is_cut_off_and_what_was_whole_is_taken(strict_door: Door) -> None:
    starts = await strict_door.ends()
    line = text(event(1))
    async with connected(strict_door.config.ingest_port) as connection:
        await connection.head("transfer-encoding: chunked", content_type=LINES)
        await connection.send(f"{len(line):x}\r\n".encode() + line + b"\r\n")
        answer = await connection.answer()
    assert answer.status == 207
    assert json.loads(answer.body.splitlines()[-1])["stopped"]["problem"]["status"] == 408
    assert len(await strict_door.records_since(starts)) == 1


async def test_lines_are_published_while_the_stream_goes_on(door: Door) -> None:
    starts = await door.ends()
    line = text(event(1))
    async with connected(door.config.ingest_port) as connection:
        await connection.head("transfer-encoding: chunked", content_type=LINES)
        await connection.send(f"{len(line):x}\r\n".encode() + line + b"\r\n")
        await until(lambda: door.records_since(starts), "the line on the topic", 5)
        await connection.send(b"0\r\n\r\n")
        assert (await connection.answer()).status == 202


async def test_a_web_hook_learns_that_it_may_deliver(door: Door) -> None:
    asked = {"webhook-request-origin": "eventemitter.example.com", "webhook-request-rate": "120"}
    answer = await door.client.options("/v1/events", headers=asked)
    assert answer.status_code == 200
    assert answer.headers["webhook-allowed-origin"] == "*"
    assert answer.headers["webhook-allowed-rate"] == "*"
    assert "POST" in answer.headers["allow"]
    assert "webhook-allowed-origin" not in (await door.client.options("/v1/events")).headers


async def test_lines_that_are_not_whole_count_too(backbone: StackConfig) -> None:
    """Many clients that each send a long line, slowly, take no more memory together than is allowed."""
    config = own_config(backbone)
    await create_topics(config.bootstrap, config.topics)
    part = f"{150_000:x}\r\n".encode() + b"x" * 150_000 + b"\r\n"
    async with (
        open_door(config, max_bytes=200_000) as door,
        connected(door.config.ingest_port) as first,
        connected(door.config.ingest_port) as second,
    ):
        for connection in (first, second):
            await connection.head("transfer-encoding: chunked", content_type=LINES)
            await connection.send(part)
        answers = {asyncio.create_task(connection.answer()): connection for connection in (first, second)}
        (refused,), (left,) = await asyncio.wait(answers, return_when=asyncio.FIRST_COMPLETED)
        assert (refused.result().status, "Too many requests are in hand" in refused.result().body) == (503, True)
        await answers[left].send(b"1\r\n\n\r\n0\r\n\r\n")
        assert (await left).status == 422
        assert (await door.post(text(event(1)), LINES)).status_code == 202
