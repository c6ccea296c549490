"""What a request that brings a file, or a part of one, says of it."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from urllib.parse import parse_qsl

from starlette.types import Scope

from services.ingest.api.upload_request import CSV, EXCEL, TABS, FileKind, not_valid, read_kind, read_question
from services.ingest.domain.faults import Fault, Flaw, wrong_media_type
from services.ingest.domain.files import PART_TYPE, Sheet
from services.ingest.domain.media import LINES_TYPE, Mode, mode_of

_ASKED = ("mapping", "sheet")


class Wanted(NamedTuple):
    """What the file is."""

    media_type: str
    sheet: Sheet | None


def fields_of(scope: Scope) -> Mapping[str, Sequence[str]]:
    """Return all header fields of a request."""
    found: dict[str, list[str]] = {}
    for name, value in scope["headers"]:
        found.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1"))
    return found


def read_wanted(head: Mapping[str, Sequence[str]], query: bytes) -> Wanted | Fault:
    """Return what the file is, by its content type and what the address asks for."""
    if fault := _coding_fault(head):
        return fault
    kinds = list(head.get("content-type", ()))
    asked = [name for name, _ in parse_qsl(query.decode("latin-1"), keep_blank_values=True)]
    if mode_of(kinds, has_attributes=False) is Mode.LINES:
        flaws = [Flaw(pointer=f"/query/{name}", detail="lines have none") for name in asked]
        return not_valid(*flaws) if flaws else Wanted(LINES_TYPE, None)
    kind = read_kind(kinds)
    if isinstance(kind, Fault):
        return wrong_media_type(f"send {LINES_TYPE}, {CSV}, {TABS} or {EXCEL}")
    sheet = _sheet(kind, asked, query)
    return sheet if isinstance(sheet, Fault) else Wanted(kind.media_type, sheet)


def _sheet(kind: FileKind, asked: Sequence[str], query: bytes) -> Sheet | Fault:
    if flaws := [Flaw(pointer=f"/query/{name}", detail="no such parameter") for name in asked if name not in _ASKED]:
        return not_valid(*flaws)
    question = read_question(query)
    if isinstance(question, Fault):
        return question
    if question.sheet is not None and kind.media_type != EXCEL:
        return not_valid(Flaw(pointer="/query/sheet", detail="a file of text has no sheets"))
    return Sheet(mapping=question.mapping, sheet=question.sheet, charset=kind.charset, delimiter=kind.delimiter)


def part_fault(head: Mapping[str, Sequence[str]]) -> Fault | None:
    """Return why a request is no part of a file, if so."""
    if list(head.get("content-type", ())) != [PART_TYPE]:
        return wrong_media_type(f"send {PART_TYPE}")
    return _coding_fault(head)


def _coding_fault(head: Mapping[str, Sequence[str]]) -> Fault | None:
    """Bytes are counted as they are sent; of packed ones nothing could be read from the middle on."""
    if any(coding.strip().lower() != "identity" for coding in head.get("content-encoding", ())):
        return Fault(
            title="The content coding is not taken",
            status=415,
            errors=(Flaw(header="content-encoding", detail="files in parts come unpacked"),),
        )
    return None
