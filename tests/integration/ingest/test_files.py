"""Files come in parts over as many connections as it takes; what was acknowledged is never asked for again."""

import asyncio
import contextlib
import json
import os
import re
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import httpx
import pytest
from aiokafka import TopicPartition

from lanewatch.stack import StackConfig
from lanewatch.stack.topics import create_topics
from tests.integration.ingest.door import Door, open_door, own_config
from tests.integration.ingest.sheets import put
from tests.integration.ingest.test_lines import event, text
from tests.support.running import until
from tests.support.sheets import CSV, DECLARED, EXCEL, HEADER, csv_of, excel_of, row

PART = {"content-type": "application/partial-upload"}
LINES = {"content-type": "application/x-ndjson"}


async def added(door: Door, starts: dict[TopicPartition, int]) -> int:
    ends = await door.ends()
    return sum(ends[partition] - start for partition, start in starts.items())


async def begin(door: Door, content: bytes = b"", *, is_last: bool = False, **more: str) -> httpx.Response:
    headers = {**LINES, "upload-complete": f"?{is_last:d}", **{n.replace("_", "-"): v for n, v in more.items()}}
    return await door.client.post("/v1/files", content=content, headers=headers)


async def append(
    door: Door, place: str, offset: int, content: Any, *, is_last: bool = False, **more: str
) -> httpx.Response:
    told = {"upload-offset": str(offset), "upload-complete": f"?{is_last:d}"}
    headers = {**PART, **told, **{name.replace("_", "-"): value for name, value in more.items()}}
    return await door.client.patch(place, content=content, headers=headers)


async def offset_of(door: Door, place: str) -> int:
    answer = await door.client.head(place)
    assert answer.status_code == 204, answer.text
    return int(answer.headers["upload-offset"])


async def job(door: Door, place: str) -> dict[str, Any]:
    told: dict[str, Any] = (await door.client.get(place)).json()
    return told


async def test_a_file_comes_in_parts_cut_anywhere(door: Door) -> None:
    starts = await door.ends()
    content = text(*(event(n) for n in range(40)), "", "{", event(40))[:-1]  # The last line has no end.
    place = (await begin(door, upload_length=str(len(content)))).headers["location"]
    cuts = [0, 1, 900, 901, 9000, 20000, len(content)]
    for start, end in pairwise(cuts):
        answer = await append(door, place, start, content[start:end], is_last=end == len(content))
        assert answer.status_code == (200 if end == len(content) else 204), answer.text
        assert answer.headers["upload-offset"] == str(end)
        assert answer.headers["upload-complete"] == f"?{end == len(content):d}"
    told = await job(door, place)
    assert (told["state"], told["lines"], told["accepted"], told["refused"]) == ("done", 43, 41, 1)
    assert told["bytes_received"] == told["bytes_total"] == len(content)
    assert [(each["line"], each["status"]) for each in told["problems"]] == [(42, 400)]
    records = await door.records_since(starts)
    assert [json.loads(r.value)["id"] for r in records] == [f"line-{n}" for n in range(41)]


async def test_an_offset_that_does_not_fit_is_refused_with_the_one_that_does(door: Door) -> None:
    place = (await begin(door, text(event(1)))).headers["location"]
    size = await offset_of(door, place)
    for wrong in (0, size - 1, size + 1):
        answer = await append(door, place, wrong, b"x")
        assert (answer.status_code, answer.headers["upload-offset"]) == (409, str(size))
        assert answer.headers["upload-complete"] == "?0"
        problem = answer.json()
        assert problem["type"] == "https://iana.org/assignments/http-problem-types#mismatching-upload-offset"
        assert (problem["expected-offset"], problem["provided-offset"]) == (size, wrong)


async def test_lengths_must_agree(door: Door) -> None:
    place = (await begin(door, upload_length="100")).headers["location"]
    for more in ({"upload_length": "99"}, {"upload_length": "bad", "content": b"x", "is_last": True}):
        content, is_last = more.pop("content", b""), more.pop("is_last", False)
        answer = await append(door, place, 0, content, is_last=bool(is_last), **more)
        assert answer.status_code == 400, more
        assert answer.json()["type"].endswith("#inconsistent-upload-length")
    over = await append(door, place, 0, b" " * 101)
    assert (over.status_code, (await job(door, place))["state"]) == (400, "receiving")
    assert (await append(door, place, 0, b" " * 100, is_last=True)).status_code == 200
    after = await append(door, place, 100, b"")
    assert (after.status_code, after.json()["title"]) == (409, "The file is complete")


@pytest.mark.parametrize(
    "headers,status",
    [
        ({"content-type": "text/plain"}, 415),
        ({"content-encoding": "gzip"}, 415),
        ({"upload-complete": "yes"}, 400),
        ({"content-type": "text/csv"}, 422),
    ],
)
async def test_what_is_no_file_is_refused(door: Door, headers: dict[str, str], status: int) -> None:
    answer = await door.client.post("/v1/files", headers={**LINES, "upload-complete": "?0", **headers})
    assert answer.status_code == status, answer.text
    assert answer.json()["errors"]


