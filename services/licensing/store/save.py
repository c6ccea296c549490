"""Applies a batch and writes what follows: rows, set-based statements for each table, then what older rows are told."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.licensing.domain.applying import apply
from services.licensing.domain.book import Book, Ending
from services.licensing.store import prices, records, sources, tables
from services.licensing.store.adding import Additions
from services.licensing.store.sql import Write, Writer, fetch
from shared import cloudevents
from shared.cloudevents import Event, entity_key
from shared.events import TradeData

_TAKEN_UP = text("""
    UPDATE licensing.event e SET status = r.status, outcome = r.outcome, waiting_for = r.waiting_for,
           deadline = r.deadline, parking_no = r.parking_no, applied_no = r.applied_no
    FROM unnest(CAST(:sources AS text[]), CAST(:ids AS text[]), CAST(:statuses AS text[]), CAST(:outcomes AS text[]),
                CAST(:waiting AS text[]), CAST(:deadlines AS timestamptz[]),
                CAST(:parkings AS bigint[]), CAST(:applied AS bigint[]))
         AS r(source, id, status, outcome, waiting_for, deadline, parking_no, applied_no)
    WHERE e.source = r.source AND e.id = r.id
""")


_RETRACTED = text("""
    UPDATE licensing.event e SET retracted_by = r.by
    FROM unnest(CAST(:names AS text[]), CAST(:by AS text[])) AS r(name, by)
    WHERE e.source = split_part(r.name, ' ', 1) AND e.id = substr(r.name, strpos(r.name, ' ') + 1)
""")
_SUPERSEDED = text("""
    UPDATE licensing.decision d SET superseded_by = s.by
    FROM unnest(CAST(:ids AS text[]), CAST(:by AS text[])) AS s(id, by) WHERE d.decision_id = s.id
""")


APPLIED_AT_ONCE = 50
"""So many events are applied before the database has its turn: they take some milliseconds."""


class Arrival(NamedTuple):
    """An event as it came from the topic."""

    event: Event[TradeData]
    partition: int
    offset: int
    body: bytes
    digest: bytes
    """As `body_hash` returns it."""
    accepted_ms: int = 0
    """When Kafka had it, in milliseconds since the epoch."""


class DeadLetter(NamedTuple):
    """A record that cannot be used, and why."""

    partition: int
    offset: int
    source: str | None
    id: str | None
    reason: str
    pointer: str | None
    body: bytes


def body_hash(event: Event[TradeData]) -> bytes:
    """Return what tells two events under one id apart: type, time and data, not how they are written."""
    return hashlib.sha256(cloudevents.encode_sorted((event.type, event.time, event.data))).digest()


async def apply_and_save(
    c: AsyncConnection, book: Book, arrivals: Sequence[Arrival], topics: tuple[str, str]
) -> list[DeadLetter]:
    """Apply the events to the book and write all that follows; `topics` are those of decisions and of dead letters.

    What the events add is written while the next are applied. Returns the new dead letters. Raises Missing.
    """
    # Drawn under the locks: of two batches that touch the same thing, the later commit has the higher places.
    place = (await fetch(c, "SELECT nextval('licensing.place') AS place"))[0]["place"] if arrivals else 0
    additions = Additions(book, topics[0])
    async with Writer(c) as writer:
        for first in range(0, len(arrivals), APPLIED_AT_ONCE):
            for arrival in arrivals[first : first + APPLIED_AT_ONCE]:
                apply(book, arrival.event)
                additions.note(arrival.accepted_ms)
            await additions.keep_up(writer)
        endings = _Endings(book, arrivals, place)
        for write in _rows(book, endings, additions):
            await writer.write(*write)
        await writer.settle()
    await _tell_older(c, book, endings)
    await sources.keep(c, [book.sources[name] for name in sorted(book.touched.get("source", ()))])
    dead = [*endings.dead(), *await _dead_of_old(c, endings.of_old())]
    await save_dead_letters(c, dead, topics[1])
    if book.alerts or dead:
        await fetch(c, "SELECT pg_notify('lanewatch_outbox', '')")
    return dead


class _Endings:
    """What became of the batch's events, and of those that it took up; each has its place in the order of all."""

    def __init__(self, book: Book, arrivals: Sequence[Arrival], place: int) -> None:
        self._book, self._arrivals, self._place = book, arrivals, place
        self._applied = {name: place + number for number, name in enumerate(book.applied)}

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Return the rows of the batch's own events, in the order of their key."""
        numbered = enumerate(self._arrivals, self._place)
        for number, a in sorted(numbered, key=lambda n: (n[1].event.source, n[1].event.id)):
            e, name = a.event, a.event.name
            ending = self._book.endings[name]
            where = (e.source, e.id, e.type, e.time, a.digest, a.partition, a.offset, ending.status, ending.outcome)
            yield *where, *self._waits(ending), entity_key(e), a.body, number, self._applied_at(name, ending)

    def dead(self) -> list[DeadLetter]:
        """Return those of the batch's own events that cannot be used."""
        named = ((a, self._book.endings[a.event.name]) for a in self._arrivals)
        return [_letter(arrival, ending) for arrival, ending in named if ending.status == "dead"]

    def of_old(self) -> list[tuple[str, str, Ending]]:
        """Return source, id and ending of the events of former batches that were taken up."""
        fresh = {a.event.name for a in self._arrivals}
        older = {p.event.name: p.event for p in self._book.woken if p.event.name not in fresh}
        return sorted((e.source, e.id, self._book.endings[name]) for name, e in older.items())

    def columns_of_old(self) -> dict[str, list[Any]]:
        """Return the parameters of _TAKEN_UP."""
        older = self.of_old()
        waits = [self._waits(e) for _, _, e in older]
        return {
            "sources": [source for source, _, _ in older],
            "ids": [event_id for _, event_id, _ in older],
            "statuses": [e.status for _, _, e in older],
            "outcomes": [e.outcome for _, _, e in older],
            "waiting": [waiting_for for waiting_for, _, _ in waits],
            "deadlines": [deadline for _, deadline, _ in waits],
            "parkings": [parking for _, _, parking in waits],
            "applied": [self._applied_at(f"{source} {event_id}", e) for source, event_id, e in older],
        }

    def _waits(self, ending: Ending) -> tuple[Any, Any, int | None]:
        parking = self._place + ending.parking if ending.status == "parked" else None
        return ending.waiting_for, ending.deadline, parking

    def _applied_at(self, name: str, ending: Ending) -> int | None:
        return None if ending.status == "parked" else self._applied[name]


