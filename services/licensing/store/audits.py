"""Counts that must agree when nothing was lost and nothing counted twice."""

from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.licensing.store.adding import ALERT_HEADERS

_COUNTS = {
    "events_by_status": "SELECT status AS k, count(*) AS n FROM licensing.event GROUP BY 1",
    "events_by_type": "SELECT type AS k, count(*) AS n FROM licensing.event GROUP BY 1",
    "decisions_by_outcome": "SELECT outcome AS k, count(*) AS n FROM licensing.decision GROUP BY 1",
    "lane_changes_by_state": "SELECT state AS k, count(*) AS n FROM licensing.lane_change GROUP BY 1",
    "ledger_entries_by_kind": "SELECT kind AS k, count(*) AS n FROM licensing.ledger_entry GROUP BY 1",
    "alerts_by_type": "SELECT convert_from(body, 'UTF8')::json->>'type' AS k, count(*) AS n"
    f" FROM licensing.outbox WHERE headers IS NULL OR headers LIKE '{ALERT_HEADERS}' GROUP BY 1",
}
_FIGURES = {
    "dead_letters": "SELECT count(*) FROM licensing.dead_letter",
    "dead_letters_without_event": "SELECT count(*) FROM licensing.dead_letter d WHERE NOT EXISTS"
    " (SELECT FROM licensing.event e WHERE e.partition = d.partition AND e.kafka_offset = d.kafka_offset)",
    "dead_events_without_letter": "SELECT count(*) FROM licensing.event e WHERE status = 'dead' AND NOT EXISTS"
    " (SELECT FROM licensing.dead_letter d WHERE e.partition = d.partition AND e.kafka_offset = d.kafka_offset)",
    "unpublished": "SELECT count(*) FROM licensing.outbox WHERE published_at IS NULL",
    "unpublishable": "SELECT count(*) FROM licensing.outbox WHERE failure IS NOT NULL",
    "accounts": "SELECT count(*) FROM licensing.account",
    "ledger_entries": "SELECT count(*) FROM licensing.ledger_entry",
    "overdrawn_accounts": "SELECT count(*) FROM licensing.account"
    " WHERE reserved + written_off > granted + excess OR reserved < 0 OR written_off < 0",
    "unbalanced_accounts": "SELECT count(*) FROM licensing.account a FULL JOIN (SELECT account_id,"
    " sum(granted) g, sum(reserved) r, sum(written_off) w, count(*) n, max(number) m"
    " FROM licensing.ledger_entry GROUP BY 1) e USING (account_id) WHERE"
    " (coalesce(a.granted, -1), coalesce(a.reserved, -1), coalesce(a.written_off, -1), coalesce(a.entries, -1))"
    " IS DISTINCT FROM (coalesce(e.g, 0), coalesce(e.r, 0), coalesce(e.w, 0), coalesce(e.n, 0))"
    " OR coalesce(e.m, 0) <> coalesce(e.n, 0)",
    "entries_out_of_line": "SELECT count(*) FROM (SELECT free_after, sum(granted - reserved - written_off)"
    " OVER (PARTITION BY account_id ORDER BY number) AS free FROM licensing.ledger_entry) e WHERE free <> free_after",
    "lane_sequence_gaps": "SELECT count(*) FROM licensing.lane l LEFT JOIN (SELECT lane_id, count(*) n, max(sequence) m"
    " FROM licensing.lane_change GROUP BY 1) x USING (lane_id)"
    " WHERE coalesce(x.n, 0) <> l.sequence OR coalesce(x.m, 0) <> l.sequence",
    "decided_shipments_without_decision": "SELECT count(*) FROM licensing.shipment s WHERE outcome IS NOT NULL"
    " AND NOT EXISTS (SELECT FROM licensing.decision d WHERE d.shipment_id = s.shipment_id)",
}
_TOPIC = """
    SELECT coalesce(sum(next_offset), 0) AS read, coalesce(sum(duplicates), 0) AS duplicates
    FROM licensing.consumer_offset WHERE topic = :topic
"""


async def audit(c: AsyncConnection, topic: str) -> dict[str, Any]:
    """Return the counts of one moment, read in one snapshot."""
    await c.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
    found: dict[str, Any] = {}
    for name, statement in _COUNTS.items():
        found[name] = {row.k: row.n for row in await c.execute(text(f"{statement} ORDER BY 1"))}
    for name, statement in _FIGURES.items():
        found[name] = (await c.execute(text(statement))).scalar_one()
    row = (await c.execute(text(_TOPIC), {"topic": topic})).one()
    found["records_read"], found["duplicates"] = int(row.read), int(row.duplicates)
    rows = await c.execute(
        text("SELECT partition, next_offset FROM licensing.consumer_offset WHERE topic = :t"), {"t": topic}
    )
    found["positions"] = {str(row.partition): row.next_offset for row in rows}
    return found
