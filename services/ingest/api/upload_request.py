"""What a request that brings a spreadsheet asks for, by its address, and what it says of the file."""

import codecs
from typing import NamedTuple
from urllib.parse import parse_qsl

from services.ingest.domain.faults import Fault, Flaw, wrong_media_type
from services.ingest.domain.formats.sheet.reading import ENCODINGS

CSV = "text/csv"
TABS = "text/tab-separated-values"
EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MAX_DIGITS = 12
MAX_SHEET_NAME = 31
"""Of Excel."""
_PARAMETERS = ("mapping", "dry_run", "sheet", "from_row")
_TRUE_FALSE = {"true": True, "false": False}
_CODECS = {codecs.lookup(name).name: name for name in ENCODINGS}


class Question(NamedTuple):
    """What the address asks for."""

    mapping: str
    is_dry: bool = False
    sheet: str | None = None
    from_row: int = 1


class FileKind(NamedTuple):
    """What the content type says."""

    media_type: str
    charset: str | None = None

    @property
    def delimiter(self) -> str | None:
        """What parts its cells, if that is said."""
        return "\t" if self.media_type == TABS else None


def read_question(query: bytes) -> Question | Fault:
    """Read the parameters of the address."""
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    given = dict(pairs)
    flaws = [Flaw(pointer=f"/query/{name}", detail="no such parameter") for name in given if name not in _PARAMETERS]
    if len(given) < len(pairs):
        flaws.append(Flaw(pointer="/query", detail="a parameter stands twice"))
    if not given.get("mapping"):
        flaws.append(Flaw(pointer="/query/mapping", detail="missing"))
    if given.get("dry_run", "false") not in _TRUE_FALSE:
        flaws.append(Flaw(pointer="/query/dry_run", detail="neither true nor false"))
    row = given.get("from_row", "1")
    if not (row.isascii() and row.isdigit() and 0 < len(row) <= MAX_DIGITS and int(row)):
        flaws.append(Flaw(pointer="/query/from_row", detail="not a row, counted from 1"))
    sheet = given.get("sheet", "")
    if len(sheet) > MAX_SHEET_NAME or not sheet.isprintable():
        flaws.append(Flaw(pointer="/query/sheet", detail=f"not a sheet's name: at most {MAX_SHEET_NAME} characters"))
    if flaws:
        return not_valid(*flaws)
    is_dry = _TRUE_FALSE[given.get("dry_run", "false")]
    return Question(given["mapping"], is_dry, given.get("sheet") or None, int(row))


def not_valid(*flaws: Flaw) -> Fault:
    """Return the fault of an address that asks for what there is not."""
    return Fault(title="The request is not valid", status=422, errors=flaws)


def read_kind(content_types: list[str]) -> FileKind | Fault:
    """Return what the file is, and the encoding that is said with it."""
    if len(content_types) != 1:
        return wrong_media_type("exactly one content-type header is needed")
    kind, *parameters = (part.strip() for part in content_types[0].split(";"))
    if kind.lower() not in (CSV, TABS, EXCEL):
        return wrong_media_type(f"send {CSV}, {TABS} or {EXCEL}")
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            charset = _encoding(value.strip().strip('"'))
            return (
                FileKind(kind.lower(), charset) if charset else wrong_media_type(f"send it in {', '.join(ENCODINGS)}")
            )
    return FileKind(kind.lower())


def _encoding(charset: str) -> str | None:
    try:
        return _CODECS.get(codecs.lookup(charset).name, "utf-8" if charset.lower() == "us-ascii" else None)
    except LookupError:
        return None
