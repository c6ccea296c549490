"""What was drawn of the accounts of a licence or quota, and when, read from the ledger and its events' times."""

from datetime import UTC, datetime

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.licensing.domain.licences import Licence
from services.licensing.domain.past import Drawings, Drawn, Empty
from services.licensing.domain.quotas import Quota
from services.licensing.store import records, tables

MOST_ENTRIES = 20_000
"""So many of the latest entries of an account are read; the past is as short as these reach back."""


# Each account's latest entries by the ledger's primary key, and each one's event by the event's: `LIMIT 1` keeps
# the planner from reading all events instead.
_BOOKS = """
    WITH entry AS MATERIALIZED (
        SELECT a.account_id, a.unit, a.granted - a.reserved - a.written_off AS free, e.number,
               e.kind, e.shipment_id, e.free_after, e.reserved + e.written_off AS drawn,
               least(coalesce(v.time, e.recorded_at), :now) AS at
        FROM licensing.account a
        CROSS JOIN LATERAL (SELECT * FROM licensing.ledger_entry l WHERE l.account_id = a.account_id
                            ORDER BY l.number DESC LIMIT :most) e
        LEFT JOIN LATERAL (SELECT time FROM licensing.event WHERE source = split_part(e.caused_by, ' ', 1)
                           AND id = substr(e.caused_by, strpos(e.caused_by, ' ') + 1) LIMIT 1) v ON true
        WHERE a.account_id = :owner OR (a.account_id > :owner || ':' AND a.account_id < :owner || ';')
    ), draw AS (
        SELECT account_id, min(at) FILTER (WHERE drawn > 0) AS at, sum(drawn) AS amount
        FROM entry WHERE shipment_id IS NOT NULL GROUP BY account_id, shipment_id HAVING sum(drawn) > 0
    ), day AS (
        SELECT account_id, floor(extract(epoch FROM :now - at) / 86400)::int AS age, sum(amount)::bigint AS amount,
               count(*) AS draws
        FROM draw GROUP BY 1, 2
    ), empty AS (
        SELECT * FROM (SELECT account_id, free_after, at,
                              lead(at) OVER (PARTITION BY account_id ORDER BY number) AS next FROM entry) AS s
        WHERE free_after <= 0 AND (next IS NULL OR next > at)
    ), known AS (
        SELECT account_id, unit, free, CASE WHEN min(number) = 1
            THEN coalesce(max(at) FILTER (WHERE kind = 'brought_forward'), min(at) FILTER (WHERE number = 1))
            ELSE min(at) END AS since
        FROM entry GROUP BY account_id, unit, free
    )
    SELECT k.account_id, k.unit, k.free, k.since,
           (SELECT coalesce(json_agg(json_build_array(d.age, d.amount, d.draws)), '[]')
            FROM day d WHERE d.account_id = k.account_id)::text AS drawn,
           (SELECT coalesce(json_agg(json_build_array(extract(epoch FROM s.at), extract(epoch FROM s.next))), '[]')
            FROM empty s WHERE s.account_id = k.account_id)::text AS empty
    FROM known k ORDER BY k.account_id
"""


async def now_of(c: AsyncConnection) -> datetime:
    """Return the log's time; before its first tick, that of this machine."""
    clock: datetime | None = (await c.execute(text("SELECT clock FROM licensing.register"))).scalar_one()
    return clock or datetime.now(UTC)


async def licence(c: AsyncConnection, licence_id: str) -> Licence | None:
    """Return a licence."""
    row = (await c.execute(text(f"{tables.LICENCE.select} WHERE licence_id = :id"), {"id": licence_id})).first()
    return records.licence_of(row) if row else None


async def quota(c: AsyncConnection, quota_id: str) -> Quota | None:
    """Return a quota with its tranches."""
    row = (await c.execute(text(f"{tables.QUOTA.select} WHERE quota_id = :id"), {"id": quota_id})).first()
    return records.quota_of(row) if row else None


async def accounts(c: AsyncConnection, owner: str, now: datetime) -> list[Drawings]:
    """Return the accounts of an owner (`licence:L-7`) with their draws, in the order of their ids."""
    rows = await c.execute(text(_BOOKS), {"owner": owner, "now": now, "most": MOST_ENTRIES})
    return [
        Drawings(
            row.account_id,
            row.unit,
            max(0, row.free),
            row.since,
            msgspec.json.decode(row.drawn, type=list[Drawn]),
            [
                Empty(_time(since), None if until is None else _time(until))
                for since, until in msgspec.json.decode(row.empty, type=list[tuple[float, float | None]])
            ],
        )
        for row in rows
    ]


def _time(epoch: float) -> datetime:
    return datetime.fromtimestamp(epoch, UTC)
