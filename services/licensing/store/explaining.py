"""What explains a thing, read from licensing's tables: its events, the decisions on it, what an event brought about.

Every statement goes by an index, however large the books are.
"""

from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from services.licensing.store.reads import ENTRY, Item, items, one

MOST = 1000
"""So many ledger entries, decisions or lane changes of one event are shown at most."""
LAST = f"{2**63 - 1}"
"""The place of what still waits: after all that was applied."""
_PLACE = f"coalesce(applied_no, {LAST})"
_EVENT = f"""
    SELECT source, id, type, time, recorded_at, status, outcome, waiting_for, retracted_by,
           convert_from(body, 'UTF8') AS event, {_PLACE} || ':' || number AS place
    FROM licensing.event
"""
_DECISION = """
    SELECT decision_id, outcome, reasons, ledger_entries, policy_version, rulebook, caused_by, at, superseded_by
    FROM licensing.decision
"""
# The order in which events were applied; what one event posted has no order but its account's.
_IN_ORDER = f"""
    {ENTRY} LEFT JOIN licensing.event v ON v.source = split_part(e.caused_by, ' ', 1)
        AND v.id = substr(e.caused_by, strpos(e.caused_by, ' ') + 1)
"""


async def history(c: AsyncConnection, entity: str, limit: int, after: str) -> list[Item]:
    """Return the events of a thing (`licence:L-7`), the latest first; `after` is the `place` of one."""
    applied, number = (int(part) for part in (after or f"{LAST}:{LAST}").split(":"))
    return await items(
        c,
        f"{_EVENT} WHERE entity = :e AND ({_PLACE}, number) < (CAST(:a AS bigint), CAST(:n AS bigint))"
        f" ORDER BY {_PLACE} DESC, number DESC LIMIT :l",
        e=entity,
        a=applied,
        n=number,
        l=limit,
    )


async def terms_before(c: AsyncConnection, entity: str, place: str, types: tuple[str, ...]) -> Item | None:
    """Return the latest event of some types that held before a place in a thing's history."""
    applied, number = (int(part) for part in place.split(":"))
    return await one(
        c,
        f"{_EVENT} WHERE entity = :e AND ({_PLACE}, number) < (CAST(:a AS bigint), CAST(:n AS bigint))"
        " AND type = ANY(CAST(:t AS text[])) AND status = 'decided' AND retracted_by IS NULL"
        f" ORDER BY {_PLACE} DESC, number DESC LIMIT 1",
        e=entity,
        a=applied,
        n=number,
        t=list(types),
    )


async def decisions_on(
    c: AsyncConnection, licence_id: str, limit: int, after: tuple[datetime, str] | None
) -> list[Item]:
    """Return the decisions on shipments that named a licence, the latest first; `after` is time and id of one."""
    at, decision_id = after or (datetime.max.replace(tzinfo=UTC), "")
    return await items(
        c,
        "SELECT d.decision_id, d.shipment_id, d.outcome, d.at, d.caused_by, d.superseded_by,"
        " coalesce((d.reasons::json)->0->>'says', '') AS says,"
        " coalesce((d.reasons::json)->0->>'remedy', '') AS remedy"
        " FROM licensing.decision_on_licence o JOIN licensing.decision d USING (decision_id)"
        " WHERE o.licence_id = :l AND (o.at, o.decision_id) < (:at, :d)"
        " ORDER BY o.at DESC, o.decision_id DESC LIMIT :n",
        l=licence_id,
        at=at,
        d=decision_id,
        n=limit,
    )


async def shipment(c: AsyncConnection, shipment_id: str) -> Item | None:
    """Return a shipment with its decisions and its ledger entries in the order in which they were written."""
    found = await one(
        c,
        "SELECT shipment_id, declared, declared_at, lanes, progress, is_held, outcome, reservation,"
        " (SELECT min(e.waiting_for) FROM licensing.event e WHERE e.entity = 'shipment:' || s.shipment_id"
        " AND e.type = 'trade.shipment.declared' AND e.status = 'parked') AS waiting_for"
        " FROM licensing.shipment s WHERE shipment_id = :id",
        id=shipment_id,
    )
    if found is not None:
        found["decisions"] = await items(
            c, f"{_DECISION} WHERE shipment_id = :id ORDER BY length(decision_id), decision_id", id=shipment_id
        )
        found["ledger"] = await items(
            c,
            f"{_IN_ORDER} WHERE e.shipment_id = :id ORDER BY v.applied_no, e.recorded_at, e.account_id, e.number",
            id=shipment_id,
        )
    return found


async def event(c: AsyncConnection, source: str, event_id: str) -> Item:
    """Return what became of an event and what it brought about; `waiting` where licensing has not seen it."""
    found = await one(
        c,
        "SELECT source, id, type, time, status, outcome, waiting_for, entity, retracted_by, recorded_at,"
        " convert_from(body, 'UTF8') AS event FROM licensing.event"
        " WHERE source = :s AND id = :i",
        s=source,
        i=event_id,
    )
    dead = await items(
        c,
        "SELECT reason, pointer, recorded_at FROM licensing.dead_letter WHERE source = :s AND id = :i",
        s=source,
        i=event_id,
    )
    answer = found or {"source": source, "id": event_id, "status": "dead" if dead else "waiting"}
    answer["dead_letters"] = dead
    if found:
        answer |= await _brought_about(c, f"{source} {event_id}", found["entity"])
    return answer


async def _brought_about(c: AsyncConnection, name: str, entity: str) -> Item:
    """Return decisions, ledger entries and lane changes that an event caused.

    Decisions and draws are of the shipment whose event it is, and are found by it.
    """
    kind, _, key = entity.partition(":")
    shipment_id = key if kind == "shipment" else None
    entries = f"{ENTRY} WHERE e.caused_by = :name AND e.shipment_id"
    posted = [await items(c, f"{entries} IS NULL ORDER BY e.account_id, e.number LIMIT {MOST}", name=name)]
    decisions: list[Item] = []
    if shipment_id is not None:
        own = {"name": name, "s": shipment_id}
        posted += [await items(c, f"{entries} = :s ORDER BY e.account_id, e.number LIMIT {MOST}", **own)]
        decisions = await items(
            c,
            f"{_DECISION} WHERE shipment_id = :s AND caused_by = :name ORDER BY length(decision_id), decision_id"
            f" LIMIT {MOST}",
            **own,
        )
    changes = await items(
        c,
        "SELECT lane_id, sequence, previous, state, at, reasons, caused_by, supersedes FROM licensing.lane_change"
        f" WHERE caused_by = :name ORDER BY lane_id, sequence LIMIT {MOST}",
        name=name,
    )
    ledger = [entry for part in posted for entry in part]
    is_whole = all(len(found) < MOST for found in (*posted, decisions, changes))
    return {"decisions": decisions, "ledger": ledger, "lane_changes": changes, "is_whole": is_whole}
