"""What is kept of files that come in parts, and what is forgotten."""

import os
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.ingest.api.file_answers import fields, job
from services.ingest.domain.files import EMPTY_EXPIRE_S, File, Sheet, State
from services.ingest.kept_files import MEASURE_EVERY_BYTES, KeptFiles
from services.ingest.settings import IngestSettings

DAY_S = 24 * 3600
SHEET = File(
    id="",
    tenant="t",
    subject="s",
    sources=None,
    media_type="text/csv",
    sheet=Sheet(mapping="m"),
    length=10,
    offset=10,
    touched=0,
)


@pytest.fixture
def kept(tmp_path: Path) -> KeptFiles:
    return KeptFiles(tmp_path / "files", max_files=9, max_of_client=5, max_bytes=1000, expire_s=DAY_S)


def made(kept: KeptFiles, file: File = SHEET, *, age_s: float = 0) -> File:
    """Keep a file with its ten bytes, as old as this."""
    new = kept.create(file)
    assert isinstance(new, File)
    old = msgspec.structs.replace(new, touched=time.time() - age_s)
    kept.content(old.id).write_bytes(b"x" * 10)
    kept.write(old)
    return old


@pytest.mark.parametrize("state,is_left", [(state, state is State.WORKING) for state in State])
def test_rows_that_wait_are_never_forgotten_and_all_else_is_after_a_day(
    kept: KeptFiles, state: State, *, is_left: bool
) -> None:
    file = made(kept, msgspec.structs.replace(SHEET, state=state), age_s=DAY_S + 1)
    assert (kept.find(file.id, "t", "s") is not None) is is_left
    assert kept.sweep() == [file] * is_left
    assert kept.content(file.id).exists() is is_left


def test_what_is_told_of_rows_that_wait_names_no_end() -> None:
    waiting = msgspec.structs.replace(SHEET, state=State.WORKING)
    assert job(waiting, DAY_S).expires_at is None
    assert "max-age" not in fields(waiting, DAY_S, None)["upload-limit"]


def test_processes_that_share_a_folder_see_what_each_other_took(tmp_path: Path) -> None:
    most = 3 * MEASURE_EVERY_BYTES
    one, other = (
        KeptFiles(tmp_path / "files", max_files=9, max_of_client=5, max_bytes=most, expire_s=DAY_S) for _ in range(2)
    )
    file = made(one)
    assert one.take(1)
    with other.content(file.id).open("ab") as content:
        content.truncate(most - MEASURE_EVERY_BYTES)
    assert one.take(MEASURE_EVERY_BYTES)
    with other.content(file.id).open("ab") as content:
        content.truncate(most)
    assert not one.take(1)
    one.remove(file.id)
    assert one.take(1)


def test_a_client_has_only_so_many_and_what_ended_first_gives_way(kept: KeptFiles) -> None:
    waiting = [made(kept) for _ in range(3)]
    ended = [made(kept, msgspec.structs.replace(SHEET, state=State.DONE), age_s=age_s) for age_s in (20, 30)]
    for gone in (ended[1], ended[0]):
        waiting.append(made(kept))
        assert kept.find(gone.id, "t", "s") is None
    refused = kept.create(SHEET)
    assert isinstance(refused, str)
    assert refused.startswith("you have 5 ")
    # Others have room, until all is full.
    for number in range(4):
        made(kept, msgspec.structs.replace(SHEET, subject=str(number)))
    assert kept.create(msgspec.structs.replace(SHEET, subject="9")) == "there are 9 already"
    assert [kept.find(file.id, "t", "s") for file in waiting] == waiting


@pytest.mark.parametrize("size,is_left", [(0, False), (1, True)])
def test_a_file_of_which_nothing_came_is_forgotten_sooner(kept: KeptFiles, size: int, *, is_left: bool) -> None:
    file = made(kept, msgspec.structs.replace(SHEET, offset=0), age_s=EMPTY_EXPIRE_S + 1)
    kept.content(file.id).write_bytes(b"x" * size)
    assert [left.id for left in kept.sweep()] == [file.id] * is_left


def test_looking_after_files_turns_no_request_away(kept: KeptFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    file = made(kept)
    held: list[str] = []
    hold = kept.holding

    def holding(id_: str) -> Any:
        held.append(id_)
        return hold(id_)

    monkeypatch.setattr(kept, "holding", holding)
    assert kept.sweep() == [file]
    assert held == []


def open_to_all(folder: Path) -> None:
    folder.chmod(0o755)


def linked(folder: Path) -> None:
    folder.rename(folder.with_name("elsewhere"))
    folder.symlink_to("elsewhere")


@pytest.mark.parametrize("spoil", [open_to_all, linked])
def test_a_folder_that_others_can_get_at_is_not_used(kept: KeptFiles, tmp_path: Path, spoil: Any) -> None:
    file = made(kept)
    spoil(tmp_path / "files")
    for use in (lambda: kept.find(file.id, "t", "s"), lambda: kept.create(SHEET), kept.sweep):
        with pytest.raises(PermissionError, match="0700"):
            use()


def test_a_folder_of_another_user_is_not_used(kept: KeptFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    file = made(kept)
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(PermissionError):
        kept.find(file.id, "t", "s")


def test_files_are_kept_below_the_state_unless_said_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANEWATCH_STATE_DIR", "/var/lib/x")
    assert IngestSettings().ingest_files_dir == Path("/var/lib/x/files")
    monkeypatch.delenv("LANEWATCH_STATE_DIR")
    assert IngestSettings().ingest_files_dir == Path(".lanewatch/files")
