"""Makes the events of an import; their ids follow from the file, so the same file gives the same events."""

import hashlib
from collections.abc import Sequence
from datetime import datetime

from services.licensing.importing.planning import Change, StepData
from shared import cloudevents
from shared.cloudevents import Event
from shared.events import LicenceUseBroughtForward, TradeData

SOURCE = "/lanewatch/imports/licences"
MAX_DATA_BYTES = 1_000_000
"""Below what Kafka takes with the rest of the event; a test compares the two."""


def content_hash(data: bytes, sheet: str | None) -> str:
    """Return what names the content of a register: its bytes and the sheet that is read."""
    return hashlib.sha256(hashlib.sha256(data).digest() + (sheet or "").encode()).hexdigest()


def events_of(changes: Sequence[Change], content: str, earlier: int, at: datetime) -> list[Event[TradeData]]:
    """Return the events of the changes in order.

    `earlier` is how often the same content was imported before: a file that is to undo what another
    has changed since makes new events, where an import that is merely sent again does not.
    """
    prefix = f"{content[:32]}.{earlier}"
    return [
        Event(
            specversion="1.0",
            id=f"{prefix}.{change.rows[0]}.{_step(data)}",
            source=SOURCE,
            type=data.TYPE,
            time=at,
            datacontenttype=cloudevents.JSON,
            data=data,
        )
        for change in changes
        for data in change.events
    ]


def _step(data: StepData) -> str:
    step = data.TYPE.rpartition(".")[2]
    return f"{step}.{data.line_no}" if isinstance(data, LicenceUseBroughtForward) else step


def refuse_too_large(change: Change) -> Change:
    """Return the change, or its refusal where its terms are more than one event can hold."""
    if all(len(cloudevents.encode_sorted(data)) <= MAX_DATA_BYTES for data in change.events):
        return change
    reason = f"the licence's terms are larger than the {MAX_DATA_BYTES} bytes that one event can hold"
    return change._replace(what="refused", reason=reason, differences=(), events=())
