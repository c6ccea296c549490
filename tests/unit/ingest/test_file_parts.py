"""Parts of files, without Kafka: what is kept of them, and what is told."""

import asyncio
import os
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.ingest import main
from services.ingest.api.body import SMALL_BYTES
from services.ingest.api.file_sheets import as_kept
from services.ingest.domain.files import File, Sheet, State
from services.ingest.kept_files import KeptFiles
from services.ingest.main import front
from services.ingest.mappings import Mappings, Stored
from services.ingest.settings import IngestSettings
from tests.support.running import until
from tests.support.sheet_reading import mapping_of
from tests.support.sheets import CSV, DECLARED, EXCEL, HEADER, changed, csv_of, row

LINES = "application/x-ndjson"
PART = {"content-type": "application/partial-upload"}


class KnownMappings(Mappings):
    """Has read one mapping, and follows no topic."""

    known = Stored("erp-1", 7, datetime(2025, 1, 1, tzinfo=UTC), "x", mapping_of(DECLARED))

    def start(self) -> None:
        """Nothing is to be read."""

    @property
    def is_read(self) -> bool:
        """It has been."""
        return True

    def get(self, _: str, name: str) -> Stored | None:
        """Return it."""
        return self.known if name == self.known.name else None


@pytest.fixture(autouse=True)
def _mappings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main, "Mappings", KnownMappings)


@pytest.fixture
def settings(tmp_path: Path) -> IngestSettings:
    return IngestSettings(ingest_files_dir=tmp_path / "files", kafka_bootstrap="127.0.0.1:1")


@asynccontextmanager
async def client(settings: IngestSettings) -> AsyncIterator[httpx.AsyncClient]:
    # A service that is not started has no Kafka, and works off nothing by itself.
    async with httpx.AsyncClient(transport=httpx.ASGITransport(front(settings)), base_url="http://ingest") as ingest:
        yield ingest


async def begun(ingest: httpx.AsyncClient, kind: str = LINES, **more: str) -> str:
    """Begin a file and return where it is."""
    told = {"content-type": kind, "upload-complete": "?0", **{n.replace("_", "-"): v for n, v in more.items()}}
    answer = await ingest.post("/v1/files", params={} if kind == LINES else {"mapping": "erp-1"}, headers=told)
    assert answer.status_code == 201, answer.text
    return answer.headers["location"]


async def append(
    ingest: httpx.AsyncClient, place: str, offset: int, content: bytes | AsyncIterator[bytes], *, is_last: bool = False
) -> httpx.Response:
    told = PART | {"upload-offset": str(offset), "upload-complete": f"?{is_last:d}"}
    return await ingest.patch(place, content=content, headers=told)


async def job(ingest: httpx.AsyncClient, place: str) -> dict[str, Any]:
    told: dict[str, Any] = (await ingest.get(place)).json()
    return told


async def chunked(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


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


@pytest.mark.parametrize("is_announced", [True, False])
async def test_a_last_part_that_is_too_short_damages_no_line(settings: IngestSettings, *, is_announced: bool) -> None:
    async with client(settings) as ingest:
        place = await begun(ingest, upload_length="7")
        short = await append(ingest, place, 0, b"{\n{" if is_announced else chunked(b"{\n{"), is_last=True)
        assert short.status_code == 400
        at = (await ingest.head(place)).headers["upload-offset"]
        assert at == ("0" if is_announced else "3")
        assert (await append(ingest, place, int(at), b"{\n{}}}\n"[int(at) :], is_last=True)).status_code == 200
        told = await job(ingest, place)
    assert [each["line"] for each in told["problems"]] == [1, 2]


@pytest.mark.parametrize("kind", [LINES, CSV])
@pytest.mark.parametrize("is_announced", [True, False])
async def test_of_a_part_that_passes_the_length_nothing_is_taken_that_does(
    settings: IngestSettings, kind: str, *, is_announced: bool
) -> None:
    async with client(settings) as ingest:
        place = await begun(ingest, kind, upload_length="4")
        over = await append(ingest, place, 0, b"{\n\n{\n" if is_announced else chunked(b"{\n", b"\n{\n"))
        assert (over.status_code, over.json()["type"].rpartition("#")[2]) == (400, "inconsistent-upload-length")
        told = await job(ingest, place)
    assert (told["state"], told["bytes_received"]) == ("receiving", 0 if is_announced else 2)
    assert over.headers["upload-offset"] == str(told["bytes_received"])


async def test_a_first_part_that_passes_the_length_begins_nothing(settings: IngestSettings) -> None:
    async with client(settings) as ingest:
        told = {"content-type": LINES, "upload-complete": "?0", "upload-length": "2"}
        assert (await ingest.post("/v1/files", content=b"{}\n", headers=told)).status_code == 400
    assert not settings.ingest_files_dir.exists()


@pytest.mark.parametrize("kind", [LINES, CSV])
async def test_a_part_of_any_size_leaves_its_connection_to_the_next(settings: IngestSettings, kind: str) -> None:
    part = b"\n" * (SMALL_BYTES + 1)
    async with client(settings) as ingest:
        place = await begun(ingest, kind)
        for number in range(2):
            taken = await append(ingest, place, number * len(part), part)
            assert (taken.status_code, taken.headers.get("connection")) == (204, None)


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


async def is_over(ingest: httpx.AsyncClient, place: str) -> bool:
    return (await job(ingest, place))["state"] in ("done", "failed")


async def test_many_parts_at_once_take_no_more_of_the_disk_than_may_be(settings: IngestSettings) -> None:
    settings = settings.model_copy(update={"ingest_max_files_bytes": 100_000})
    met = asyncio.Barrier(20)

    async def slow(pieces: int) -> AsyncIterator[bytes]:
        yield b"x" * 10
        await met.wait()  # All have begun before anyone goes on.
        for _ in range(pieces):
            yield b"x" * 1000

    async with client(settings) as ingest:
        places = [await begun(ingest, CSV) for _ in range(20)]
        answers = await asyncio.gather(
            *(append(ingest, place, 0, slow(3 + 6 * (n % 2))) for n, place in enumerate(places))
        )
        assert {answer.status_code for answer in answers} == {204, 503}
        told = [int(answer.headers["upload-offset"]) for answer in answers]
        assert 99_000 <= sum(told) <= 100_000
        assert sum(path.stat().st_size for path in settings.ingest_files_dir.glob("*/content")) == sum(told)
        # There is room again once one is gone.
        full = next(n for n, answer in enumerate(answers) if answer.status_code == 503)
        await ingest.delete(places[full - 1])
        assert (await append(ingest, places[full], told[full], b"x" * 1000)).status_code == 204


async def test_text_has_a_size_of_its_own(settings: IngestSettings) -> None:
    settings = settings.model_copy(update={"ingest_max_file_bytes": 1000})
    async with client(settings) as ingest:
        place = await begun(ingest, CSV)
        assert "max-size=1000" in (await ingest.head(place)).headers["upload-limit"]
        assert (await append(ingest, place, 0, b"x" * 1001)).status_code == 413
        assert (await job(ingest, place))["state"] == "failed"


async def test_a_workbook_that_comes_slowly_keeps_no_other_from_being_read(settings: IngestSettings) -> None:
    settings = settings.model_copy(update={"ingest_max_workbooks": 1})
    has_begun, goes_on = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"PK"
        has_begun.set()
        await goes_on.wait()

    async with client(settings) as ingest, asyncio.timeout(10):
        asked = {"params": {"mapping": "erp-1"}, "headers": {"content-type": EXCEL}}
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
