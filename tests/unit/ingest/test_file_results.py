"""How far a file is: up to the first line that Kafka did not acknowledge, whatever came after."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.ingest.api.file_results import FileLines, FileRows
from services.ingest.api.line_answers import LineReceipt, LineResult
from services.ingest.api.sheet_answers import RowsResult
from services.ingest.domain.faults import Fault
from services.ingest.domain.files import (
    LEADS_TO,
    MOST_PROBLEMS,
    File,
    Part,
    Sheet,
    State,
    misfit,
    read_part,
    with_part,
    with_piece,
)
from services.ingest.kept_files import KeptFiles

RECEIPT = LineReceipt(id="1", source="/s", partition=0, offset=1)
AWAY = Fault(title="Kafka is away", status=503)
BAD = Fault(title="Bad", status=400)
FILE = File(
    id="A" * 22, tenant="t", subject="s", sources=None, media_type="application/x-ndjson", sheet=None, touched=1e12
)


@pytest.fixture
def kept(tmp_path: Path) -> KeptFiles:
    return KeptFiles(tmp_path, max_files=9, max_of_client=5, max_bytes=1000, expire_s=60)


def told(line: int, fault: Fault | None = None) -> LineResult:
    if fault:
        return LineResult(line=line, status=fault.status, problem=fault)
    return LineResult(line=line, status=202, receipt=RECEIPT)


def test_lines_after_the_first_that_is_not_in_kafka_do_not_count(kept: KeptFiles) -> None:
    noted = FileLines(FILE, kept)
    noted.dealt_with(1, [10, 20], [told(1), told(2, BAD)])
    noted.dealt_with(3, [1, 40, 50, 60], [told(4), told(5, AWAY), told(6)])  # The third is blank.
    noted.dealt_with(7, [70], [told(7)])
    file = noted.file
    assert (file.lines, file.offset, file.accepted, file.refused, noted.fault) == (4, 71, 2, 1, AWAY)
    assert [(each.line, each.problem) for each in file.troubles] == [(2, BAD)]


def test_rows_after_the_first_that_is_not_in_kafka_do_not_count(kept: KeptFiles) -> None:
    noted = FileRows(FILE, kept)
    rows = [(2, 3, None), (4, 4, BAD), (5, 6, AWAY), (7, 7, None)]
    noted.add([RowsResult(row=a, last_row=b, status=f.status if f else 202, problem=f) for a, b, f in rows])
    assert (noted.file.lines, noted.file.accepted, noted.file.refused, noted.fault) == (4, 1, 1, AWAY)


def test_no_more_problems_are_kept_than_may_be(kept: KeptFiles) -> None:
    noted = FileLines(FILE, kept)
    for start in (1, 81):
        noted.dealt_with(start, [2] * 80, [told(n, BAD) for n in range(start, start + 80)])
    assert (noted.file.refused, len(noted.file.troubles)) == (160, MOST_PROBLEMS)


def test_what_is_over_leads_nowhere() -> None:
    assert {state for state, others in LEADS_TO.items() if not others} == {State.DONE, State.FAILED}
    done = FILE.at(State.DONE)
    with pytest.raises(ValueError, match="done does not lead to receiving"):
        done.at(State.RECEIVING)
    fault = misfit(done, Part(0, is_last=True, length=None))
    assert fault is not None
    assert fault.status == 409


@pytest.mark.parametrize(
    "headers,announced,part",
    [
        ({"upload-offset": ["5"], "upload-complete": ["?0"]}, 10, Part(5, is_last=False, length=None)),
        ({"upload-offset": ["5"], "upload-complete": ["?1"]}, 10, Part(5, is_last=True, length=15)),
        (
            {"upload-offset": ["5"], "upload-complete": ["?1"], "upload-length": ["15"]},
            None,
            Part(5, is_last=True, length=15),
        ),
        (
            {"upload-offset": ["5"], "upload-complete": ["?0"], "upload-length": ["15"]},
            10,
            Part(5, is_last=False, length=15),
        ),
        ({"upload-offset": ["5"], "upload-complete": ["?1"], "upload-length": ["16"]}, 10, None),
        ({"upload-offset": ["-5"], "upload-complete": ["?1"]}, 10, None),
        ({"upload-offset": ["5", "5"], "upload-complete": ["?1"]}, 10, None),
        ({"upload-offset": ["\u0665"], "upload-complete": ["?1"]}, 10, None),
        ({"upload-offset": ["5"], "upload-complete": ["1"]}, 10, None),
        ({"upload-offset": ["5"]}, 10, None),
    ],
)
def test_header_fields_are_read_as_the_draft_has_them(headers: Any, announced: int | None, part: Part | None) -> None:
    found = read_part(headers, announced, is_first=False)
    assert found == part if part else isinstance(found, Fault) and found.status == 400


def test_what_is_kept_is_found_by_its_own_client_alone(kept: KeptFiles) -> None:
    made = kept.create(FILE)
    assert isinstance(made, File)
    assert kept.find(made.id, "t", "s") == made
    assert [kept.find(made.id, *other) for other in (("t", "x"), ("x", "s"))] == [None, None]
    for id_ in ("", "..", "../" + made.id, made.id + "/"):
        assert kept.find(id_, "t", "s") is None
    kept.remove(made.id)
    assert kept.find(made.id, "t", "s") is None


SHEET = msgspec.structs.replace(FILE, media_type="text/csv", sheet=Sheet(mapping="m"), offset=5)


@pytest.mark.parametrize(
    "length,most,status,offset,state",
    [
        (None, None, None, 8, State.RECEIVING),
        (8, 8, None, 8, State.RECEIVING),
        (7, 8, 400, 5, State.RECEIVING),
        (None, 7, 413, 5, State.FAILED),
    ],
)
def test_a_piece_is_added_or_refused_as_a_whole(
    length: int | None, most: int | None, status: int | None, offset: int, state: State
) -> None:
    file, fault = with_piece(msgspec.structs.replace(SHEET, length=length), 3, most)
    assert (fault and fault.status, file.offset, file.state) == (status, offset, state)


@pytest.mark.parametrize("file,state", [(SHEET, State.WORKING), (FILE, State.DONE)])
def test_a_last_part_ends_a_file_that_is_as_long_as_was_told(file: File, state: State) -> None:
    whole = with_part(file, Part(0, is_last=True, length=None))
    assert isinstance(whole, File)
    assert (whole.state, whole.length) == (state, file.offset)
    assert with_part(file, Part(0, is_last=False, length=None)) == file
    short = with_part(msgspec.structs.replace(file, length=9), Part(0, is_last=True, length=9))
    assert isinstance(short, Fault)
