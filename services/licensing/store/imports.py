"""Reads what an import is compared with, and writes its events to the outbox, all of them or none."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.licensing.domain.licences import Licence
from services.licensing.importing.events import SOURCE
from services.licensing.importing.planning import Known
from services.licensing.store import records, tables
from services.licensing.store.sql import Columns
from shared import cloudevents
from shared.cloudevents import Event, entity_key
from shared.events import LicenceTerms, TradeData

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
"""Headers of the outbox rows: they are not those of an alert."""

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
# What was brought forward, and taken back by a retraction, is of no shipment.
_USED = text("""
    SELECT a.account_id, a.unit, coalesce(sum(e.written_off) FILTER (WHERE e.shipment_id IS NULL), 0) AS brought,
           bool_or(e.shipment_id IS NOT NULL) AS is_drawn
    FROM licensing.account a JOIN licensing.ledger_entry e ON e.account_id = a.account_id
    WHERE a.account_id = ANY(:accounts) GROUP BY a.account_id
""")


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


async def begin(c: AsyncConnection) -> None:
    """Let the transaction wait while a large register is worked on; it locks nothing that others want."""
    await c.execute(text("SET LOCAL idle_in_transaction_session_timeout = '60s'"))


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


async def known(c: AsyncConnection, told: Sequence[LicenceTerms]) -> dict[str, Known]:
    """Return what licensing has of the licences that are told of."""
    statement = text(f"{tables.LICENCE.select} WHERE licence_id = ANY(:ids)")
    rows = (await c.execute(statement, {"ids": sorted(terms.licence_id for terms in told)})).all()
    licences = await asyncio.to_thread(lambda: {row.licence_id: records.licence_of(row) for row in rows})
    owners = _accounts([*told, *(i.terms for i in licences.values() if i.terms)])
    used: dict[str, list[Any]] = {licence_id: [] for licence_id in owners.values()}
    for row in (await c.execute(_USED, {"accounts": sorted(owners)})).all():
        used[owners[row.account_id]].append(row)
    return {licence_id: _known(licence, used[licence_id]) for licence_id, licence in licences.items()}


def _accounts(terms: Iterable[LicenceTerms]) -> dict[str, str]:
    """Return the licences of all accounts that the terms could have."""
    found: dict[str, str] = {}
    for one in terms:
        licence = Licence(one.licence_id)
        found[licence.uses_account] = one.licence_id
        for line in one.lines:
            found[licence.account_of(line.line_no)] = found[licence.value_account_of(line.line_no)] = one.licence_id
    return found


def _known(licence: Licence, used: Sequence[Any]) -> Known:
    brought = {row.account_id: int(row.brought) for row in used}
    units = {row.account_id: row.unit for row in used}
    return Known(licence, brought, units, any(row.is_drawn for row in used))


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
    await tables.OUTBOX.insert(c, outbox)
    await c.execute(text("SELECT pg_notify('lanewatch_outbox', '')"))
    return number
