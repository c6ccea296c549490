"""A file that comes in parts, and how far it is: what the header fields of resumable uploads say of it.

Fields as draft-ietf-httpbis-resumable-upload-12 has them (interop version 8).
"""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

import msgspec

from services.ingest.domain.faults import Fault, Flaw, bad_header, too_large

PART_TYPE = "application/partial-upload"
OFFSET, COMPLETE, LENGTH, LIMIT = "upload-offset", "upload-complete", "upload-length", "upload-limit"
ID = re.compile(r"[A-Za-z0-9_-]{22}", re.ASCII)
EMPTY_EXPIRE_S = 3600.0
"""So long a file may wait for its first byte."""
MOST_PROBLEMS = 100
"""Kept of one file; of the others only the number."""
_PROBLEM_TYPE = "https://iana.org/assignments/http-problem-types#"
_INTEGER = re.compile(r"[0-9]{1,15}", re.ASCII)
_BOOLEANS = {"?0": False, "?1": True}


class State(StrEnum):
    """What a file is doing."""

    RECEIVING = "receiving"
    WORKING = "working"
    """All of a spreadsheet is here, and its rows are being taken."""
    DONE = "done"
    FAILED = "failed"


LEADS_TO: Mapping[State, frozenset[State]] = {
    State.RECEIVING: frozenset({State.RECEIVING, State.WORKING, State.DONE, State.FAILED}),
    State.WORKING: frozenset({State.WORKING, State.DONE, State.FAILED}),
    State.DONE: frozenset(),
    State.FAILED: frozenset(),
}


