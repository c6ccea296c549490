"""What our worker writes, row by row and batch by batch: taken down once, so that the floor can write the same.

A row belongs to the transaction that its `xmin` names, so nothing here knows the tables: whatever
columns the schema has are read as they stand after each commit.
"""

import pickle
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg

from services.licensing.consumer import EventHandler
from shared.consumption import Advance, Record

SCHEMA = "licensing"
_TABLES = """
    SELECT c.relname AS name,
           array_agg(a.attname::text ORDER BY a.attnum) AS columns,
           array_agg(format_type(a.atttypid, NULL) ORDER BY a.attnum) AS types,
           (SELECT array_agg(k.attname::text ORDER BY k.attnum) FROM pg_index i
            JOIN pg_attribute k ON k.attrelid = c.oid AND k.attnum = ANY(i.indkey)
            WHERE i.indrelid = c.oid AND i.indisprimary) AS key
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relnamespace = $1::regnamespace AND c.relkind = 'r' AND a.attidentity = '' AND a.attgenerated = ''
      AND c.relname <> 'alembic_version'
    GROUP BY c.oid ORDER BY c.oid
"""
"""Columns that the database fills by itself are left to it."""


@dataclass(frozen=True)
class Table:
    """A table as it is found: its columns with their types, and its primary key."""

    name: str
    columns: tuple[str, ...]
    types: tuple[str, ...]
    key: tuple[str, ...]


Rows = list[tuple[Any, ...]]


@dataclass
class Journal:
    """By batch and table: the rows that the batch wrote, as they stood at its commit."""

    tables: list[Table]
    batches: list[dict[str, Rows]] = field(default_factory=list)

    def rows(self) -> int:
        """Return how many rows were written in all."""
        return sum(len(rows) for batch in self.batches for rows in batch.values())

    def save(self, path: Path) -> None:
        """Write it to a file."""
        path.write_bytes(pickle.dumps(self))


def load_journal(path: Path) -> Journal:
    """Return the journal of a file that `save` wrote."""
    found = pickle.loads(path.read_bytes())  # noqa: S301 - this program wrote it a moment ago
    if not isinstance(found, Journal):
        raise TypeError(f"{path} holds no journal")
    return found


class Journalist(EventHandler):
    """The handler, with a look at the tables after each commit."""

    journal: Journal
    connection: "asyncpg.Connection[asyncpg.Record]"

    async def begin(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        """Learn the tables."""
        self.connection = connection
        found = await connection.fetch(_TABLES, SCHEMA)
        tables = [Table(r["name"], tuple(r["columns"]), tuple(r["types"]), tuple(r["key"] or ())) for r in found]
        self.journal = Journal(tables)

    async def handle(self, records: Sequence[Record], advance: Advance) -> int:
        """Handle the records, then take down what that wrote."""
        dead = await super().handle(records, advance)
        partition = next(iter(advance))
        written_by = await self.connection.fetchval(
            f"SELECT xmin::text FROM {SCHEMA}.consumer_offset WHERE topic = $1 AND partition = $2",  # noqa: S608 - a constant
            self.topic,
            partition,
        )
        self.journal.batches.append(
            {t.name: rows for t in self.journal.tables if (rows := await self._of(t, written_by))}
        )
        return dead

    async def _of(self, table: Table, written_by: str) -> Rows:
        columns = ", ".join(_quoted(c) for c in table.columns)
        statement = f"SELECT {columns} FROM {SCHEMA}.{table.name} WHERE xmin = '{written_by}'::xid"  # noqa: S608 - from the catalogue
        return [tuple(row) for row in await self.connection.fetch(statement)]


def _quoted(name: str) -> str:
    return f'"{name}"'
