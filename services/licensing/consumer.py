"""Turns records of the event topic into decisions: one batch, one transaction."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from prometheus_client import Counter as Metric
from prometheus_client import Histogram
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.licensing.domain.book import Book, Missing
from services.licensing.domain.planning import Keys, keys_of
from services.licensing.domain.policy import Policy
from services.licensing.domain.sources import Seen
from services.licensing.store import offsets, sources
from services.licensing.store.load import load
from services.licensing.store.save import Arrival, DeadLetter, apply_and_save, body_hash, save_dead_letters
from services.licensing.store.sql import fetch, joined, named
from shared.cloudevents import read_trade_event
from shared.consumption import Advance, Record
from shared.database import transaction
from shared.errors import PermanentError, RetryableError

EVENTS = Metric("lanewatch_licensing_events_total", "Events read, by what became of them", ["status"])
DECISIONS = Metric("lanewatch_licensing_decisions_total", "Shipments decided", ["outcome"])
FINDINGS = Metric("lanewatch_licensing_findings_total", "What monitoring rules said", ["rule", "result"])
LANE_CHANGES = Metric("lanewatch_licensing_lane_changes_total", "Changes of flow state", ["state"])
BATCH_SECONDS = Histogram("lanewatch_licensing_batch_seconds", "Time from a batch's first statement to its commit")

_KNOWN = f"""
    SELECT e.source, e.id, e.body_hash FROM licensing.event e
    JOIN unnest({named("sources")}, {named("ids")}) AS w(source, id) ON e.source = w.source AND e.id = w.id
