"""What becomes of sources: each event that is applied tells of one; each tick asks which have gone silent."""

from datetime import datetime
from functools import lru_cache
from typing import Any

from services.licensing.domain.book import Book
from services.licensing.domain.findings import source_noticed
from services.licensing.domain.lanes import LANES_KEPT
from services.licensing.domain.sources import Seen, Source, has_gone_silent, heard, hour_of
from shared.cloudevents import Event
from shared.events import TRADE_TYPES, ClockTicked, Declaration, ShipmentMilestone

_OF_SHIPMENTS = frozenset(k for k in TRADE_TYPES.values() if issubclass(k, Declaration | ShipmentMilestone))
NOTHING: frozenset[str] = frozenset()


@lru_cache(LANES_KEPT)
def _feeds(lanes: tuple[str, ...]) -> frozenset[str]:
    return frozenset(":".join(lane_id.split(":", 2)[:2]) for lane_id in lanes)


def on_applied(book: Book, event: Event[Any]) -> None:
    """Note that an event of a source was applied, and which lanes it is about."""
    kind = type(event.data)
    if kind is ClockTicked:
        return
    at, seen = book.plausible(event.time), book.seen.get(event.source)
    if seen is None:
        seen = book.seen[event.source] = Seen(hour_of(at))
    shipment = book.shipments.get(event.data.shipment_id) if kind in _OF_SHIPMENTS else None
    seen.add(at, _feeds(shipment.lanes) if shipment else NOTHING)


def on_ticked(book: Book, before: datetime | None, now: datetime, caused_by: str) -> None:
    """Take in what was heard since the tick before, and tell of sources that went silent or are heard again."""
    rules = book.policy.source_silence
    if rules is None:
        return
    for name in sorted(book.seen):
        seen, source = book.seen[name], book.sources.get(name)
        if source is None:
            book.sources[name] = Source(name, now, seen.at, feeds=tuple(sorted(seen.feeds)))
            book.touch("source", name)
            continue
        was = (source.last, source.feeds, source.is_silent)
        if heard(source, seen, before or now, now, rules):
            source_noticed(book, source, "resumed", now, caused_by)
        elif has_gone_silent(source, now, rules):
            source.is_silent = True
            source_noticed(book, source, "silent", now, caused_by)
        if was != (source.last, source.feeds, source.is_silent):
            book.touch("source", name)
