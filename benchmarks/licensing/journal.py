"""What our worker writes, row by row and batch by batch: taken down once, so that the floor can write the same.

A row belongs to the transaction that its `xmin` names, so nothing here knows the tables: whatever
columns the schema has are read as they stand after each commit.
"""

import pickle
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.licensing.catalogue import SCHEMA, Connection, Rows, Table, quoted, tables
from services.licensing.consumer import EventHandler
from shared.consumption import Advance, Record


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
    connection: Connection

    async def begin(self, connection: Connection) -> None:
        """Learn the tables."""
        self.connection, self.journal = connection, Journal(await tables(connection))

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
        statement = f"SELECT {quoted(*table.columns)} FROM {table.name} WHERE xmin = $1::text::xid"  # noqa: S608 - names from the catalogue
        return [tuple(row) for row in await self.connection.fetch(statement, written_by)]