"""  # noqa: S608 - constants


@dataclass(slots=True)
class Batch:
    """What is in a batch of records: events to apply, records that cannot be used, duplicates."""

    arrivals: list[Arrival] = field(default_factory=list)
    dead: list[DeadLetter] = field(default_factory=list)
    duplicates: Counter[int] = field(default_factory=Counter)


class EventHandler:
    """Applies events by a policy and stores what follows, exactly once."""

    def __init__(self, engine: AsyncEngine, policy: Policy, topic: str, topics_out: tuple[str, str]) -> None:
        self.engine = engine
        self.policy = policy
        self.topic = topic
        self.topics_out = topics_out
        self._read_ahead: dict[tuple[int, int], Arrival | DeadLetter] = {}
        """By partition and offset: records that come soon."""
        self._heard: dict[str, Seen] = {}
        """By source: what this process has written of it."""

    async def positions(self, partitions: Sequence[int]) -> dict[int, int]:
        """Return the stored offset of each partition."""
        self._read_ahead.clear()
        self._heard.clear()
        async with transaction(self.engine) as c:
            return await offsets.positions(c, self.topic, partitions)

    def look_at(self, record: Record) -> None:
        """Read a record before its turn."""
        place = (record.partition, record.offset)
        if place not in self._read_ahead:
            self._read_ahead[place] = _read(record)

    def _read(self, records: Sequence[Record]) -> Batch:
        batch = Batch()
        for record in records:
            found = self._read_ahead.pop((record.partition, record.offset), None) or _read(record)
            if isinstance(found, Arrival):
                batch.arrivals.append(found)
            else:
                batch.dead.append(found)
        return batch

    async def handle(self, records: Sequence[Record], advance: Advance) -> int:
        """Apply the records in one transaction; return how many went to the dead letters.

        Raises RetryableError, OffsetsMovedError; anything else is the fault of some record.
        """
        read = self._read(records)
        keys = keys_of((a.event for a in read.arrivals), self.policy)
        while True:
            try:
                with BATCH_SECONDS.time():
                    return await self._commit(read, keys, advance)
            except Missing as missing:
                if not keys.widen(missing):
                    raise RetryableError(f"what the batch needs keeps changing: {missing}") from missing
            except IntegrityError as error:
                # Another worker recorded the same event under another key a moment ago.
                if any(name in str(error) for name in ("event_pkey", "batch_pkey")):
                    raise RetryableError("another worker recorded the same event") from error
                raise

    async def _commit(self, read: Batch, keys: Keys, advance: Advance) -> int:
        async with transaction(self.engine) as c:
            batch = await _without_known(c, read)
            await offsets.move(c, self.topic, advance, batch.duplicates)
            book = await load(c, keys, [a.event for a in batch.arrivals], self.policy)
            dead = await apply_and_save(c, book, batch.arrivals, self.topics_out)
            heard = self._news_of(book)
            await sources.hear(c, min(advance), heard)
            await save_dead_letters(c, batch.dead, self.topics_out[1])
        self._heard.update(heard)
        _measure(book, batch)
        return len(dead) + len(batch.dead)

    def _news_of(self, book: Book) -> dict[str, Seen]:
        """Return what the batch says of sources that this process has not written yet."""
        if len(self._heard) > sources.MOST:
            self._heard.clear()
        new = ((name, seen) for name, seen in book.seen.items() if seen.is_new)
        return {name: seen for name, seen in new if not _says_no_more(seen, self._heard.get(name))}

    async def bury(self, record: Record, error: Exception, advance: Advance) -> None:
        """Put one record that makes the transaction fail into the dead letters."""
        reason = error.reason if isinstance(error, PermanentError) else f"{type(error).__name__}: {error}"
        read = _read(record)
        source, event_id = (read.event.source, read.event.id) if isinstance(read, Arrival) else (None, None)
        body = record.value or b""
        letter = DeadLetter(record.partition, record.offset, source, event_id, reason[:2000], None, body)
        async with transaction(self.engine) as c:
            await offsets.move(c, self.topic, advance, {})
            await save_dead_letters(c, [letter], self.topics_out[1])
        EVENTS.labels("dead").inc()


def _says_no_more(seen: Seen, before: Seen | None) -> bool:
    return before is not None and seen.at <= before.at and seen.feeds <= before.feeds


def _read(record: Record) -> Arrival | DeadLetter:
    body = record.value or b""
    try:
        event = read_trade_event(body)
        return Arrival(event, record.partition, record.offset, body, body_hash(event), record.timestamp)
    except PermanentError as error:
        return DeadLetter(record.partition, record.offset, None, None, error.reason, error.pointer, body)


async def _without_known(c: AsyncConnection, read: Batch) -> Batch:
    """Leave out what was recorded before, or stands earlier in the batch; another body under one id is a conflict."""
    batch = Batch(dead=list(read.dead))
    sources, ids = joined(a.event.source for a in read.arrivals), joined(a.event.id for a in read.arrivals)
    rows = await fetch(c, _KNOWN, sources=sources, ids=ids)
    known: dict[tuple[str, str], bytes] = {(source, event_id): digest for source, event_id, digest in rows}
    for arrival in read.arrivals:
        name = (arrival.event.source, arrival.event.id)
        if name not in known:
            known[name] = arrival.digest
            batch.arrivals.append(arrival)
        elif known[name] == arrival.digest:
            batch.duplicates[arrival.partition] += 1
        else:
            reason = "another event with the same source and id, and a different body, was recorded before"
            batch.dead.append(DeadLetter(arrival.partition, arrival.offset, *name, reason, "/id", arrival.body))
    return batch


def _measure(book: Book, batch: Batch) -> None:
    for status, count in Counter(ending.status for ending in book.endings.values()).items():
        EVENTS.labels(status).inc(count)
    EVENTS.labels("dead").inc(len(batch.dead))
    EVENTS.labels("duplicate").inc(batch.duplicates.total())
    for outcome, count in Counter(decision.outcome for decision in book.decisions).items():
        DECISIONS.labels(outcome).inc(count)
    for noticed in (noticed for decision in book.decisions for noticed in decision.asked.noticed):
        FINDINGS.labels(noticed.rule.id, "failed" if noticed.failure else "spoke").inc()
    for change, _ in book.lane_changes:
        LANE_CHANGES.labels(change.state).inc()
