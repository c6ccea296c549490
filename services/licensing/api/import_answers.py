"""What imports answer: the shapes for the OpenAPI document, and the making of them."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, get_args
from urllib.parse import urlencode

from services.licensing.api.answers import Answer
from services.licensing.importer import Outcome
from services.licensing.importing.planning import Change, What
from services.licensing.importing.register import Register
from services.licensing.importing.tables import FaultKind
from services.licensing.store.imports import Import

LISTED_FAULTS = 10_000
"""More are counted and not listed."""
LISTED_EVENTS = 1000


class ImportCounts(Answer):
    """How many there are of what; licences by what the import does with them."""

    rows: int
    licences: int
    new: int
    amended: int
    opening: int
    """Known as they are; only an opening balance is brought forward."""
    unchanged: int
    refused: int
    events: int
    faults: int


class FieldChange(Answer):
    """What changes in a licence; empty: there is nothing."""

    field: str
    old: str
    new: str


class LicenceChange(Answer):
    """What the import does with a licence; `reason` says why one is refused."""

    licence_id: str
    rows: list[int]
    what: What
    reason: str
    differences: list[FieldChange]


class RowFault(Answer):
    """One thing that is wrong with the file."""

    row: int | None
    column: str | None
    value: str
    kind: FaultKind
    reason: str


class ImportPlan(Answer):
    """What an import would do. Unchanged licences are counted and not listed; nothing was written."""

    is_importable: bool
    content: str
    counts: ImportCounts
    changes: list[LicenceChange]
    faults: list[RowFault]


class ImportProblem(ImportPlan):
    """Problem details (RFC 9457) of an import that cannot be done, with the whole plan; nothing was written."""

    type: str
    title: str
    status: int
    detail: str


class ImportedEvent(Answer):
    """An event that an import made; `outcome` is where to ask what became of it."""

    source: str
    id: str
    type: str
    licence_id: str
    outcome: str


class Imported(Answer):
    """An import that was written as a whole; `outcome` is where to ask what became of all of it."""

    number: int | None
    """Null: there was nothing to change."""
    outcome: str | None
    content: str
    counts: ImportCounts
    changes: list[LicenceChange]
    events: list[ImportedEvent]


class UnappliedEvent(Answer):
    """An event of an import that is not applied."""

    source: str
    id: str
    type: str
    licence_id: str
    status: Literal["waiting", "parked", "dead"]
    reason: str | None


class ImportStatus(Answer):
    """What became of an import: its events by status, and of those that are not applied the first thousand."""

    number: int
    content: str
    at: datetime
    imported_at: datetime
    events_by_status: dict[str, int]
    unapplied: list[UnappliedEvent]


def plan_answer(content: str, register: Register, outcome: Outcome) -> dict[str, Any]:
    """Return what an import does."""
    return {
        "is_importable": outcome.is_importable,
        "content": content,
        "counts": _counts(register, outcome.changes),
        "changes": _changes(outcome.changes),
        "faults": [fault._asdict() for fault in register.faults[:LISTED_FAULTS]],
    }


def imported_answer(content: str, register: Register, outcome: Outcome) -> dict[str, Any]:
    """Return what an import did."""
    return {
        "number": outcome.number,
        "outcome": None if outcome.number is None else outcome_of(outcome.number),
        "content": content,
        "counts": _counts(register, outcome.changes),
        "changes": _changes(outcome.changes),
        "events": [_event(event) for event in outcome.events],
    }


def outcome_of(number: int) -> str:
    """Return where to ask what became of an import."""
    return f"/v1/imports/{number}"


def _counts(register: Register, changes: Sequence[Change]) -> dict[str, int]:
    by_what = Counter(change.what for change in changes)
    return {
        "rows": register.row_count,
        "licences": len(changes),
        **{what: by_what[what] for what in get_args(What)},
        "events": sum(len(change.events) for change in changes),
        "faults": len(register.faults),
    }


def _changes(changes: Sequence[Change]) -> list[dict[str, Any]]:
    return [
        {
            "licence_id": change.licence_id,
            "rows": change.rows,
            "what": change.what,
            "reason": change.reason,
            "differences": [difference._asdict() for difference in change.differences],
        }
        for change in changes
        if change.what != "unchanged"
    ]


def _event(event: dict[str, Any]) -> dict[str, Any]:
    named = {name: event[name] for name in ("source", "id", "type", "licence_id")}
    return {**named, "outcome": f"/v1/events?{urlencode({'source': event['source'], 'id': event['id']})}"}


def status_answer(found: Import) -> dict[str, Any]:
    """Return what became of an import."""
    unapplied = [event for event in found.events if event["status"] != "decided"]
    named = ("source", "id", "type", "licence_id", "status", "reason")
    return {
        "number": found.number,
        "content": found.content,
        "at": found.at,
        "imported_at": found.imported_at,
        "events_by_status": dict(Counter(event["status"] for event in found.events)),
        "unapplied": [{name: event[name] for name in named} for event in unapplied[:LISTED_EVENTS]],
    }
