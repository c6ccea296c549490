"""Spreadsheets that came in parts, without Kafka: what they wait for, and what is told meanwhile."""

import asyncio
import os
import stat
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.ingest import main
from services.ingest.api.file_sheets import as_kept
from services.ingest.domain.files import File, Sheet, State
from services.ingest.kept_files import HeldError, KeptFiles
from services.ingest.main import front
from services.ingest.settings import IngestSettings
from tests.support.file_parts import KnownMappings, append, begun, client, is_over, job
from tests.support.running import until
from tests.support.sheet_reading import mapping_of
from tests.support.sheets import CSV, DECLARED, EXCEL, HEADER, changed, csv_of, row


@pytest.fixture(autouse=True)
def _mappings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main, "Mappings", KnownMappings)


@pytest.fixture
def settings(tmp_path: Path) -> IngestSettings:
    return IngestSettings(ingest_files_dir=tmp_path / "files", kafka_bootstrap="127.0.0.1:1")


async def test_a_spreadsheet_is_on_the_disk_before_it_is_answered_for(
    settings: IngestSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: dict[int, int] = {}
    flush = os.fsync

    def note(descriptor: int) -> None:
        found = os.fstat(descriptor)
        flushed[found.st_ino] = 0 if stat.S_ISDIR(found.st_mode) else found.st_size
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    content = csv_of(row("S-1"))
    async with client(settings) as ingest:
        place = await begun(ingest, CSV)
        answer = await append(ingest, place, 0, content, is_last=True)
        assert answer.status_code == 202
        folder = settings.ingest_files_dir / place.rpartition("/")[2]
        assert flushed[(folder / "content").stat().st_ino] == len(content)
        for path in (folder / "state.json", folder, settings.ingest_files_dir):
            assert path.stat().st_ino in flushed, path


async def test_a_spreadsheet_whose_bytes_were_lost_fails_and_is_never_done(settings: IngestSettings) -> None:
    content = csv_of(row("S-1"), row("S-2"))
    kept = KeptFiles(settings.ingest_files_dir, max_files=9, max_of_client=5, max_bytes=9, expire_s=9)
    file = kept.create(
        File(
            id="",
            tenant="public",
            subject="anonymous",
            sources=None,
            media_type=CSV,
            sheet=Sheet(mapping="erp-1"),
            state=State.WORKING,
            length=len(content),
            offset=len(content),
            touched=0,
        ),
        as_kept(KnownMappings.known),
    )
    assert isinstance(file, File)
    kept.content(file.id).write_bytes(content[: len(HEADER)])
    served = front(settings).app
    async with served.router.lifespan_context(served):
        await until(lambda: (kept.read(file.id) or file).state is not State.WORKING, "its end")
    done = kept.read(file.id)
    assert done is not None
    assert (done.state, done.accepted + done.refused, done.lines) == (State.FAILED, 0, 0)
    assert done.problem is not None
    assert f"Of its {len(content)} bytes {len(HEADER)} are left" in (done.problem.detail or "")


async def test_a_file_is_read_by_the_mapping_that_there_was_when_it_was_begun(
    settings: IngestSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with client(settings) as ingest:
        place = await begun(ingest, CSV)
        later = mapping_of(changed(DECLARED, data__consignee={"column": "Empfaenger"}))
        monkeypatch.setattr(KnownMappings, "known", replace(KnownMappings.known, version=8, mapping=later))
        content = csv_of(row("S-1", Netto="much"))
        assert (await append(ingest, place, 0, content, is_last=True)).status_code == 202
        await until(lambda: is_over(ingest, place), "its end")
        told = await job(ingest, place)
    # By the later one nothing could be read at all.
    assert (told["state"], told["mapping_version"], [each["line"] for each in told["problems"]]) == ("done", 7, [2])


async def test_a_workbook_that_comes_slowly_keeps_no_other_from_being_read(settings: IngestSettings) -> None:
    settings = settings.model_copy(update={"ingest_max_workbooks": 1})
    has_begun, goes_on = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"PK"
        has_begun.set()
        await goes_on.wait()

    async with client(settings) as ingest, asyncio.timeout(10):
        asked: dict[str, Any] = {"params": {"mapping": "erp-1"}, "headers": {"content-type": EXCEL}}
        hanging = asyncio.create_task(ingest.post("/v1/uploads", content=slow(), **asked))
        await has_begun.wait()
        other = await ingest.post("/v1/uploads", content=b"PK", **asked)
        goes_on.set()
        assert (other.status_code, (await hanging).status_code) == (422, 422)  # They are no workbooks.


async def test_a_spreadsheet_that_waits_keeps_no_other_from_being_read(settings: IngestSettings) -> None:
    settings = settings.model_copy(update={"ingest_max_workbooks": 1, "ingest_produce_timeout_s": 0.05})
    async with client(settings) as ingest:
        waiting, other = [await begun(ingest, CSV) for _ in range(2)]
        assert (await append(ingest, waiting, 0, csv_of(row("S-1")), is_last=True)).status_code == 202

        async def is_waiting() -> bool:
            return "problem" in await job(ingest, waiting)

        await until(is_waiting, "Kafka to be missed")
        assert (await append(ingest, other, 0, csv_of(row("S-1", Netto="much")), is_last=True)).status_code == 202
        # Kafka never comes.
        await until(lambda: is_over(ingest, other), "the end of the other", 1.5)
        assert (await job(ingest, waiting))["state"] == "working"


async def test_whatever_is_to_be_asked_again_tells_how_far_the_file_is(settings: IngestSettings) -> None:
    async with client(settings) as ingest:
        place = await begun(ingest, CSV)
        assert (await append(ingest, place, 0, b"x" * 10)).status_code == 204
        id_ = place.rpartition("/")[2]
        other = KeptFiles(settings.ingest_files_dir, max_files=9, max_of_client=9, max_bytes=9, expire_s=9)
        with other.holding(id_):
            assert_later(await append(ingest, place, 10, b"x"))
        lock = settings.ingest_files_dir / id_ / "lock"
        lock.unlink()
        lock.mkdir()
        assert_later(await append(ingest, place, 10, b"x"))  # For the disk does not do what it is asked.
        lock.rmdir()
    crowded = settings.model_copy(update={"ingest_max_requests": 1})
    async with client(crowded) as ingest:
        has_begun, goes_on = asyncio.Event(), asyncio.Event()

        async def slow() -> AsyncIterator[bytes]:
            has_begun.set()
            await goes_on.wait()
            yield b""

        hanging = asyncio.create_task(append(ingest, place, 10, slow()))
        await has_begun.wait()
        assert_later(await append(ingest, place, 10, b"x"))
        goes_on.set()
        assert (await hanging).status_code == 204


def assert_later(answer: httpx.Response) -> None:
    told = {name: answer.headers.get(name) for name in ("upload-offset", "upload-complete")}
    assert (answer.status_code, told) == (503, {"upload-offset": "10", "upload-complete": "?0"})
    assert int(answer.headers["retry-after"]) > 0


async def test_a_part_for_rows_that_are_being_taken_is_told_that_the_file_is_complete(settings: IngestSettings) -> None:
    content = csv_of(row("S-1"))
    async with client(settings) as ingest:
        place = await begun(ingest, CSV)
        assert (await append(ingest, place, 0, content, is_last=True)).status_code == 202
        other = KeptFiles(settings.ingest_files_dir, max_files=9, max_of_client=9, max_bytes=9, expire_s=9)
        await until(lambda: is_held(other, place), "its rows to be taken")
        again = await append(ingest, place, len(content), b"")
        assert (again.status_code, again.json()["title"]) == (409, "The file is complete")
        assert again.headers["upload-offset"] == str(len(content))


def is_held(kept: KeptFiles, place: str) -> bool:
    try:
        with kept.holding(place.rpartition("/")[2]):
            return False
    except HeldError:
        return True
