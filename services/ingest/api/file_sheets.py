"""Takes the rows of spreadsheets that are here, one file after the other, and goes on with them after a restart."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
import structlog

from services.ingest.api.answers import RETRY_AFTER_S, busy
from services.ingest.api.file_results import FileRows
from services.ingest.api.in_hand import BusyError, Share
from services.ingest.api.rates import Allowance
from services.ingest.api.sheet_answers import MappingUsed
from services.ingest.api.sheet_sources import CsvRows, Rows, workbook_rows
from services.ingest.api.sheet_stream import SheetStream, Wish
from services.ingest.api.taking import Desk
from services.ingest.api.upload_request import EXCEL
from services.ingest.api.uploads import SheetLimits, no_mapping
from services.ingest.domain.faults import Fault
from services.ingest.domain.files import File, Sheet, State
from services.ingest.domain.formats.sheet.checking import read_mapping
from services.ingest.domain.formats.sheet.csv_text import CsvText
from services.ingest.domain.formats.sheet.mapping import AnyMapping
from services.ingest.domain.formats.sheet.translating import Translator
from services.ingest.kept_files import KeptFiles
from services.ingest.mappings import Mappings, Stored
from shared.http import CONTENT_TYPE_PROBLEM
from shared.identity import Caller

log = structlog.get_logger(__name__)

PIECE_BYTES = 64 * 1024
_LATER = (429, 503)


class FileSheets:
    """Works off spreadsheets; of a file, whoever calls holds the lock."""

    def __init__(self, desk: Desk, kept: KeptFiles, mappings: Mappings, limits: SheetLimits) -> None:
        self._desk = desk
        self._kept = kept
        self._mappings = mappings
        self._limits = limits
        self._turns = asyncio.Semaphore(limits.workbooks)

    def mapping_for(self, tenant: str, sheet: Sheet) -> Stored | Fault:
        """Return what a sheet of this tenant is to be read by, or why that is not known."""
        if not self._mappings.is_read:
            return _not_read()
        return self._mappings.get(tenant, sheet.mapping) or no_mapping(sheet.mapping)

    async def work(self, file: File, allowance: Allowance) -> File:
        """Take all rows, waiting as often as Kafka is away or a quota is used up; return what it came to."""
        while True:
            async with self._turns:  # Not while it waits: others may go on, whose quota is another.
                file, fault = await self._try(file, allowance)
            if fault is None:
                return file.at(State.DONE)
            if fault.status not in _LATER:
                return file.failed(fault)
            file = msgspec.structs.replace(file, problem=fault)
            self._kept.write(file)
            await asyncio.sleep(fault.retry_after_s or RETRY_AFTER_S)

    async def _try(self, file: File, allowance: Allowance) -> tuple[File, Fault | None]:
        assert file.sheet is not None  # noqa: S101 - others are not worked off
        if lost := self._lost(file):
            return file, lost
        mapping = read_mapping(self._kept.mapping(file.id))
        if isinstance(mapping, Fault):
            return file, mapping
        noted = FileRows(msgspec.structs.replace(file, problem=None), self._kept)
        try:
            with self._desk.in_hand.share() as share:
                fault = await self._take(noted, mapping, file.sheet, (share, allowance))
        except BusyError:
            return file, busy()
        return noted.file, noted.fault or fault

    def _lost(self, file: File) -> Fault | None:
        """Return the fault of a file whose bytes are not what they were when it was whole."""
        path = self._kept.content(file.id)
        size = path.stat().st_size if path.exists() else 0
        if size == file.offset:
            return None
        detail = f"Of its {file.offset} bytes {size} are left; the disk lost them, or somebody. Send it again."
        return Fault(title="The file is not here as it came", status=500, detail=detail)

    async def _take(
        self, noted: FileRows, mapping: AnyMapping, sheet: Sheet, held: tuple[Share, Allowance]
    ) -> Fault | None:
        file, (share, allowance) = noted.file, held
        path, is_text = self._kept.content(file.id), file.media_type != EXCEL
        async with AsyncExitStack() as stack:
            rows: Rows
            if is_text:
                rows = CsvRows(CsvText(mapping, sheet.charset, sheet.delimiter), _Pieces(path), 0)
            else:
                name = sheet.sheet or mapping.file.sheet
                opened = stack.enter_context(path.open("rb"))
                rows = await stack.enter_async_context(workbook_rows(opened, self._limits.expanded_bytes, name))
            translator = Translator(
                mapping,
                self._desk.limits,
                is_text=is_text,
                counts_from_1904=rows.counts_from_1904,
                from_row=file.lines + 1,
            )
            caller = Caller(file.subject, file.tenant, frozenset(), file.sources)
            wish = Wish(
                MappingUsed(name=sheet.mapping, version=sheet.version or 0), caller, allowance, "", is_dry=False
            )
            answer = await SheetStream(self._desk.publisher, translator, share, noted, wish).take(rows)
        is_fault = answer.content_type == CONTENT_TYPE_PROBLEM and isinstance(answer.body, bytes)
        return msgspec.json.decode(answer.body, type=Fault) if is_fault else None  # type: ignore[arg-type] # as said


def as_kept(stored: Stored) -> bytes:
    """Return a mapping as it is kept beside the file, which is read by it whatever is put or removed later."""
    return msgspec.json.encode(stored.mapping)


def _not_read() -> Fault:
    return Fault(title="Mappings are not read yet", status=503, detail="Try again shortly.")


class _Pieces:
    """The bytes of a file that is here, as a body brings them."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def stream(self, timeout_s: float) -> AsyncIterator[bytes]:
        """Yield the file piece by piece; it is here already, so there is no `timeout_s` to keep."""
        del timeout_s
        with self._path.open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                yield piece
