"""What is told of a file: the job as JSON, and the header fields of resumable uploads."""

import time
from datetime import UTC, datetime
from http import HTTPStatus

import msgspec

from services.ingest.api.answers import JSON, Answer, problem
from services.ingest.domain.faults import Fault
from services.ingest.domain.files import COMPLETE, LENGTH, LIMIT, OFFSET, File, State, Trouble

PATH = "/v1/files"
_ENDED = (State.DONE, State.FAILED)


class JobBody(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A file and what became of it so far."""

    id: str
    state: State
    content_type: str
    mapping: str | None = None
    mapping_version: int | None = None
    """Of when the file was begun; what is put later counts for later files."""
    bytes_received: int
    bytes_total: int | None = None
    lines: int
    """Dealt with; of a spreadsheet the last row that was."""
    accepted: int
    refused: int
    problems: tuple[Trouble, ...]
    """The first hundred of what was refused, by their lines or rows."""
    problem: Fault | None = None
    """Why it failed; or while it works, why it waits."""
    expires_at: datetime | None = None
    """When it is forgotten; not before its rows are taken."""


def job(file: File, expire_s: float) -> JobBody:
    """Return what is told of a file."""
    end = file.expires_at(expire_s)
    return JobBody(
        id=file.id,
        state=file.state,
        content_type=file.media_type,
        mapping=file.sheet.mapping if file.sheet else None,
        mapping_version=file.sheet.version if file.sheet else None,
        bytes_received=file.offset,
        bytes_total=file.length,
        lines=file.lines,
        accepted=file.accepted,
        refused=file.refused,
        problems=file.troubles,
        problem=file.problem,
        expires_at=None if end is None else datetime.fromtimestamp(end, UTC).replace(microsecond=0),
    )


def fields(file: File, expire_s: float, max_bytes: int | None) -> dict[str, str]:
    """Return the header fields that tell how far a file is."""
    end = file.expires_at(expire_s)
    told = {
        COMPLETE: "?0" if file.state is State.RECEIVING else "?1",
        OFFSET: str(file.offset),
        LIMIT: limits(max_bytes, None if end is None else max(0, int(end - time.time()))),
        "cache-control": "no-store",
    }
    return told | ({LENGTH: str(file.length)} if file.length is not None else {})


def limits(max_bytes: int | None, age_s: int | None = None) -> str:
    """Return the value of `Upload-Limit`."""
    known = {"max-size": max_bytes, "max-age": age_s}
    return ", ".join(f"{name}={value}" for name, value in known.items() if value is not None) or "min-size=0"


def part_taken(file: File, headers: dict[str, str], *, is_first: bool) -> Answer:
    """Answer a part that was taken whole: 201 or 204 while more is to come, then 200, or 202 while rows are taken."""
    if file.state is State.RECEIVING and not is_first:
        return Answer(HTTPStatus.NO_CONTENT, b"", JSON, headers)
    where = {"location": f"{PATH}/{file.id}"}
    if file.state is State.RECEIVING:
        status = HTTPStatus.CREATED
    else:
        status = HTTPStatus.OK if file.state in _ENDED else HTTPStatus.ACCEPTED
    return Answer(status, b"", JSON, headers | where)


def part_refused(fault: Fault, headers: dict[str, str]) -> Answer:
    """Answer a part that was not taken, or not whole, with how far the file is all the same."""
    answer = problem(fault)
    return Answer(answer.status, answer.body, answer.content_type, {**answer.headers, **headers})


def with_job(answer: Answer, file: File, expire_s: float) -> Answer:
    """Return an answer with the job in its body."""
    return Answer(answer.status, msgspec.json.encode(job(file, expire_s)), JSON, answer.headers)


def no_such_file() -> Fault:
    """Return the fault of a file that there is not, or that is another's, or has expired."""
    return Fault(title="There is no such file", status=HTTPStatus.NOT_FOUND, detail="It may have expired.")


def held() -> Fault:
    """Return the fault of a file that another process works on."""
    return Fault(title="The file is being worked on", status=503, detail="By another request; try again shortly.")


def not_kept(reason: str) -> Fault:
    """Return the fault of a file that cannot be kept."""
    return Fault(title="The file cannot be kept now", status=503, detail=reason)
