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
    todo: deque[Event[TradeData]] = deque([event])
    if isinstance(event.data, ClockTicked):
        _end_waiting(book, event.data, todo)
    while todo:
        current = todo.popleft()
        ending = book.endings[current.name] = _apply_one(book, current)
        if ending.waiting_for is not None:
            _park(book, current, ending.waiting_for)
        if ending.status == "decided" and isinstance(current.data, BRINGS):
            todo.extendleft(reversed(_woken(book, entity_key(current))))


def _park(book: Book, event: Event[TradeData], waiting_for: str) -> None:
    deadline = on_shipments.parking_deadline(book, event)
    book.endings[event.name] = Ending("parked", "", waiting_for, None, deadline)
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


def _end_waiting(book: Book, tick: ClockTicked, todo: deque[Event[TradeData]]) -> None:
    """Shipments that waited too long are held; other events go to the dead letters."""
    for parked in book.take_overdue(tick.now):
        book.woken.append(parked)
        event = parked.event
        if isinstance(event.data, ShipmentDeclared):
            ending = on_shipments.on_waited_too_long(book, event, parked.waiting_for, tick.now)  # type: ignore[arg-type]
            todo.extend(_woken(book, entity_key(event)))
        else:
            what = parked.waiting_for.replace(":", " ", 1)
            ending = Ending("dead", f"{what} was not seen within {book.policy.parking_days} days")
        book.endings[event.name] = ending
