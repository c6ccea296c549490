"""Everything that licensing and alerts keep of a log, as rows to be compared between two readings of it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg

import services.licensing
from lanewatch.stack import StackConfig
from lanewatch.stack.postgres import connect
from services.licensing.domain.policy import read_policy
from services.licensing.domain.whole import WholeBook, worked_out
from services.licensing.store import records, tables
from services.licensing.store.adding import ALERT_HEADERS
from shared.cloudevents import Event, read_trade_event, write

POLICY = Path(services.licensing.__file__).parent / "policies" / "starter.json"
NOT_COMPARED = {
    # When a row was written is measured, and decides nothing.
    "licensing.event": {"recorded_at"},
    "licensing.dead_letter": {"recorded_at"},
    "licensing.ledger_entry": {"recorded_at"},
    "licensing.outbox": {"published_at", "topic"},
    # Which partition told what of a source follows from the batches; what ticks make of it is in licensing.source.
    "licensing.source_seen": {"source", "partition", "at", "feeds"},
    "alerts.alert": {"recorded_at", "decided_at"},
}
"""Columns in which two readings may differ; whatever is added to a table is compared."""
ORDERED = {
    "licensing.event": dict.fromkeys(("number", "applied_no", "parking_no"), "ORDER BY {}"),
    "licensing.outbox": {"number": "PARTITION BY key ORDER BY {}"},
    "alerts.alert": {"alert_no": "PARTITION BY lane ORDER BY {}"},
}
"""Columns whose values are drawn from a sequence, so that only their order is compared: for alerts that in a lane."""
NAMED = {"alerts.lane": {"alert_no": "(SELECT a.id FROM alerts.alert a WHERE a.alert_no = t.alert_no)"}}
OF_ALERTS = ("alert", "lane")
"""What alerts makes of licensing's alerts; the rest is about who is sent them."""

Row = tuple[Any, ...]
Kept = dict[str, list[Row]]
"""Rows by table."""


def _column(table: str, name: str) -> str:
    if expression := NAMED.get(table, {}).get(name):
        return expression
    if order := ORDERED.get(table, {}).get(name):
        return f"CASE WHEN {name} IS NOT NULL THEN dense_rank() OVER ({order.format(name)}) END"
    return name


def _plain(row: Iterable[Any]) -> Row:
    return tuple(list(value) if isinstance(value, tuple) else value for value in row)


def _sorted(rows: Iterable[Iterable[Any]]) -> list[Row]:
    return sorted((_plain(row) for row in rows), key=repr)


async def _columns(connection: asyncpg.Connection, schema: str) -> dict[str, list[str]]:
    """Return the columns of each table that are compared."""
    found: dict[str, list[str]] = {}
    rows = await connection.fetch(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = $1 ORDER BY 1, 2", schema
    )
    for table, column in rows:
        if column not in NOT_COMPARED.get(f"{schema}.{table}", ()):
            found.setdefault(table, []).append(column)
    return found


async def kept(config: StackConfig, schema: str, only: Iterable[str] = ()) -> Kept:
    """Return the tables of a schema, every column that does not say when or in which place of a sequence."""
    connection = await connect(config, config.database)
    found: Kept = {}
    try:
        for table, names in (await _columns(connection, schema)).items():
            if only and table not in only:
                continue
            chosen = ", ".join(_column(f"{schema}.{table}", name) for name in names)
            found[table] = _sorted(await connection.fetch(f"SELECT {chosen} FROM {schema}.{table} AS t"))  # noqa: S608 - names from the catalogue
    finally:
        await connection.close()
    return found


async def books(config: StackConfig) -> Kept:
    """Return what `books_in_memory` knows, as the database has it: decisions, ledger, lanes and alerts."""
    wanted = {
        "decision": tables.DECISION.select.replace(" FROM", ", superseded_by FROM"),
        "finding": tables.FINDING.select,
        "ledger_entry": tables.ENTRY.select,
        "event": "SELECT source, id, status, outcome FROM licensing.event",
        "lane": tables.LANE.select,
        "lane_change": tables.LANE_CHANGE.select,
        "alert": "SELECT key, row_number() OVER (PARTITION BY key ORDER BY number), body FROM licensing.outbox"  # noqa: S608 - put together of constants
        " WHERE headers LIKE '" + ALERT_HEADERS + "'",
    }
    connection = await connect(config, config.database)
    try:
        return {table: _sorted(await connection.fetch(statement)) for table, statement in wanted.items()}
    finally:
        await connection.close()


async def worked_out_from_the_record(config: StackConfig) -> WholeBook:
    """Return the books that follow from nothing but the recorded events, in the order of the record."""
    connection = await connect(config, config.database)
    try:
        rows = await connection.fetch("SELECT body FROM licensing.event ORDER BY number")
    finally:
        await connection.close()
    return worked_out(read_policy(POLICY.read_bytes()), (read_trade_event(row["body"]) for row in rows))


def books_in_memory(book: WholeBook) -> Kept:
    """Return what books in memory say, as rows of the tables that `books` reads."""
    version = book.policy.version
    return {
        "decision": _sorted(
            (*records.decision_row(d, version), book.superseded.get(d.decision_id)) for d in book.decisions
        ),
        "finding": _sorted(row for d in book.decisions for row in records.finding_rows(d)),
        "ledger_entry": _sorted(records.entry_row(entry) for entry in book.entries),
        "event": _sorted((*name.split(" ", 1), end.status, end.outcome) for name, end in book.endings.items()),
        "lane": _sorted(records.lane_row(book.lanes[lane_id]) for lane_id in book.touched["lane"]),
        "lane_change": _sorted(
            (x.lane_id, x.sequence, x.previous, x.state, x.at, records.text_of(x.reasons), caused_by, x.supersedes)
            for x, caused_by in book.lane_changes
        ),
        "alert": _sorted(_by_lane(book.alerts)),
    }


def _by_lane(alerts: Iterable[Event[Any]]) -> Iterator[Row]:
    """Number the alerts of each lane, in their order."""
    numbers = defaultdict[str, Iterator[int]](partial(count, 1))
    for alert in alerts:
        key = alert.partitionkey or ""
        yield key, next(numbers[key]), write(alert)
