"""Writes what a batch only adds (entries, decisions, alerts) while the rest of it is still being decided.

What an event adds is never changed by a later one of its batch, and nobody else can add the same: the things it is
about are locked. So the database need not wait until all is decided.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from services.licensing.domain.book import Book, Decision
from services.licensing.domain.lanes import LaneChange
from services.licensing.store import records, tables
from services.licensing.store.sql import Columns, Row, Write, Writer
from shared import cloudevents
from shared.cloudevents import Event

ALERT_HEADERS = '{"accepted-at":%'
"""How the headers of an alert look, for LIKE: so alerts are told from dead letters and imports in the outbox."""
WORTH_A_STATEMENT = 150
"""Fewer rows wait for others."""


class _Added:
    """The rows of a table that a batch adds, as far as it has come."""

    def __init__(self, table: Columns, things: Sequence[Any], rows_of: Callable[[Any], Iterable[Row]]) -> None:
        self._table, self._things, self._rows_of, self._written = table, things, rows_of, 0

    @property
    def unwritten(self) -> int:
        """How many things are not written."""
        return len(self._things) - self._written

    def take(self) -> Write:
        """Return what is not written; it counts as written from now on."""
        things, self._written = self._things[self._written :], len(self._things)
        return self._table.insert, (row for thing in things for row in self._rows_of(thing))


class Additions:
    """What a batch adds, table by table; `topic` is that of decisions."""

    def __init__(self, book: Book, topic: str) -> None:
        def decision(d: Decision) -> Iterator[Row]:
            yield records.decision_row(d, book.policy.version)

        self._book = book
        self._accepted: deque[int] = deque()
        """For each alert that is not written, when the event that caused it was accepted."""
        self._noted = 0

        def alert(a: Event[Any]) -> Iterator[Row]:
            yield topic, a.partitionkey, cloudevents.write(a), headers_of_alert(self._accepted.popleft())

        self._tables = (
            _Added(tables.ENTRY, book.entries, lambda entry: (records.entry_row(entry),)),
            _Added(tables.DECISION, book.decisions, decision),
            _Added(tables.FINDING, book.decisions, records.finding_rows),
            _Added(tables.DECISION_ON_LICENCE, book.decisions, _on_licences),
            _Added(tables.LANE_CHANGE, book.lane_changes, _lane_change),
            _Added(tables.OUTBOX, book.alerts, alert),
        )

    def note(self, accepted_ms: int) -> None:
        """Note that what was added since the last call was caused by an event that Kafka had at this time."""
        if (new := len(self._book.alerts) - self._noted) > 0:
            self._accepted.extend([accepted_ms] * new)
            self._noted += new

    async def keep_up(self, writer: Writer) -> None:
        """Let the statement under way go on; if there is none, write what is worth one."""
        await asyncio.sleep(0)
        if not writer.is_busy:
            most = max(self._tables, key=lambda table: table.unwritten)
            if most.unwritten >= WORTH_A_STATEMENT:
                await writer.write(*most.take())
                await asyncio.sleep(0)

    def rest(self) -> Iterator[Write]:
        """Return what is not written, table by table."""
        return (table.take() for table in self._tables)


def headers_of_alert(accepted_ms: int) -> str:
    """Return an alert's headers: when the ingest had the event that caused it in Kafka, in ms since the epoch."""
    return f'{{"accepted-at":"{accepted_ms}"}}'


def _on_licences(decision: Decision) -> Iterator[Row]:
    return ((name, decision.at, decision.decision_id) for name in decision.licences)


def _lane_change(told: tuple[LaneChange, str]) -> Iterator[Row]:
    x, caused_by = told
    yield x.lane_id, x.sequence, x.previous, x.state, x.at, records.text_of(x.reasons), caused_by, x.supersedes
