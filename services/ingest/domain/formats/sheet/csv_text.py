"""Reads CSV (RFC 4180, and what programs make of it) from bytes as they come; holds a row, or the beginning.

The beginning tells what the file does not say otherwise: its encoding, what ends its lines, what parts its cells.
"""

import codecs
import csv
import re
from collections.abc import Iterator
from itertools import islice

from services.ingest.domain.faults import Fault, Flaw
from services.ingest.domain.formats.sheet.cells import Row
from services.ingest.domain.formats.sheet.layout import SEARCHED_ROWS, Search, lacking
from services.ingest.domain.formats.sheet.mapping import AnyMapping

SAMPLE_BYTES = 64 * 1024
SAMPLE_LINES = 1_000
ROW_BYTES = 256 * 1024
DELIMITERS = (";", ",", "\t", "|")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_OTHERS = {
    b"PK\x03\x04": "this is an Excel workbook; send it with the content type of one",
    b"\xd0\xcf\x11\xe0": "this is a workbook of an old Excel; save it as .xlsx",
}
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?', re.IGNORECASE)
_CLOSING = re.compile(r'[^"]*(?:""[^"]*)*"(?!")')
_AS_TEXT = re.compile(r'="([^"]*)"')
"""How some programs keep Excel from reading digits as a number."""


class CsvText:
    """The rows of one CSV file. `fault` tells, when it is set, why nothing is read any more."""

    def __init__(self, mapping: AnyMapping, charset: str | None = None, delimiter: str | None = None) -> None:
        self._mapping = mapping
        self._encoding = mapping.file.encoding or charset or "utf-8"
        self._delimiter = mapping.file.delimiter or delimiter
        self._begun = False
        self._rest = b""
        self._line_end = b"\n"
        self._wide: codecs.IncrementalDecoder | None = None
        self._records = _Records(";")
        self.fault: Fault | None = None

    @property
    def next_row(self) -> int:
        """The row that is not whole yet."""
        return self._records.next_row

    @property
    def held(self) -> int:
        """How many bytes of it are here."""
        return len(self._rest) + self._records.held

    def feed(self, chunk: bytes) -> Iterator[Row]:
        """Return the rows that are whole with this chunk, empty ones too, so that who takes them can pause at any."""
        self._rest += chunk if self._wide is None else self._narrow(chunk, is_last=False)
        if not self._begun:
            if len(self._rest) < SAMPLE_BYTES:
                return
            self._begin(self._rest)
        yield from self._whole()

    def finish(self) -> Iterator[Row]:
        """Return the last rows."""
        if not self._begun:
            self._begin(self._rest, is_last=True)
        elif self._wide:
            self._rest += self._narrow(b"", is_last=True)
        yield from self._whole()
        if self.fault is None:
            if self._rest:
                line, self._rest = self._rest, b""
                yield from self._row(line)
            yield from self._records.finish()

    def _begin(self, sample: bytes, *, is_last: bool = False) -> None:
        self._begun = True
        mark, encoding = next(((m, e) for m, e in _MARKS if sample.startswith(m)), (b"", self._encoding))
        self._rest = sample[len(mark) :]
        if encoding.startswith("utf-16"):
            self._wide = codecs.getincrementaldecoder("utf-16-le" if encoding == "utf-16" else encoding)()
            self._rest = self._narrow(self._rest, is_last=is_last)
            encoding = "utf-8"
        if other := next((said for magic, said in _OTHERS.items() if sample.startswith(magic)), None):
            self._stop(other)
        elif b"\0" in self._rest:
            self._stop("the file holds zero bytes, so it is no CSV file, or of another encoding")
        if b"\n" not in self._rest and b"\r" in self._rest:
            self._line_end = b"\r"
        self._records = _Records(self._chosen(encoding), encoding)

    def _narrow(self, chunk: bytes, *, is_last: bool) -> bytes:
        """Return text of two bytes a character as UTF-8, in which no part of a character looks like a delimiter."""
        assert self._wide is not None  # noqa: S101 - asked for only then
        try:
            return self._wide.decode(chunk, is_last).encode()
        except UnicodeError as error:
            self._stop(f"from here on it is not UTF-16: {error}")
            return b""

    def _stop(self, detail: str) -> None:
        self.fault = self.fault or lacking(detail, Flaw(row=self.next_row, detail=detail))

    def _chosen(self, encoding: str) -> str:
        """Return what parts the cells: what is said, or by what the header has the columns that are mapped."""
        if self._delimiter:
            return self._delimiter
        lines = self._rest[:SAMPLE_BYTES].split(self._line_end, SAMPLE_LINES)[:SAMPLE_LINES]
        if said := _SEPARATOR_LINE.fullmatch(lines[0].decode(encoding, "replace").strip()):
            return said[1]
        return max(DELIMITERS, key=lambda delimiter: _rank(self._mapping, _Records(delimiter, encoding), lines))

    def _whole(self) -> Iterator[Row]:
        if self.fault:
            return
        *lines, self._rest = self._rest.split(self._line_end)
        for line in lines:
            yield from self._row(line)
            if self.fault:
                return
        if self.held > ROW_BYTES:
            self._stop_at_long_row()

    def _row(self, line: bytes) -> Iterator[Row]:
        yield from self._records.take(line)
        if self._records.held > ROW_BYTES:
            self._stop_at_long_row()

    def _stop_at_long_row(self) -> None:
        self._stop(f"the row has more than {ROW_BYTES} bytes; a quote may not be closed")