class Trouble(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line that was refused, or the rows of one event."""

    line: int
    last_line: int | None = None
    status: int
    problem: Fault


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """How a spreadsheet is to be read."""

    mapping: str
    version: int | None = None
    """Of the mapping, as it was when the file was begun."""
    sheet: str | None = None
    charset: str | None = None
    delimiter: str | None = None


class File(msgspec.Struct, frozen=True, kw_only=True):
    """One file; times are in seconds since the epoch."""

    id: str
    tenant: str
    subject: str
    sources: tuple[str, ...] | None
    media_type: str
    sheet: Sheet | None
    state: State = State.RECEIVING
    length: int | None = None
    offset: int = 0
    """Bytes that never need to be sent again."""
    lines: int = 0
    """Of lines: those dealt with. Of a spreadsheet: the last row that was."""
    accepted: int = 0
    refused: int = 0
    troubles: tuple[Trouble, ...] = ()
    rest: bytes = b""
    """Of lines: what came of the next one, which is not whole."""
    thrown: int = 0
    """How many bytes of that one are gone, for it is too long."""
    problem: Fault | None = None
    """Why it failed, or waits."""
    touched: float

    def at(self, state: State) -> "File":
        """Return the file in another state. Raises ValueError for one that this does not lead to."""
        if state not in LEADS_TO[self.state]:
            raise ValueError(f"{self.state} does not lead to {state}")
        return msgspec.structs.replace(self, state=state)

    def expires_at(self, expire_s: float) -> float | None:
        """Return when it is forgotten; None while its rows are taken, for that may wait longer than any client does."""
        if self.state is State.WORKING:
            return None
        is_empty = self.state is State.RECEIVING and not self.offset
        return self.touched + (min(expire_s, EMPTY_EXPIRE_S) if is_empty else expire_s)

    @property
    def has_ended(self) -> bool:
        """Whether nothing more becomes of it."""
        return not LEADS_TO[self.state]

    def failed(self, fault: Fault) -> "File":
        """Return the file, of which nothing more is taken."""
        return msgspec.structs.replace(self.at(State.FAILED), problem=fault, rest=b"", thrown=0)

    @property
    def room(self) -> int | None:
        """How many bytes may still come, if that is known."""
        return None if self.length is None else self.length - self.offset

    def dealt_with(self, lines: int, size: int, accepted: int, troubles: Sequence[Trouble]) -> "File":
        """Return the file with more lines dealt with: up to this one, of so many bytes more."""
        return msgspec.structs.replace(
            self,
            lines=lines,
            offset=self.offset + size,
            accepted=self.accepted + accepted,
            refused=self.refused + len(troubles),
            troubles=self.troubles + tuple(troubles[: MOST_PROBLEMS - len(self.troubles)]),
        )


class Part(NamedTuple):
    """What a request says of the bytes that it brings."""

    offset: int
    is_last: bool
    length: int | None


def read_part(headers: Mapping[str, Sequence[str]], announced: int | None, *, is_first: bool) -> Part | Fault:
    """Read the fields of a request; `announced` is the length of its content, where that is known."""
    offset = 0 if is_first else _integer(headers.get(OFFSET, ()))
    is_last = _BOOLEANS.get(_one(headers.get(COMPLETE, ())))
    if offset is None:
        return bad_header(OFFSET, "needed: the number of bytes that were taken before")
    if is_last is None:
        return bad_header(COMPLETE, "needed: ?1 if the file ends with this part, else ?0")
    told = _integer(headers.get(LENGTH, ()))
    length = offset + announced if is_last and announced is not None else told
    if told is not None and (told != length or offset + (announced or 0) > told):
        return inconsistent_length()
    return Part(offset, is_last, length)


def misfit(file: File, part: Part, announced: int | None = None) -> Fault | None:
    """Return why a part cannot be added to a file, if so; `announced` is how many bytes it brings, where known."""
    if file.state is not State.RECEIVING:
        detail = f"It is {file.state}; nothing more can be added."
        return Fault(title="The file is complete", status=409, detail=detail)
    if part.offset != file.offset:
        return Fault(
            type=f"{_PROBLEM_TYPE}mismatching-upload-offset",
            title="The offset is not that of the file",
            status=409,
            expected_offset=file.offset,
            provided_offset=part.offset,
        )
    if file.length is not None and part.length is not None and file.length != part.length:
        return inconsistent_length()
    length = file.length if part.length is None else part.length
    is_over = length is not None and part.offset + (announced or 0) > length
    return inconsistent_length() if is_over else None


def size_fault(size: int, max_bytes: int | None) -> Fault | None:
    """Return why a file of so many bytes is not taken, if so."""
    is_over = max_bytes is not None and size > max_bytes
    return too_large(f"a file of this kind may have at most {max_bytes} bytes") if is_over else None


def with_piece(file: File, size: int, max_bytes: int | None) -> tuple[File, Fault | None]:
    """Return what so many bytes more make of a spreadsheet; with a fault what it is without them."""
    grown = msgspec.structs.replace(file, offset=file.offset + size)
    if fault := size_fault(grown.offset, max_bytes):
        return file.failed(fault), fault
    if file.length is not None and grown.offset > file.length:
        return file, inconsistent_length()
    return grown, None


def with_part(file: File, part: Part) -> File | Fault:
    """Return what a file is once a part was taken to its end, or the fault of a last one that is too short."""
    if not part.is_last:
        return file
    if file.length not in (None, file.offset):
        return inconsistent_length()
    whole = msgspec.structs.replace(file, length=file.offset)
    return whole.at(State.DONE if file.sheet is None else State.WORKING)


def inconsistent_length() -> Fault:
    """Return the fault of lengths that do not agree."""
    return Fault(
        type=f"{_PROBLEM_TYPE}inconsistent-upload-length",
        title="The lengths that were told do not agree",
        status=400,
        errors=(Flaw(header=LENGTH, detail="not the length that was told before, or by the content"),),
    )


def _one(values: Sequence[str]) -> str:
    return values[0].strip() if len(values) == 1 else ""


def _integer(values: Sequence[str]) -> int | None:
    text = _one(values)
    return int(text) if _INTEGER.fullmatch(text) else None
