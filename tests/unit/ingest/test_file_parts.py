"""Parts of files, without Kafka: what is kept of them, and what is told."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.ingest import main
from services.ingest.api.body import SMALL_BYTES
from services.ingest.settings import IngestSettings
from tests.support.file_parts import LINES, KnownMappings, append, begun, chunked, client, job
from tests.support.sheets import CSV


@pytest.fixture(autouse=True)
def _mappings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main, "Mappings", KnownMappings)


@pytest.fixture
def settings(tmp_path: Path) -> IngestSettings:
    return IngestSettings(ingest_files_dir=tmp_path / "files", kafka_bootstrap="127.0.0.1:1")


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


async def test_a_part_that_cannot_be_read_is_told_how_far_the_file_is(settings: IngestSettings) -> None:
    async with client(settings) as ingest:
        place = await begun(ingest)
        assert (await append(ingest, place, 0, b"{}\n")).status_code == 204
        told = {"content-type": "application/partial-upload", "upload-offset": "3", "upload-complete": "maybe"}
        answer = await ingest.patch(place, headers=told)
    assert (answer.status_code, answer.headers["upload-offset"], answer.headers["upload-complete"]) == (400, "3", "?0")
