"""What the API shows, read from licensing's tables."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.masses import kg

Item = dict[str, Any]
_JSON = ("terms", "state_json", "reasons", "declared", "draws", "lines")


async def _items(c: AsyncConnection, statement: str, **parameters: Any) -> list[Item]:
    """Return rows as objects: JSON columns as they are, masses (`*_mg`) as decimal kilograms."""
    rows = await c.execute(text(statement), parameters)
    return [_item(dict(row._mapping)) for row in rows]  # noqa: SLF001 - SQLAlchemy's public accessor of a row


def _item(row: Item) -> Item:
    item: Item = {}
    for name, value in row.items():
        if name in _JSON and isinstance(value, str):
            item[name.removesuffix("_json")] = msgspec.Raw(value.encode())
        elif name.endswith("_mg"):
            item[f"{name.removesuffix('_mg')}_kg"] = None if value is None else str(kg(value))
        else:
            item[name] = value
    return item


async def _one(c: AsyncConnection, statement: str, **parameters: Any) -> Item | None:
    return next(iter(await _items(c, statement, **parameters)), None)


_LANE = "SELECT lane_id, commodity_group, origin, destination, state, since, sequence, reasons FROM licensing.lane"


async def lanes(c: AsyncConnection, only: tuple[str | None, ...], limit: int, after: str) -> list[Item]:
    """Return lanes by id; `only` restricts group, origin, destination and state."""
    return await _items(
        c,
        f"{_LANE} WHERE lane_id > :after AND (CAST(:g AS text) IS NULL OR commodity_group = :g)"
        " AND (CAST(:o AS text) IS NULL OR origin = :o) AND (CAST(:d AS text) IS NULL OR destination = :d)"
        " AND (CAST(:s AS text) IS NULL OR state = :s) ORDER BY lane_id LIMIT :n",
        after=after,
        n=limit,
        **dict(zip("gods", only, strict=True)),
    )


async def lane(c: AsyncConnection, lane_id: str) -> Item | None:
    """Return a lane with its changes, oldest first."""
    found = await _one(c, f"{_LANE} WHERE lane_id = :id", id=lane_id)
    if found is not None:
        found["changes"] = await _items(
            c,
            "SELECT sequence, previous, state, at, reasons, caused_by FROM licensing.lane_change"
            " WHERE lane_id = :id ORDER BY sequence",
            id=lane_id,
        )
    return found


_BALANCES = """
    (SELECT coalesce(json_agg(json_build_object('account', a.account_id,
        'granted_kg', trim_scale(a.granted_mg / 1000000.0)::text,
        'reserved_kg', trim_scale(a.reserved_mg / 1000000.0)::text,
        'written_off_kg', trim_scale(a.written_off_mg / 1000000.0)::text,
        'left_kg', trim_scale(greatest(0, a.granted_mg - a.reserved_mg - a.written_off_mg) / 1000000.0)::text)
        ORDER BY a.account_id), '[]')
     FROM licensing.account a WHERE {where}) AS lines
"""
_OF_LICENCE = """a.account_id > 'licence:' || l.licence_id || ':'
    AND a.account_id < 'licence:' || l.licence_id || ';'
    AND strpos(substr(a.account_id, length(l.licence_id) + 10), ':') = 0"""
_LICENCE = f"""
    SELECT licence_id, state, since, exporter, valid_from, valid_until, terms, {_BALANCES.format(where=_OF_LICENCE)}
    FROM licensing.licence l
"""


async def licences(c: AsyncConnection, only: tuple[str | None, ...], limit: int, after: str) -> list[Item]:
    """Return licences by id; `only` restricts exporter and state."""
    return await _items(
        c,
        f"{_LICENCE} WHERE licence_id > :after AND (CAST(:e AS text) IS NULL OR exporter = :e)"
        " AND (CAST(:s AS text) IS NULL OR state = :s) ORDER BY licence_id LIMIT :n",
        after=after,
        n=limit,
        e=only[0],
        s=only[1],
    )


async def licence(c: AsyncConnection, licence_id: str) -> Item | None:
    """Return a licence with its balances."""
    return await _one(c, f"{_LICENCE} WHERE licence_id = :id", id=licence_id)


async def ledger(c: AsyncConnection, account_id: str, limit: int, after: int) -> list[Item]:
    """Return the entries of an account in their order; masses are changes of the balance."""
    return await _items(
        c,
        "SELECT number, kind, granted_mg, reserved_mg, written_off_mg, shipment_id, line_no, caused_by, recorded_at"
        " FROM licensing.ledger_entry WHERE account_id = :id AND number > :after ORDER BY number LIMIT :n",
        id=account_id,
        after=after,
        n=limit,
    )


_QUOTA = """
    SELECT q.quota_id, q.terms, q.closed_at, a.granted_mg, a.reserved_mg, a.written_off_mg,
           greatest(0, a.granted_mg - a.reserved_mg - a.written_off_mg) AS left_mg
    FROM licensing.quota q JOIN licensing.account a ON a.account_id = 'quota:' || q.quota_id
