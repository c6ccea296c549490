"""Where the rows of a sheet come from: CSV as it arrives, or a workbook once it is here."""

import tempfile
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from typing import IO, Protocol

from services.ingest.api.body import BodyError, RequestBody
from services.ingest.domain.faults import Fault, Flaw, too_large
from services.ingest.domain.formats.sheet.cells import Row
from services.ingest.domain.formats.sheet.csv_text import CsvText
from services.ingest.domain.formats.sheet.layout import lacking
from services.ingest.workbook_rows import WorkbookRows, reading


class Streamed(Protocol):
    """What comes piece by piece."""

    def stream(self, timeout_s: float) -> AsyncIterator[bytes]:
        """Yield it; `timeout_s` is how long to wait for more. Raises BodyError, ClientGoneError."""


class Rows(Protocol):
    """The rows of one file; `fault` tells, when it is set, why there are no more."""

    fault: Fault | None
    counts_from_1904: bool

    @property
    def held(self) -> int:
        """How many bytes are here that are no row yet."""

    @property
    def next_row(self) -> int:
        """The row that is not whole yet."""

    def batches(self) -> AsyncIterator[Iterable[Row]]:
        """Yield the rows. Raises ClientGoneError."""


class CsvRows:
    """CSV, row by row while it arrives."""

    counts_from_1904 = False

    def __init__(self, text: CsvText, body: Streamed, timeout_s: float) -> None:
        self._text = text
        self._body = body
        self._timeout_s = timeout_s
        self.fault: Fault | None = None

    @property
    def held(self) -> int:
        """How many bytes are here that are no row yet."""
        return self._text.held

    @property
    def next_row(self) -> int:
        """The row that is not whole yet."""
        return self._text.next_row

    async def batches(self) -> AsyncIterator[Iterator[Row]]:
        """Yield the rows that are whole with each piece that comes. Raises ClientGoneError."""
        try:
            async for piece in self._body.stream(self._timeout_s):
                yield self._text.feed(piece)
                if self._text.fault:
                    break
            else:
                yield self._text.finish()
        except BodyError as error:
            self.fault = error.fault
        self.fault = self.fault or self._text.fault


class SheetRows:
    """The rows of a workbook's sheet."""

    held = 0

    def __init__(self, workbook: WorkbookRows) -> None:
        self._workbook = workbook
        self.counts_from_1904 = workbook.opened.counts_from_1904
        self.next_row = 1
        self.fault: Fault | None = None

    async def batches(self) -> AsyncIterator[list[Row]]:
        """Yield the rows, some at a time."""
        async for batch in self._workbook.batches():
            yield batch
            self.next_row = batch[-1].number + 1
        if reason := self._workbook.unreadable:
            self.fault = lacking(reason, Flaw(row=self.next_row if self.next_row > 1 else None, detail=reason))


@asynccontextmanager
async def workbook_rows(file: IO[bytes], max_expanded: int, sheet: str | None) -> AsyncIterator[SheetRows]:
    """Read a workbook that is here."""
    async with reading(file.name, max_expanded, sheet) as workbook:
        yield SheetRows(workbook)


async def spooled(body: RequestBody, timeout_s: float, limit: int) -> IO[bytes] | Fault:
    """Return a body as a temporary file, to be closed, or why it cannot be one. Raises ClientGoneError."""
    file = tempfile.NamedTemporaryFile(prefix="lanewatch-sheet-", suffix=".xlsx")  # noqa: SIM115 - closed by who asks
    fault: Fault | None = None
    try:
        async for piece in body.stream(timeout_s):
            file.write(piece)
            if file.tell() > limit:
                fault = too_large(f"a workbook may have at most {limit} bytes")
                break
        file.flush()
    except BodyError as error:
        fault = error.fault
    except BaseException:
        file.close()
        raise
    if fault:
        file.close()
        return fault
    return file
