"""What the API shows, read from licensing's tables."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.masses import kg

Item = dict[str, Any]
_JSON = ("terms", "state_json", "reasons", "declared", "draws", "accounts", "event")


async def items(c: AsyncConnection, statement: str, **parameters: Any) -> list[Item]:
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


async def one(c: AsyncConnection, statement: str, **parameters: Any) -> Item | None:
    """Return the first row, as `items` does."""
    return next(iter(await items(c, statement, **parameters)), None)


_LANE = """
    SELECT lane_id, commodity_group, origin, destination, exporter, state, since, sequence, reasons FROM licensing.lane
"""


async def lanes(c: AsyncConnection, only: tuple[str | None, ...], limit: int, after: str) -> list[Item]:
    """Return lanes by id; `only` restricts group, origin, destination and state, and names whose lanes are wanted.

    Without an exporter those of all are.
    """
    return await items(
        c,
        f"{_LANE} WHERE lane_id > :after AND (CAST(:g AS text) IS NULL OR commodity_group = :g)"
        " AND (CAST(:o AS text) IS NULL OR origin = :o) AND (CAST(:d AS text) IS NULL OR destination = :d)"
        " AND (CAST(:s AS text) IS NULL OR state = :s) AND exporter IS NOT DISTINCT FROM CAST(:e AS text)"
        " ORDER BY lane_id LIMIT :n",
        after=after,
        n=limit,
        **dict(zip("godse", only, strict=True)),
    )


async def lane(c: AsyncConnection, lane_id: str) -> Item | None:
    """Return a lane with its changes, oldest first."""
    found = await one(c, f"{_LANE} WHERE lane_id = :id", id=lane_id)
    if found is not None:
        found["changes"] = await items(
            c,
            "SELECT sequence, previous, state, at, reasons, caused_by, supersedes FROM licensing.lane_change"
            " WHERE lane_id = :id ORDER BY sequence",
            id=lane_id,
        )
    return found


_BALANCE = """
    json_build_object('account', a.account_id, 'unit', CASE a.unit WHEN 'MGM' THEN 'KGM' ELSE a.unit END,
        'granted', trim_scale(a.granted / {scale})::text, 'reserved', trim_scale(a.reserved / {scale})::text,
        'written_off', trim_scale(a.written_off / {scale})::text,
        'left', trim_scale(greatest(0, a.granted - a.reserved - a.written_off) / {scale})::text,
        'excess', trim_scale(a.excess / {scale})::text)
"""
_SCALE = "(CASE a.unit WHEN 'MGM' THEN 1000000.0 WHEN 'C62' THEN 1.0 ELSE 10000.0 END)"
_QUOTED = "replace(replace({id}, '%', '%25'), ':', '%3A')"


def _balances(kind: str, owner: str) -> str:
    """Return the SQL for the balances of all accounts of an owner, as a JSON array."""
    start = f"'{kind}:' || " + _QUOTED.format(id=owner)
    return f"""
    (SELECT coalesce(json_agg({_BALANCE.format(scale=_SCALE)} ORDER BY a.account_id), '[]')
     FROM licensing.account a WHERE a.account_id = {start}
     OR (a.account_id > {start} || ':' AND a.account_id < {start} || ';'))"""


_LICENCE = f"""
    SELECT licence_id, state, since, exporter, batch_id, valid_from, valid_until, terms,
           {_balances("licence", "l.licence_id")} AS accounts
    FROM licensing.licence l
"""


async def licences(c: AsyncConnection, only: tuple[str | None, ...], limit: int, after: str) -> list[Item]:
    """Return licences by id; `only` restricts exporter, state and batch."""
    return await items(
        c,
        f"{_LICENCE} WHERE licence_id > :after AND (CAST(:e AS text) IS NULL OR exporter = :e)"
        " AND (CAST(:s AS text) IS NULL OR state = :s)"
        " AND (CAST(:b AS text) IS NULL OR batch_id = :b) ORDER BY licence_id LIMIT :n",
        after=after,
        n=limit,
        e=only[0],
        s=only[1],
        b=only[2],
    )


async def licence(c: AsyncConnection, licence_id: str) -> Item | None:
    """Return a licence with its balances."""
    return await one(c, f"{_LICENCE} WHERE licence_id = :id", id=licence_id)


ENTRY = f"""
    SELECT e.account_id, e.number, e.kind, CASE a.unit WHEN 'MGM' THEN 'KGM' ELSE a.unit END AS unit,
           trim_scale(e.granted / {_SCALE})::text AS granted, trim_scale(e.reserved / {_SCALE})::text AS reserved,
           trim_scale(e.written_off / {_SCALE})::text AS written_off,
           trim_scale(e.free_after / {_SCALE})::text AS free_after,
           trim_scale(e.beyond / {_SCALE})::text AS beyond, e.shipment_id, e.line_no, e.caused_by, e.recorded_at
    FROM licensing.ledger_entry e JOIN licensing.account a USING (account_id)