class _Records:
    """Puts lines together to rows: a line end between quotes belongs to its cell."""

    def __init__(self, delimiter: str, encoding: str = "utf-8") -> None:
        self._delimiter = delimiter
        self._encoding = encoding
        self._lines = 0
        self._open: list[str] = []
        self._flaw = ""
        self.held = 0

    @property
    def next_row(self) -> int:
        return self._lines - len(self._open) + 1

    def take(self, line: bytes) -> Iterator[Row]:
        self._lines += 1
        text = self._decoded(line)
        if not self._open and '"' not in text:
            yield from self._row(self._lines, text.split(self._delimiter), len(line))
            return
        self._open.append(text)
        self.held += len(line) + 1
        if not self._is_open(text, was_open=len(self._open) > 1):
            yield from self._closed()

    def finish(self) -> Iterator[Row]:
        if self._open:
            self._flaw = self._flaw or "a quote is opened and not closed"
            yield from self._closed()

    def _decoded(self, line: bytes) -> str:
        try:
            return line.decode(self._encoding).rstrip("\r")
        except UnicodeDecodeError as error:
            byte = line[error.start]
            self._flaw = (
                f"byte 0x{byte:02X} is no {self._encoding.upper()}; the mapping's file.encoding says what it is"
            )
            return line.decode(self._encoding, "replace").rstrip("\r")

    def _is_open(self, text: str, *, was_open: bool) -> bool:
        """Return whether a quote is open at the end of the line."""
        place, opening = 0, f'{self._delimiter}"'
        if not was_open:
            place = 1 if text.startswith('"') else text.find(opening) + len(opening)
            if place < len(opening) and not text.startswith('"'):
                return False
        while closing := _CLOSING.match(text, place):
            place = text.find(opening, closing.end()) + len(opening)
            if place < len(opening):
                return False
        return True

    def _closed(self) -> Iterator[Row]:
        number, text, size = self.next_row, "\n".join(self._open), self.held
        self._open, self.held = [], 0
        try:
            cells = next(csv.reader([text], delimiter=self._delimiter, strict=True), [])
        except csv.Error as error:
            self._flaw = self._flaw or f"its quotes are not those of CSV: {error}"
            cells = [text]
        yield from self._row(number, cells, size)

    def _row(self, number: int, cells: list[str], size: int) -> Iterator[Row]:
        kept = [_cell(cell) for cell in cells]
        flaw, self._flaw = self._flaw, ""
        yield Row(number, kept, size, flaw)


def _cell(text: str) -> str | None:
    bare = text.strip()
    if bare[:2] == '="' and (found := _AS_TEXT.fullmatch(bare)):
        bare = found[1].strip()
    return bare or None


def _rank(mapping: AnyMapping, records: _Records, lines: list[bytes]) -> tuple[int, int, int]:
    search = Search(mapping)
    rows = (row for line in lines[:-1] or lines for row in records.take(line) if row.says_anything)
    for row in islice(rows, SEARCHED_ROWS * 2):
        if search.offer(row):
            return 1, 0, 0
        if search.is_over:
            break
    return 0, *search.rank
