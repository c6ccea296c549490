"""Reads sheets as the ingest does, but in one process and without sending anything."""

import io
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from services.ingest.domain.faults import Fault
from services.ingest.domain.formats.sheet.cells import Row
from services.ingest.domain.formats.sheet.checking import read_mapping
from services.ingest.domain.formats.sheet.csv_text import CsvText
from services.ingest.domain.formats.sheet.mapping import AnyMapping
from services.ingest.domain.formats.sheet.translating import Made, Translator
from services.ingest.domain.formats.sheet.wire import lines_of, read_line, read_opened
from services.ingest.domain.reading import Accepted, Limits
from shared.workbooks import open_sheet
from tests.support.sheets import encoded

LIMITS = Limits(event_bytes=1_000_000, batch_bytes=1_000_000, batch_items=1_000, is_clock_taken=False)


@dataclass
class SheetRead:
    """What a file came to."""

    made: list[Made]
    translator: Translator
    fault: Fault | None

    @property
    def events(self) -> list[Any]:
        """The events, as JSON has them. Raises AssertionError when anything was refused."""
        assert self.fault is None, self.fault
        assert [each.item for each in self.made if isinstance(each.item, Fault)] == []
        return [json.loads(each.item.value) for each in self.made if isinstance(each.item, Accepted)]

    @property
    def outcomes(self) -> list[tuple[int, int, bool]]:
        """Of each event its first and last row, and whether it is one."""
        return [(each.first, each.last, isinstance(each.item, Accepted)) for each in self.made]

    @property
    def flaws(self) -> list[tuple[int | None, str | None, str]]:
        """All that is wrong, by row and column."""
        faults = [each.item for each in self.made if isinstance(each.item, Fault)]
        faults += [self.fault] if self.fault else []
        return [(flaw.row, flaw.column, flaw.detail) for fault in faults for flaw in fault.errors]

    @property
    def places(self) -> set[tuple[int | None, str | None]]:
        """Where something is wrong."""
        return {(row, column) for row, column, _ in self.flaws}


def mapping_of(text: dict[str, Any]) -> AnyMapping:
    """Return the mapping. Raises AssertionError with what is wrong with it."""
    found = read_mapping(encoded(text))
    assert not isinstance(found, Fault), found
    return found


def read_csv(mapping: dict[str, Any], content: bytes, *, chunk: int = 1 << 20, **over: Any) -> SheetRead:
    """Read a CSV file, in chunks of so many bytes."""
    text = CsvText(mapping_of(mapping), over.pop("charset", None), over.pop("delimiter", None))

    def rows() -> Iterable[Row]:
        for start in range(0, len(content), chunk):
            yield from text.feed(content[start : start + chunk])
        yield from text.finish()

    read = _read(mapping, rows(), is_text=True, **over)
    read.fault = text.fault or read.fault
    return read


def read_excel(mapping: dict[str, Any], content: bytes, sheet: str | None = None, **over: Any) -> SheetRead:
    """Read a workbook."""
    first, *rest = lines_of(open_sheet(io.BytesIO(content), sheet, 10**8))
    over.setdefault("counts_from_1904", read_opened(first).counts_from_1904)
    rows = [row for row in map(read_line, rest) if isinstance(row, Row)]
    return _read(mapping, rows, is_text=False, **over)


def _read(mapping: dict[str, Any], rows: Iterable[Row], **over: Any) -> SheetRead:
    translator = Translator(mapping_of(mapping), over.pop("limits", LIMITS), **over)
    made = [each for row in rows for each in translator.take(row)]
    made += translator.finish()
    return SheetRead(made, translator, translator.fault)
