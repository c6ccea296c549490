"""Runs the process that reads a workbook, and takes its rows as they come."""

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from services.ingest.domain.formats.sheet.cells import Row
from services.ingest.domain.formats.sheet.wire import Opened, read_line, read_opened

LINE_BYTES = 1024 * 1024
ROWS_AT_ONCE = 100
_DIED = "the workbook takes more memory, or time, than is given to one"


@dataclass
class WorkbookRows:
    """The rows of an opened sheet; `unreadable` tells, when it is set, why there are no more."""

    opened: Opened
    unreadable: str | None
    _process: Process

    async def batches(self) -> AsyncIterator[list[Row]]:
        """Yield the rows, some at a time."""
        batch: list[Row] = []
        while self.unreadable is None and (line := await self._line()):
            row = read_line(line)
            if isinstance(row, str):
                self.unreadable = row
                break
            batch.append(row)
            if len(batch) >= ROWS_AT_ONCE:
                yield batch
                batch = []
        if batch:
            yield batch
        if self.unreadable is None and await self._process.wait():
            self.unreadable = _DIED

    async def _line(self) -> bytes:
        assert self._process.stdout  # noqa: S101 - it is piped
        try:
            return await self._process.stdout.readline()
        except ValueError:
            self.unreadable = f"a row has more than {LINE_BYTES} bytes"
            return b""


@asynccontextmanager
async def reading(path: str, max_unpacked: int, sheet: str | None) -> AsyncIterator[WorkbookRows]:
    """Open the sheet of a workbook in a process of its own, which ends with this."""
    arguments = (path, str(max_unpacked), *([sheet] if sheet is not None else []))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.ingest.workbook", *arguments),
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=DEVNULL,
        limit=LINE_BYTES,
    )
    try:
        assert process.stdout  # noqa: S101 - it is piped
        first = await process.stdout.readline()
        opened = read_opened(first) if first else Opened(unreadable=_DIED)
        yield WorkbookRows(opened, opened.unreadable, process)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
