"""What our worker writes, row by row and batch by batch: taken down once, so that the floor can write the same.

A row belongs to the transaction that its `xmin` names, so nothing here knows the tables: whatever
columns the schema has are read as they stand after each commit.
"""

import pickle
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.licensing.catalogue import SCHEMA, Connection, Rows, Table, quoted, tables
from benchmarks.licensing.ours import drain, make_handler
from benchmarks.licensing.priming import settings_of
from lanewatch.stack import StackConfig
from lanewatch.stack.postgres import connect
from services.licensing.consumer import EventHandler
from shared.consumption import Advance, Record
from shared.database import make_engine


@dataclass
class Journal:
    """By batch and table: the rows that the batch wrote, as they stood at its commit."""

    tables: list[Table]
    before: dict[str, Rows] = field(default_factory=dict)
    """What was there before the first batch."""
    batches: list[dict[str, Rows]] = field(default_factory=list)

    def is_overwritten(self, table: Table) -> bool:
        """Return whether some row of a table was written more than once."""
        places = [table.columns.index(name) for name in table.key if name in table.columns]
        written = [rows for batch in (self.before, *self.batches) if (rows := batch.get(table.name))]
        keys = [tuple(row[place] for place in places) for rows in written for row in rows]
        return bool(places) and len(set(keys)) < len(keys)

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
        """Learn the tables and what they hold."""
        self.connection, self.journal = connection, Journal(await tables(connection))
        self.journal.before = await self._written("true")

    async def handle(self, records: Sequence[Record], advance: Advance) -> int:
        """Handle the records, then take down what that wrote."""
        dead = await super().handle(records, advance)
        moved = f"(SELECT xmin FROM {SCHEMA}.consumer_offset WHERE topic = $1 AND partition = $2)"  # noqa: S608 - a constant
        batch = await self._written(f"xmin = {moved}", self.topic, next(iter(advance)))
        self.journal.batches.append(batch)
        return dead

    async def _written(self, condition: str, *parameters: Any) -> dict[str, Rows]:
        found = {}
        for table in self.journal.tables:
            statement = f"SELECT {quoted(*table.columns)} FROM {table.name} WHERE {condition}"  # noqa: S608 - names from the catalogue
            if rows := [tuple(row) for row in await self.connection.fetch(statement, *parameters)]:
                found[table.name] = rows
        return found


async def take_down(config: StackConfig, events: int) -> Journal:
    """Let our worker go through so many events of a topic, in a primed database, and return what it wrote."""
    settings = settings_of(config)
    engine = make_engine(config.database_url, "benchmark")
    handler = make_handler(engine, settings)
    journalist = Journalist(engine, handler.policy, handler.topic, handler.topics_out)
    connection = await connect(config, config.database)
    await journalist.begin(connection)
    await drain(settings, journalist, events)
    await connection.close()
    await engine.dispose()
    return journalist.journal
