"""Writes what a batch brought about, one set-based statement a table."""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.licensing.domain.book import Book, Ending
from services.licensing.store import records
from services.licensing.store.sql import fetch
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


class Arrival(NamedTuple):
    """An event as it came from the topic."""

    event: Event[TradeData]
    partition: int
    offset: int
    body: bytes
    digest: bytes
    """As `body_hash` returns it."""


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


async def save(
    c: AsyncConnection, book: Book, arrivals: Sequence[Arrival], topics: tuple[str, str]
) -> list[DeadLetter]:
    """Write everything; `topics` are those of decisions and of dead letters. Returns the new dead letters."""
    touched = _touched(book)
    await _save_registers(c, book, touched)
    await _save_ledger(c, book, touched)
    await _save_lanes(c, book, touched)
    dead = await _save_endings(c, book, arrivals)
    await _publish(c, book, topics[0])
    await save_dead_letters(c, dead, topics[1])
    if book.alerts or dead:
        await fetch(c, "SELECT pg_notify('lanewatch_outbox', '')")
    return dead


def _touched(book: Book) -> defaultdict[str, list[str]]:
    """Return the keys of what was touched by kind, in the order in which every batch writes them."""
    found = defaultdict[str, list[str]](list)
    for kind, key in sorted(book.touched):
        found[kind].append(key)
    return found


async def _save_registers(c: AsyncConnection, book: Book, touched: Mapping[str, list[str]]) -> None:
    await records.REGIME.upsert(c, (records.regime_row(book.regimes[i]) for i in touched["regime"]))
    await records.QUOTA.upsert(c, (records.quota_row(book.quotas[i]) for i in touched["quota"]))
    await records.LICENCE.upsert(c, (records.licence_row(book.licences[i]) for i in touched["licence"]))
    for kind, key in sorted(book.removed):
        await c.execute(text(f"DELETE FROM licensing.{kind} WHERE {kind}_id = :key"), {"key": key})
    batches = ((i, records.text_of(book.batches[i]), at) for i, at in book.batches_issued.items())
    await records.BATCH.insert(c, batches)
    if ("clock", "") in book.touched:
        await c.execute(text("UPDATE licensing.register SET clock = :clock"), {"clock": book.clock})


async def _save_ledger(c: AsyncConnection, book: Book, touched: Mapping[str, list[str]]) -> None:
    await records.ACCOUNT.upsert(c, (records.account_row(book.accounts[i]) for i in touched["account"]))
    await records.ENTRY.insert(
        c,
        (
            (
                e.account_id,
                e.number,
                e.kind,
                e.granted,
                e.reserved,
                e.written_off,
                e.free_after,
                e.beyond,
                e.caused_by,
                e.shipment_id,
                e.line_no,
            )
            for e in book.entries
        ),
    )
    declared = touched["shipment"]
    await records.SHIPMENT.upsert(c, (records.shipment_row(book.shipments[i]) for i in declared))
    moved = sorted(set(touched["shipment_moved"]).difference(declared))
    await records.SHIPMENT_MOVED.update(c, (records.moved_row(book.shipments[i]) for i in moved))
    await records.DECISION.insert(
        c,
        (
            (
                d.decision_id,
                d.shipment_id,
                d.outcome,
                records.text_of(d.reasons),
                d.ledger_entries,
                book.policy.version,
                d.caused_by,
                d.at,
            )
            for d in book.decisions
        ),
    )
    on_licences = ((name, d.at, d.decision_id) for d in book.decisions for name in d.licences)
    await records.DECISION_ON_LICENCE.insert(c, on_licences)
    if book.superseded:
        superseded = {"ids": list(book.superseded), "by": list(book.superseded.values())}
        await c.execute(_SUPERSEDED, superseded)


async def _save_lanes(c: AsyncConnection, book: Book, touched: Mapping[str, list[str]]) -> None:
    await records.LANE.upsert(c, (records.lane_row(book.lanes[i]) for i in touched["lane"]))
    await records.LANE_CHANGE.insert(
        c,
        (
            (x.lane_id, x.sequence, x.previous, x.state, x.at, records.text_of(x.reasons), caused_by)
            for x, caused_by in book.lane_changes
        ),
    )


async def _save_endings(c: AsyncConnection, book: Book, arrivals: Sequence[Arrival]) -> list[DeadLetter]:
    dead = [_letter(a, book.endings[a.event.name]) for a in arrivals if book.endings[a.event.name].status == "dead"]
    # Drawn under the locks: of two batches that touch the same thing, the later commit has the higher places.
    place = (await fetch(c, "SELECT nextval('licensing.place') AS place"))[0]["place"] if arrivals else 0
    applied = {name: place + number for number, name in enumerate(book.applied)}
    rows = (
        _event_row(a, place + number, book.endings[a.event.name], place, applied) for number, a in enumerate(arrivals)
    )
    await records.EVENT.insert(c, sorted(rows))
    fresh = {a.event.name for a in arrivals}
    older = sorted((p.event.source, p.event.id) for p in book.woken if p.event.name not in fresh)
    if older:
        endings = [
            (source, event_id, book.endings[f"{source} {event_id}"]) for source, event_id in dict.fromkeys(older)
        ]
        taken = {
            "sources": [source for source, _, _ in endings],
            "ids": [event_id for _, event_id, _ in endings],
            "statuses": [e.status for _, _, e in endings],
            "outcomes": [e.outcome for _, _, e in endings],
            "waiting": [e.waiting_for for _, _, e in endings],
            "deadlines": [e.deadline for _, _, e in endings],
            "parkings": [place + e.parking if e.status == "parked" else None for _, _, e in endings],
            "applied": [None if e.status == "parked" else applied[f"{s} {i}"] for s, i, e in endings],
        }
        dead += await _dead_of_old(c, [(s, i, e) for s, i, e in endings if e.status == "dead"])
        await c.execute(_TAKEN_UP, taken)
    if book.retracted:
        await c.execute(_RETRACTED, {"names": list(book.retracted), "by": list(book.retracted.values())})
    return dead


def _event_row(arrival: Arrival, number: int, ending: Ending, place: int, applied: dict[str, int]) -> tuple[Any, ...]:
    e = arrival.event
    where = (e.source, e.id, e.type, e.time, arrival.digest, arrival.partition, arrival.offset)
    waits = (ending.waiting_for, ending.deadline, place + ending.parking if ending.status == "parked" else None)
    ended = (ending.status, ending.outcome, *waits, entity_key(e), arrival.body)
    return *where, *ended, number, None if ending.status == "parked" else applied[e.name]


def _letter(arrival: Arrival, ending: Ending) -> DeadLetter:
    e = arrival.event
    return DeadLetter(arrival.partition, arrival.offset, e.source, e.id, ending.outcome, ending.pointer, arrival.body)


async def _dead_of_old(c: AsyncConnection, old: Sequence[tuple[str, str, Ending]]) -> list[DeadLetter]:
    """Return what waited and can no longer be used; body and place are in the record of events."""
    letters = []
    for source, event_id, ending in old:
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


async def _publish(c: AsyncConnection, book: Book, topic: str) -> None:
    await records.OUTBOX.insert(
        c, ((topic, alert.partitionkey, cloudevents.write(alert), None) for alert in book.alerts)
    )


async def save_dead_letters(c: AsyncConnection, dead: Sequence[DeadLetter], topic: str) -> None:
    """Record the dead letters and hand them to the outbox, with their reasons in the headers."""
    await records.DEAD_LETTER.insert_missing(c, dead)
    await records.OUTBOX.insert(
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