"""


_BATCH = f"""
    SELECT b.batch_id, b.terms, b.issued_at,
           (SELECT count(*) FROM licensing.licence l WHERE l.batch_id = b.batch_id) AS licences,
           (SELECT count(*) FROM licensing.licence l WHERE l.batch_id = b.batch_id AND l.state = 'active') AS active,
           s.granted_mg, s.used_mg, s.left_mg
    FROM licensing.batch b, LATERAL (
        SELECT coalesce(sum(a.granted), 0) AS granted_mg, coalesce(sum(a.reserved + a.written_off), 0) AS used_mg,
               coalesce(sum(greatest(0, a.granted - a.reserved - a.written_off)), 0) AS left_mg
        FROM licensing.licence l JOIN licensing.account a
        ON a.account_id > 'licence:' || {_QUOTED.format(id="l.licence_id")} || ':'
        AND a.account_id < 'licence:' || {_QUOTED.format(id="l.licence_id")} || ';' AND a.unit = 'MGM'
        WHERE l.batch_id = b.batch_id) s
"""


async def batches(c: AsyncConnection, limit: int, after: str) -> list[Item]:
    """Return batches by id, with how many licences came of each and what they have together."""
    return await items(c, f"{_BATCH} WHERE b.batch_id > :after ORDER BY b.batch_id LIMIT :n", after=after, n=limit)


async def batch(c: AsyncConnection, batch_id: str) -> Item | None:
    """Return one batch."""
    return await one(c, f"{_BATCH} WHERE b.batch_id = :id", id=batch_id)


async def ledger(
    c: AsyncConnection, account_id: str, limit: int, after: int, *, is_newest_first: bool = False
) -> list[Item]:
    """Return the entries of an account in their order, or the latest first; quantities are changes of the balance."""
    order = "e.number < :after ORDER BY e.number DESC" if is_newest_first else "e.number > :after ORDER BY e.number"
    place = after or 2**63 - 1 if is_newest_first else after
    return await items(c, f"{ENTRY} WHERE e.account_id = :id AND {order} LIMIT :n", id=account_id, after=place, n=limit)


_QUOTA = f"""
    SELECT q.quota_id, q.terms, q.state AS state_json, {_balances("quota", "q.quota_id")} AS accounts
    FROM licensing.quota q
"""


async def quotas(c: AsyncConnection, limit: int, after: str) -> list[Item]:
    """Return quotas by id with the balances of the whole and of its parts."""
    return await items(c, f"{_QUOTA} WHERE q.quota_id > :after ORDER BY q.quota_id LIMIT :n", after=after, n=limit)


async def quota(c: AsyncConnection, quota_id: str) -> Item | None:
    """Return a quota with its balances."""
    return await one(c, f"{_QUOTA} WHERE q.quota_id = :id", id=quota_id)


async def regimes(c: AsyncConnection) -> list[Item]:
    """Return all regimes."""
    return await items(c, "SELECT regime_id, terms, state AS state_json FROM licensing.regime ORDER BY regime_id")


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
    return await items(
        c,
        "SELECT partition || ':' || kafka_offset AS place, source, id, reason, pointer, recorded_at,"
        " encode(body, 'escape') AS body FROM licensing.dead_letter"
        " WHERE (partition, kafka_offset) > (CAST(:p AS int), CAST(:o AS bigint))"
        " ORDER BY partition, kafka_offset LIMIT :n",
        p=partition,
        o=offset,
        n=limit,
    )