async def test_a_cut_connection_goes_on_where_it_was_cut(door: Door) -> None:
    starts = await door.ends()
    content = text(*(event(n) for n in range(2000)))
    place = (await begin(door)).headers["location"]
    was_sent = asyncio.Event()

    async def half() -> AsyncIterator[bytes]:
        yield content[: len(content) // 2]
        was_sent.set()
        await asyncio.sleep(60)

    hanging = asyncio.create_task(append(door, place, 0, half(), is_last=True))
    await was_sent.wait()

    async def is_half_there() -> bool:
        return await added(door, starts) > 900

    await until(is_half_there, "half of the lines")
    # Its client comes anew while the service still waits for the first connection: that one is ended.
    offset = await offset_of(door, place)
    assert len(content) // 2 - 2000 < offset <= len(content) // 2
    assert content[offset - 1 : offset] == b"\n"
    done = await append(door, place, offset, content[offset:], is_last=True)
    assert (done.status_code, done.json()["accepted"]) == (200, 2000)
    hanging.cancel()
    with contextlib.suppress(asyncio.CancelledError, httpx.TransportError):
        await hanging
    assert len(await door.records_since(starts)) == 2000  # Not one of them twice.


async def test_another_clients_file_is_as_if_it_were_not_there(door: Door) -> None:
    for path in ("/v1/files/x", "/v1/files/..", "/v1/files/AAAAAAAAAAAAAAAAAAAAAA"):
        assert (await door.client.get(path)).status_code == 404
        assert (await door.client.head(path)).status_code == 404
        assert (await door.client.delete(path)).status_code == 404
    assert (await append(door, "/v1/files/AAAAAAAAAAAAAAAAAAAAAA", 0, b"")).status_code == 404


async def test_a_cancelled_file_is_gone(door: Door) -> None:
    place = (await begin(door, b"{")).headers["location"]
    assert (await door.client.delete(place)).status_code == 204
    assert (await door.client.head(place)).status_code == 404


async def test_limits_are_told(door: Door) -> None:
    answer = await door.client.options("/v1/files")
    assert (answer.status_code, answer.headers["upload-limit"]) == (204, "max-age=86400")
    told = (await begin(door)).headers["upload-limit"]
    assert re.fullmatch("max-age=3(600|59[0-9])", told)


async def finished(door: Door, place: str) -> dict[str, Any]:
    async def is_done() -> bool:
        return (await job(door, place))["state"] in ("done", "failed")

    await until(is_done, "its end")
    return await job(door, place)


@pytest.mark.parametrize("kind", [CSV, EXCEL])
async def test_a_spreadsheet_comes_in_parts(door: Door, kind: str) -> None:
    await put(door, DECLARED)
    starts = await door.ends()
    rows = [row(f"S-{n}") for n in range(30)] + [row("bad", Netto="much")]
    cells = [line.split(";") for line in (HEADER, *rows)]
    content = csv_of(*rows) if kind == CSV else excel_of(cells)
    begun = await door.client.post("/v1/files?mapping=erp-1", headers={"content-type": kind, "upload-complete": "?0"})
    place = begun.headers["location"]
    half = len(content) // 2
    assert (await append(door, place, 0, content[:half])).status_code == 204
    done = await append(door, place, half, content[half:], is_last=True)
    assert (done.status_code, done.headers["upload-complete"]) == (202, "?1")
    told = await finished(door, place)
    assert (told["state"], told["accepted"], told["refused"], told["lines"]) == ("done", 30, 1, 32), told
    assert told["mapping"] == "erp-1"
    assert [(each["line"], each["status"]) for each in told["problems"]] == [(32, 422)]
    assert len(await door.records_since(starts)) == 30


async def test_a_spreadsheet_that_does_not_fit_fails_with_the_reason(door: Door) -> None:
    await put(door, DECLARED)
    headers = {"content-type": CSV, "upload-complete": "?1"}
    answer = await door.client.post("/v1/files?mapping=erp-1", content=b"a;b\n1;2\n", headers=headers)
    assert answer.status_code == 202
    told = await finished(door, answer.headers["location"])
    assert told["state"] == "failed"
    assert told["problem"]["errors"]


@pytest.fixture
async def config(backbone: StackConfig) -> StackConfig:
    config = own_config(backbone)
    await create_topics(config.bootstrap, config.topics)
    return config


async def test_a_process_that_is_killed_loses_nothing_that_it_told(config: StackConfig) -> None:
    content = text(*(event(n) for n in range(3000)))
    async with open_door(config) as door:
        starts = await door.ends()
        place = (await begin(door, content[:500_000])).headers["location"]
        told = await offset_of(door, place)

        async def half() -> AsyncIterator[bytes]:
            yield content[told : told + 400_000]
            await asyncio.sleep(60)

        hanging = asyncio.create_task(append(door, place, told, half()))

        async def is_taken() -> bool:
            return await added(door, starts) > 900

        await until(is_taken, "lines of the second part")
        door.keeper.kill()
        hanging.cancel()
        with contextlib.suppress(asyncio.CancelledError, httpx.TransportError):
            await hanging

        await door.keeper.wait_ready()
        offset = await offset_of(door, place)
        assert offset >= told == 500_000
        done = await append(door, place, offset, content[offset:], is_last=True)
        assert (done.status_code, done.json()["accepted"], done.json()["lines"]) == (200, 3000, 3000)
        ids = {json.loads(record.value)["id"] for record in await door.records_since(starts)}
    assert ids == {f"line-{n}" for n in range(3000)}


async def test_abandoned_files_expire_and_there_are_never_more_than_may_be(config: StackConfig) -> None:
    async with open_door(config, max_files=2, files_expire_s=1.0) as door:
        first = (await begin(door)).headers["location"]
        assert (await begin(door)).status_code == 201
        full = await begin(door)
        assert (full.status_code, full.headers["retry-after"]) == (503, "2")

        async def is_gone() -> bool:
            return (await door.client.head(first)).status_code == 404

        await until(is_gone, "its expiry")

        async def is_room() -> bool:
            return (await begin(door)).status_code == 201

        await until(is_room, "room for another")
        assert len(os.listdir(config.state_dir / "files")) <= 2  # noqa: PTH208 - names are enough