"""


async def quotas(c: AsyncConnection, limit: int, after: str) -> list[Item]:
    """Return quotas by id with their balances."""
    return await _items(c, f"{_QUOTA} WHERE q.quota_id > :after ORDER BY q.quota_id LIMIT :n", after=after, n=limit)


async def quota(c: AsyncConnection, quota_id: str) -> Item | None:
    """Return a quota with its balance."""
    return await _one(c, f"{_QUOTA} WHERE q.quota_id = :id", id=quota_id)


async def regimes(c: AsyncConnection) -> list[Item]:
    """Return all regimes."""
    return await _items(c, "SELECT regime_id, terms, state AS state_json FROM licensing.regime ORDER BY regime_id")


async def shipment(c: AsyncConnection, shipment_id: str) -> Item | None:
    """Return a shipment with its decisions and ledger entries."""
    found = await _one(
        c,
        "SELECT shipment_id, declared, declared_at, lanes, progress, is_held, outcome, reservation,"
        " (SELECT min(e.waiting_for) FROM licensing.event e WHERE e.entity = 'shipment:' || s.shipment_id"
        " AND e.type = 'trade.shipment.declared' AND e.status = 'parked') AS waiting_for"
        " FROM licensing.shipment s WHERE shipment_id = :id",
        id=shipment_id,
    )
    if found is not None:
        found["decisions"] = await _items(
            c,
            "SELECT decision_id, outcome, reasons, ledger_entries, policy_version, caused_by, at"
            " FROM licensing.decision WHERE shipment_id = :id ORDER BY at, decision_id",
            id=shipment_id,
        )
        found["ledger"] = await _items(
            c,
            "SELECT account_id, number, kind, reserved_mg, written_off_mg, line_no, caused_by"
            " FROM licensing.ledger_entry WHERE shipment_id = :id ORDER BY recorded_at, account_id, number",
            id=shipment_id,
        )
    return found


async def event(c: AsyncConnection, source: str, event_id: str) -> Item:
    """Return what became of an event; `waiting` where licensing has not seen it."""
    found = await _one(
        c,
        "SELECT source, id, type, time, status, outcome, waiting_for, entity, recorded_at FROM licensing.event"
        " WHERE source = :s AND id = :i",
        s=source,
        i=event_id,
    )
    dead = await _items(
        c,
        "SELECT reason, pointer, recorded_at FROM licensing.dead_letter WHERE source = :s AND id = :i",
        s=source,
        i=event_id,
    )
    answer = found or {"source": source, "id": event_id, "status": "dead" if dead else "waiting"}
    if dead:
        answer["dead_letters"] = dead
    if found and found["type"] == "trade.shipment.declared":
        name = f"{source} {event_id}"
        answer["decisions"] = await _items(
            c,
            "SELECT decision_id, outcome, reasons FROM licensing.decision WHERE shipment_id = :s AND caused_by = :n",
            s=found["entity"].removeprefix("shipment:"),
            n=name,
        )
    return answer


async def positions(c: AsyncConnection, topic: str) -> dict[str, int]:
    """Return the next offset of each partition."""
    rows = await c.execute(
        text("SELECT partition, next_offset FROM licensing.consumer_offset WHERE topic = :t ORDER BY partition"),
        {"t": topic},
    )
    return {str(row.partition): row.next_offset for row in rows}


async def dead_letters(c: AsyncConnection, limit: int, after: str) -> Sequence[Item]:
    """Return dead letters by place (partition and offset)."""
    partition, offset = (int(part) for part in (after or "-1:-1").split(":"))
    return await _items(
        c,
        "SELECT partition || ':' || kafka_offset AS place, source, id, reason, pointer, recorded_at,"
        " encode(body, 'escape') AS body FROM licensing.dead_letter"
        " WHERE (partition, kafka_offset) > (CAST(:p AS int), CAST(:o AS bigint))"
        " ORDER BY partition, kafka_offset LIMIT :n",
        p=partition,
        o=offset,
        n=limit,
    )
