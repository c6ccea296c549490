"""A big file goes on by itself where its connection was cut, whatever kind of file it is."""

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from lanewatch import parts
from lanewatch.parts import PartSending
from lanewatch.sending import Sent
from lanewatch.stack.errors import StackError
from tests.integration.ingest.door import Door
from tests.integration.ingest.sheets import put
from tests.integration.ingest.test_lines import event, text
from tests.support.sheets import CSV, DECLARED, csv_of, row

CUTS = 4


@asynccontextmanager
async def cutting(port: int, after: int) -> AsyncIterator[int]:
    """Serve a way to the port that breaks off after so many bytes from the client, a few times; yields its own port."""
    left = CUTS

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal left
        there, to = await asyncio.open_connection("127.0.0.1", port)
        back = asyncio.create_task(_copy(there, writer))
        passed = 0
        while chunk := await reader.read(4096):
            passed += len(chunk)
            if left and passed > after:
                left -= 1
                break
            to.write(chunk)
            await to.drain()
        else:
            await back
        back.cancel()
        for each in (writer, to):
            each.transport.abort()

    async with await asyncio.start_server(pass_on, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while chunk := await reader.read(4096):
            writer.write(chunk)
            await writer.drain()


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "PART_BYTES", 100_000)
    monkeypatch.setattr(parts, "PIECE_BYTES", 8_000)
    monkeypatch.setattr(parts, "PAUSE_S", 0.05)


async def sent(door: Door, sending: PartSending) -> int:
    """Send a file on a way that is cut, and return how many bytes were told of."""
    told: list[int] = []
    async with cutting(door.config.ingest_port, 60_000) as port:
        await asyncio.to_thread(sending.send, replace(door.config, ingest_port=port), told.append)
    return sum(told)


async def test_where_an_interrupted_file_is_asked_for_is_told_and_how_far_it_went(
    door: Door, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "big.ndjson"
    file.write_bytes(text(*(event(n) for n in range(600))))

    told: list[int] = []

    def interrupt(size: int) -> None:
        told.append(size)
        if sum(told) > parts.PART_BYTES:
            raise KeyboardInterrupt

    def sending() -> None:
        with pytest.raises(KeyboardInterrupt):
            PartSending(file, Sent()).send(door.config, interrupt)

    await asyncio.to_thread(sending)
    goes, went = capsys.readouterr().err.splitlines()
    assert re.fullmatch(rf"{file} goes to {door.config.url_of('ingest')}/v1/files/\S+", goes)
    found = re.fullmatch(rf"(\d+) lines of {file} are taken; run it again: .*", went)
    assert found, went
    assert 0 < int(found[1]) < 600


async def test_lines_go_on_where_they_were_cut(door: Door, tmp_path: Path) -> None:
    starts = await door.ends()
    file, came = tmp_path / "big.ndjson", Sent()
    file.write_bytes(text(*(event(n) for n in range(600)), "{", event(600)))
    assert await sent(door, PartSending(file, came)) == file.stat().st_size
    assert (came.accepted, came.refused) == (601, 1)
    assert [(each.line, each.status) for each in came.problems] == [(601, 400)]
    ids = {json.loads(record.value)["id"] for record in await door.records_since(starts)}
    assert ids == {f"line-{n}" for n in range(601)}


async def test_a_sheet_goes_on_where_it_was_cut(door: Door, tmp_path: Path) -> None:
    await put(door, DECLARED)
    starts = await door.ends()
    file, came = tmp_path / "big.csv", Sent()
    file.write_bytes(csv_of(*(row(f"P-{n}") for n in range(4000)), row("bad", Netto="much")))
    await sent(door, PartSending(file, came, {"content-type": CSV}, mapping="erp-1"))
    assert (came.accepted, came.refused, came.problems[0].line) == (4000, 1, 4002)
    assert len(await door.records_since(starts)) == 4000


async def test_what_is_refused_is_told(door: Door, tmp_path: Path) -> None:
    file = tmp_path / "big.csv"
    file.write_bytes(b"a;b\n1;2\n" * 20_000)
    with pytest.raises(StackError, match="cannot be taken further"):
        await sent(door, PartSending(file, Sent(), {"content-type": CSV}, mapping="erp-1"))
    with pytest.raises(StackError, match="There is no such mapping"):
        await sent(door, PartSending(file, Sent(), {"content-type": CSV}, mapping="erp-9"))
