"""Applies events to the book one after the other; what waits for what an event brings follows at once."""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from services.licensing.domain import on_clock, on_registers, on_shipments
from services.licensing.domain.book import Book, Ending, Parked
from shared.cloudevents import Event, entity_key
from shared.errors import PermanentError
from shared.events import (
    ClockTicked,
    LicenceAmended,
    LicenceBatchIssued,
    LicenceIssued,
    LicenceReinstated,
    LicenceRevoked,
    LicenceSuspended,
    QuotaClosed,
    QuotaOpened,
    QuotaTrancheReleased,
    RegimeAmended,
    RegimeAnnounced,
    RegimeEnded,
    RegimeReinstated,
    RegimeSuspended,
    ShipmentDeclared,
    ShipmentMilestone,
    TradeData,
)

BRINGS = (RegimeAnnounced, QuotaOpened, LicenceIssued, ShipmentDeclared)
"""Events that bring something which others may be waiting for."""

_APPLY: dict[type[Any], Callable[[Book, Event[Any]], Ending]] = {
    RegimeAnnounced: on_registers.on_regime_terms,
    RegimeAmended: on_registers.on_regime_terms,
    RegimeSuspended: on_registers.on_regime_changed,
    RegimeReinstated: on_registers.on_regime_changed,
    RegimeEnded: on_registers.on_regime_changed,
    QuotaOpened: on_registers.on_quota_opened,
    QuotaTrancheReleased: on_registers.on_tranche_released,
    QuotaClosed: on_registers.on_quota_closed,
    LicenceBatchIssued: on_registers.on_batch_issued,
    LicenceIssued: on_registers.on_licence_terms,
    LicenceAmended: on_registers.on_licence_terms,
    LicenceSuspended: on_registers.on_licence_step,
    LicenceReinstated: on_registers.on_licence_step,
    LicenceRevoked: on_registers.on_licence_step,
    ShipmentDeclared: on_shipments.on_declared,
    ClockTicked: on_clock.on_tick,
}


def apply_all(book: Book, events: Iterable[Event[TradeData]]) -> None:
    """Apply the events in order and note in `book.endings` what became of each.

    Raises Missing when the book lacks something; the caller loads it and starts anew.
    """
    for event in events:
        apply(book, event)


def apply(book: Book, event: Event[TradeData]) -> None:
    """Apply one event, and after it whatever was waiting for what it brought."""
    if isinstance(event.data, ClockTicked):
        while (overdue := book.take_overdue(event.data.now)) is not None:
            book.woken.append(overdue)
            _conclude(book, overdue.event, _end_waiting(book, overdue, event.data))
    _conclude(book, event, _apply_one(book, event))


def _conclude(book: Book, event: Event[TradeData], ending: Ending) -> None:
    """Note the ending of an event, and apply what it lets go on."""
    todo: deque[tuple[Event[TradeData], Ending | None]] = deque([(event, ending)])
    while todo:
        current, known = todo.popleft()
        found = book.endings[current.name] = known or _apply_one(book, current)
        if found.waiting_for is not None:
            _park(book, current, found.waiting_for)
        if found.status == "decided" and isinstance(current.data, BRINGS):
            todo.extendleft((woken, None) for woken in reversed(_woken(book, entity_key(current))))


def _park(book: Book, event: Event[TradeData], waiting_for: str) -> None:
    deadline = on_shipments.parking_deadline(book, event)
    book.parkings += 1
    book.endings[event.name] = Ending("parked", "", waiting_for, None, deadline, book.parkings)
    book.parked.setdefault(waiting_for, []).append(Parked(event, waiting_for, deadline))


def _apply_one(book: Book, event: Event[TradeData]) -> Ending:
    try:
        if isinstance(event.data, ShipmentMilestone):
            return on_shipments.on_milestone(book, event)  # type: ignore[arg-type]
        return _APPLY[type(event.data)](book, event)
    except PermanentError as error:
        return Ending("dead", error.reason, None, error.pointer)


def _woken(book: Book, key: str) -> list[Event[TradeData]]:
    waiting = book.waiting_for(key)
    book.woken.extend(waiting)
    return [parked.event for parked in waiting]


def _end_waiting(book: Book, overdue: Parked, tick: ClockTicked) -> Ending:
    """Hold a shipment that waited too long; any other event goes to the dead letters."""
    event = overdue.event
    if not isinstance(event.data, ShipmentDeclared):
        what = overdue.waiting_for.replace(":", " ", 1)
        return Ending("dead", f"{what} was not seen within {book.policy.parking_days} days")
    try:
        return on_shipments.on_waited_too_long(book, event, overdue.waiting_for, tick.now)  # type: ignore[arg-type]
    except PermanentError as error:
        return Ending("dead", error.reason, None, error.pointer)
