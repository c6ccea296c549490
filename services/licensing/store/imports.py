"""Reads what an import is compared with, and writes its events to the outbox, all of them or none."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.licensing.importing.events import SOURCE
from services.licensing.importing.planning import Known, value_account
from services.licensing.store import records
from services.licensing.store.sql import Columns
from shared import cloudevents
from shared.cloudevents import Event, entity_key
from shared.events import TradeData

_LOCK = text("SELECT pg_advisory_xact_lock(hashtext('lanewatch licensing import'))")
_NEW = text("INSERT INTO licensing.import (content, at) VALUES (:content, :at) RETURNING number")
_EVENT = Columns(
    "import_event",
    ("import_no", "position"),
    import_no="bigint",
    position="int",
    source="text",
    id="text",
    type="text",
    licence_id="text",
)
NOT_AN_ALERT = "{}"
"""Headers of the outbox rows: what has none is counted as an alert."""

# An event is dealt with when it is on record, or its record could not be used.
_EVENTS = """
    SELECT i.position, i.source, i.id, i.type, i.licence_id,
           coalesce(e.status, CASE WHEN d.reason IS NULL THEN 'waiting' ELSE 'dead' END) AS status, d.reason
    FROM licensing.import_event i
    LEFT JOIN licensing.event e ON e.source = i.source AND e.id = i.id
    LEFT JOIN (SELECT source, id, min(reason) AS reason FROM licensing.dead_letter WHERE source = :source
               GROUP BY source, id) d ON d.source = i.source AND d.id = i.id
    WHERE i.import_no = :number
"""
_LIST = text(f"{_EVENTS} ORDER BY i.position")
_WAITING = text(f"SELECT count(*) FROM ({_EVENTS}) x WHERE status = 'waiting'")
_DRAWN = """
    SELECT account_id, sum(written_off_mg) FILTER (WHERE kind = 'brought_forward') AS brought,
           bool_or(kind NOT IN ('grant', 'brought_forward')) AS is_drawn
    FROM licensing.ledger_entry WHERE account_id = ANY(:accounts) GROUP BY account_id
"""


class Latest(NamedTuple):
    """The latest import, and how many of its events licensing has not dealt with yet."""

    number: int
    content: str
    waiting: int


class Import(NamedTuple):
    """One import and what became of its events."""

    number: int
    content: str
    at: datetime
    imported_at: datetime
    events: tuple[dict[str, Any], ...]


async def lock(c: AsyncConnection) -> None:
    """Wait until no other import is being written."""
    await c.execute(_LOCK)


async def latest(c: AsyncConnection) -> Latest | None:
    """Return the latest import."""
    newest = text("SELECT number, content FROM licensing.import ORDER BY number DESC LIMIT 1")
    head = (await c.execute(newest)).one_or_none()
    if head is None:
        return None
    waiting = (await c.execute(_WAITING, {"number": head.number, "source": SOURCE})).scalar_one()
    return Latest(head.number, head.content, int(waiting))


async def find(c: AsyncConnection, number: int) -> Import | None:
    """Return an import with what became of each event: waiting, parked, decided or dead."""
    head = (await c.execute(text("SELECT * FROM licensing.import WHERE number = :n"), {"n": number})).one_or_none()
    if head is None:
        return None
    events = (await c.execute(_LIST, {"number": number, "source": SOURCE})).mappings()
    return Import(head.number, head.content, head.at, head.imported_at, tuple(dict(event) for event in events))


async def count_of(c: AsyncConnection, content: str) -> int:
    """Return how often this content was imported."""
    found = await c.execute(text("SELECT count(*) FROM licensing.import WHERE content = :h"), {"h": content})
    return int(found.scalar_one())


async def known(c: AsyncConnection, licence_ids: Iterable[str]) -> dict[str, Known]:
    """Return what licensing has of these licences."""
    statement = text("SELECT * FROM licensing.licence WHERE licence_id = ANY(:ids)")
    rows = (await c.execute(statement, {"ids": sorted(licence_ids)})).all()
    licences = [records.licence_of(row) for row in rows]
    accounts = {
        account: licence.licence_id
        for licence in licences
        for line in (licence.terms.lines if licence.terms else ())
        for account in (licence.account_of(line.line_no), value_account(licence, line.line_no))
    }
    brought: dict[str, dict[str, int]] = {licence.licence_id: {} for licence in licences}
    drawn: set[str] = set()
    for row in (await c.execute(text(_DRAWN), {"accounts": sorted(accounts)})).all():
        brought[accounts[row.account_id]][row.account_id] = int(row.brought or 0)
        if row.is_drawn:
            drawn.add(accounts[row.account_id])
    return {i.licence_id: Known(i, brought[i.licence_id], i.licence_id in drawn) for i in licences}


async def save(c: AsyncConnection, content: str, at: datetime, events: Sequence[Event[TradeData]], topic: str) -> int:
    """Write the import and its events, keyed as ingest keys them; return the import's number."""
    number = int((await c.execute(_NEW, {"content": content, "at": at})).scalar_one())
    keyed = [(entity_key(event), event) for event in events]
    rows = (
        (number, place, event.source, event.id, event.type, key.removeprefix("licence:"))
        for place, (key, event) in enumerate(keyed, start=1)
    )
    await _EVENT.insert(c, rows)
    outbox = ((topic, key, cloudevents.write(event), NOT_AN_ALERT) for key, event in keyed)
    await records.OUTBOX.insert(c, outbox)
    await c.execute(text("SELECT pg_notify('lanewatch_outbox', '')"))
    return number
