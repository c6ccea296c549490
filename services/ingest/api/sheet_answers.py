"""What is answered to a sheet: a line for each event that its rows made, and at last what it all came to."""

import msgspec

from services.ingest.api.line_answers import LineReceipt, outcome_of
from services.ingest.domain.faults import Fault
from services.ingest.domain.formats.sheet.translating import Made
from services.ingest.domain.reading import Accepted
from services.ingest.publisher import Result


class RowsResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of the rows from `row` to `last_row`; of a dry run, the event that they would make."""

    row: int
    last_row: int
    status: int
    receipt: LineReceipt | None = None
    event: msgspec.Raw | None = None
    problem: Fault | None = None


class StoppedRows(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing was taken from this row on, for this reason."""

    row: int
    problem: Fault


class MappingUsed(msgspec.Struct, frozen=True, kw_only=True):
    """The mapping that rows were read by."""

    name: str
    version: int


class SheetSummary(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What it all came to; `outcome` is a URI template (RFC 6570) of where to ask what became of an event."""

    accepted: int
    refused: int
    rows: int
    """Those that were read; empty ones and those that the mapping skips are not among them."""
    skipped: int
    mapping: MappingUsed
    header_row: int
    mapped: tuple[str, ...]
    unmapped: tuple[str, ...]
    """Columns of the file that the mapping does not name."""
    topic: str | None = None
    outcome: str | None = None
    is_dry_run: bool = False
    stopped: StoppedRows | None = None


def published(made: Made, result: Result | None) -> RowsResult:
    """Return what to tell of rows whose event was to be published."""
    outcome = outcome_of(made.item, result)
    if isinstance(outcome, Fault):
        return RowsResult(row=made.first, last_row=made.last, status=outcome.status, problem=outcome)
    return RowsResult(row=made.first, last_row=made.last, status=202, receipt=outcome)


def tried(made: Made, *, is_shown: bool) -> RowsResult:
    """Return what to tell of rows whose event is not to be published."""
    if not isinstance(made.item, Accepted):
        return RowsResult(row=made.first, last_row=made.last, status=made.item.status, problem=made.item)
    event = msgspec.Raw(made.item.value) if is_shown else None
    return RowsResult(row=made.first, last_row=made.last, status=200, event=event)
