"""The floor: the rows of the journal, batch by batch, by plain set-based SQL, with no rules and no reading back.

It reads the same topic in batches of the same size and decodes every event; what it then writes
was worked out beforehand.
"""

import sys
from itertools import islice
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import uvloop
from sqlalchemy import make_url

from benchmarks.licensing.catalogue import SCHEMA, Connection, Rows, Table, quoted
from benchmarks.licensing.journal import Journal, load_journal
from benchmarks.licensing.ours import VERSIONS
from benchmarks.worker import Clock, Outcome, tell
from services.licensing.settings import LicensingSettings
from shared.database import make_engine, upgrade_schema
from shared.kafka import make_consumer

Batch = list[tuple[str, list[list[Any]]]]
"""Statements, each with an array for every column."""


class Plain(msgspec.Struct):
    """An event as far as a consumer without rules would read it."""

    id: str
    source: str
    type: str
    time: str
    data: dict[str, Any]


def statements(journal: Journal) -> list[Batch]:
    """Return each batch as statements; a table whose rows are written more than once is upserted."""
    texts = {table.name: (table, _statement(table, journal.is_overwritten(table))) for table in journal.tables}
    return [
        [(texts[name][1], _columns(texts[name][0], rows)) for name, rows in batch.items()] for batch in journal.batches
    ]


def _statement(table: Table, is_overwritten: bool) -> str:
    names = quoted(*table.columns)
    arrays = ", ".join(f"${n}::{_array(kind)}" for n, kind in enumerate(table.types, start=1))
    values = ", ".join(
        f'"{c}"::{kind}' if kind.endswith("[]") else f'"{c}"'
        for c, kind in zip(table.columns, table.types, strict=True)
    )
    text = f"INSERT INTO {table.name} ({names}) SELECT {values} FROM unnest({arrays}) AS r({names})"  # noqa: S608 - names from the catalogue
    if is_overwritten:
        sets = ", ".join(f'"{c}" = excluded."{c}"' for c in table.columns if c not in table.key)
        text += f" ON CONFLICT ({quoted(*table.key)}) DO UPDATE SET {sets}"
    return text


def _array(kind: str) -> str:
    """Arrays travel as text, since `unnest` would flatten them."""
    return "text[]" if kind.endswith("[]") else f"{kind}[]"


def _columns(table: Table, rows: Rows) -> list[list[Any]]:
    columns = [list(column) for column in zip(*rows, strict=True)]
    return [
        [None if v is None else _literal(v) for v in column] if kind.endswith("[]") else column
        for column, kind in zip(columns, table.types, strict=True)
    ]


def _literal(values: list[Any]) -> str:
    quoted = (str(v).replace("\\", "\\\\").replace('"', '\\"') for v in values)
    return "{" + ",".join(f'"{v}"' for v in quoted) + "}"


async def drain(settings: LicensingSettings, batches: list[Batch], events: int) -> Outcome:
    """Read so many events and write a batch of rows after each batch of events."""
    dsn = make_url(settings.database_url).set(drivername="postgresql").render_as_string()
    connection = await asyncpg.connect(dsn)
    consumer = make_consumer(settings.kafka_bootstrap, "floor", "floor")
    await consumer.start()
    decoder = msgspec.json.Decoder(Plain)
    consumer.subscribe([settings.topic_events])
    clock, left, records, most = None, events, list[Any](), settings.licensing_max_batch
    pending = iter(batches)
    while left:
        fetched = await consumer.getmany(timeout_ms=200, max_records=most - len(records))
        records += [record for partition in fetched.values() for record in partition]
        clock = clock or (Clock() if records else None)
        if len(records) < min(most, left):
            continue
        for record in records:
            decoder.decode(record.value)
        left -= len(records)
        records = []
        # What is left of the journal goes with the last events, should it hold more batches than these.
        for batch in islice(pending, 1 if left else None):
            await _write(connection, batch)
    outcome = (clock or Clock()).outcome(events)
    await consumer.stop()
    await connection.close()
    return outcome


async def _write(connection: Connection, batch: Batch) -> None:
    async with connection.transaction():
        for statement, columns in batch:
            await connection.execute(statement, *columns)


async def main(events: int, journal: Path) -> None:
    """Drain the topic of the environment's settings into its database."""
    settings = LicensingSettings()
    engine = make_engine(settings.database_url, "floor")
    await upgrade_schema(engine, SCHEMA, VERSIONS)
    await engine.dispose()
    tell(await drain(settings, statements(load_journal(journal)), events))


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), Path(sys.argv[2])))