def _rows(book: Book, endings: _Endings, additions: Additions) -> Iterator[Write]:
    """Return the rows of each table, in the order in which every batch writes them."""
    touched = defaultdict[str, list[str]](list, {kind: sorted(keys) for kind, keys in book.touched.items()})
    yield from _register_rows(book, touched)
    yield from _balance_rows(book, touched)
    yield tables.LANE.upsert, (records.lane_row(book.lanes[i]) for i in touched["lane"])
    yield tables.EVENT.insert, endings.rows()
    yield from additions.rest()


def _register_rows(book: Book, touched: Mapping[str, list[str]]) -> Iterator[Write]:
    yield tables.REGIME.upsert, (records.regime_row(book.regimes[i]) for i in touched["regime"])
    yield tables.QUOTA.upsert, (records.quota_row(book.quotas[i]) for i in touched["quota"])
    yield tables.RULEBOOK.upsert, (records.rulebook_row(book.rulebooks[i]) for i in touched["rulebook"])
    yield tables.PRICE.upsert, (prices.row_of(i, book.prices[i]) for i in touched["price"])
    yield tables.LICENCE.upsert, (records.licence_row(book.licences[i]) for i in touched["licence"])
    yield (
        tables.BATCH.insert,
        ((i, records.text_of(book.batches[i]), at) for i, at in book.batches_issued.items()),
    )


def _balance_rows(book: Book, touched: Mapping[str, list[str]]) -> Iterator[Write]:
    yield tables.ACCOUNT.upsert, (records.account_row(book.accounts[i]) for i in touched["account"])
    declared = touched["shipment"]
    yield tables.SHIPMENT.upsert, (records.shipment_row(book.shipments[i]) for i in declared)
    moved = sorted(set(touched["shipment_moved"]).difference(declared))
    yield tables.SHIPMENT_MOVED.update, (records.moved_row(book.shipments[i]) for i in moved)


async def _tell_older(c: AsyncConnection, book: Book, endings: _Endings) -> None:
    """Change what the batch changed of rows that were there before, or only now came to be."""
    for kind, key in sorted(book.removed):
        await c.execute(text(f"DELETE FROM licensing.{kind} WHERE {kind}_id = :key"), {"key": key})
    if "clock" in book.touched:
        await c.execute(text("UPDATE licensing.register SET clock = :clock"), {"clock": book.clock})
    if book.superseded:
        await c.execute(_SUPERSEDED, {"ids": list(book.superseded), "by": list(book.superseded.values())})
    if (older := endings.columns_of_old())["ids"]:
        await c.execute(_TAKEN_UP, older)
    if book.retracted:
        await c.execute(_RETRACTED, {"names": list(book.retracted), "by": list(book.retracted.values())})


def _letter(arrival: Arrival, ending: Ending) -> DeadLetter:
    e = arrival.event
    return DeadLetter(arrival.partition, arrival.offset, e.source, e.id, ending.outcome, ending.pointer, arrival.body)


async def _dead_of_old(c: AsyncConnection, old: Sequence[tuple[str, str, Ending]]) -> list[DeadLetter]:
    """Return what waited and can no longer be used; body and place are in the record of events."""
    letters = []
    for source, event_id, ending in old:
        if ending.status != "dead":
            continue
        row = (
            await c.execute(
                text("SELECT partition, kafka_offset, body FROM licensing.event WHERE source = :s AND id = :i"),
                {"s": source, "i": event_id},
            )
        ).one()
        letters.append(
            DeadLetter(row.partition, row.kafka_offset, source, event_id, ending.outcome, ending.pointer, row.body)
        )
    return letters


async def save_dead_letters(c: AsyncConnection, dead: Sequence[DeadLetter], topic: str) -> None:
    """Record the dead letters and hand them to the outbox, with their reasons in the headers."""
    await tables.DEAD_LETTER.insert_missing(c, dead)
    await tables.OUTBOX.insert(
        c,
        (
            (
                topic,
                f"{d.partition}:{d.offset}",
                d.body,
                records.text_of(
                    {"reason": d.reason, "pointer": d.pointer or "", "origin": f"{d.partition}:{d.offset}"}
                ),
            )
            for d in dead
        ),
    )
