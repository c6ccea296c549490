"""Applies events to the book one after the other; what waits for what an event brings follows at once."""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from services.licensing.domain import (
    on_clock,
    on_licences,
    on_opening_days,
    on_policies,
    on_prices,
    on_quotas,
    on_regimes,
    on_retractions,
    on_reviews,
    on_shipments,
    on_sources,
)
from services.licensing.domain.book import Book, Ending, Parked
from shared.cloudevents import Event, entity_key
from shared.errors import PermanentError
from shared.events import (
    TRADE_TYPES,
    ClockTicked,
    EventRetracted,
    LicenceBatchIssued,
    LicenceIssued,
    LicenceTerms,
    LicenceUseBroughtForward,
    PolicyRolledOut,
    PriceObserved,
    QuotaOpened,
    QuotaReopened,
    RegimeAnnounced,
    RegimeTerms,
    ReviewOverridden,
    ReviewRejected,
    ReviewReleased,
    ShipmentCorrected,
    ShipmentDeclared,
    ShipmentMilestone,
    TradeData,
)

BRINGS = (RegimeAnnounced, QuotaOpened, QuotaReopened, LicenceIssued, ShipmentDeclared)
"""Events that bring something which others may be waiting for."""

_BRINGING = frozenset(kind for kind in TRADE_TYPES.values() if issubclass(kind, BRINGS))

Handler = Callable[[Book, Event[Any]], Ending]
_BY_CLASS: tuple[tuple[type | tuple[type, ...], Handler], ...] = (
    (ShipmentDeclared, on_shipments.on_declared),
    (ShipmentMilestone, on_shipments.on_milestone),
    (ShipmentCorrected, on_shipments.on_corrected),
    ((ReviewReleased, ReviewRejected, ReviewOverridden), on_reviews.on_review),
    (LicenceBatchIssued, on_licences.on_batch_issued),
    (LicenceTerms, on_licences.on_licence_terms),
    (LicenceUseBroughtForward, on_licences.on_use_brought_forward),
    (QuotaOpened, on_quotas.on_quota_opened),
    (RegimeTerms, on_regimes.on_regime_terms),
    (PolicyRolledOut, on_policies.on_rolled_out),
    (PriceObserved, on_prices.on_observed),
    (EventRetracted, on_retractions.on_retracted),
    (ClockTicked, on_clock.on_tick),
)
_BY_ENTITY: dict[str, Handler] = {
    "licence_id": on_licences.on_licence_step,
    "quota_id": on_quotas.on_quota_changed,
    "regime_id": on_regimes.on_regime_changed,
}


def _handler(kind: type[Any]) -> Handler:
    return (
        next((handler for classes, handler in _BY_CLASS if issubclass(kind, classes)), None) or _BY_ENTITY[kind.ENTITY]
    )


_APPLY: dict[type[Any], Handler] = {kind: _handler(kind) for kind in TRADE_TYPES.values()}


def apply_all(book: Book, events: Iterable[Event[TradeData]]) -> None:
    """Apply the events in order and note in `book.endings` what became of each.

    Raises Missing when the book lacks something; the caller loads it and starts anew.
    """
    for event in events:
        apply(book, event)


def apply(book: Book, event: Event[TradeData]) -> None:
    """Apply one event, and after it whatever was waiting for what it brought."""
    if isinstance(event.data, ClockTicked):
        for overdue in book.overdue(event.data.now):
            # Another that was overdue may have let it go on, or taken it along.
            if book.unpark(overdue):
                book.woken.append(overdue)
                _end(book, overdue, event.data)
    _conclude(book, event, _apply_one(book, event))


def _end(book: Book, overdue: Parked, tick: ClockTicked) -> None:
    """End the waiting of what is overdue; what waits for its share of a quota is decided together."""
    if not overdue.waiting_for.startswith("allotment:"):
        _conclude(book, overdue.event, _end_waiting(book, overdue, tick))
        return
    others = book.take_waiting(overdue.waiting_for)
    book.woken.extend(others)
    for event, ending in on_opening_days.on_shared_out(book, [overdue, *others], overdue.deadline):
        _conclude(book, event, ending)


def _conclude(book: Book, event: Event[TradeData], ending: Ending) -> None:
    """Note the ending of an event, and apply what it lets go on."""
    woken = _noted(book, event, ending)
    if not woken:
        return
    todo = deque(woken)
    while todo:
        current = todo.popleft()
        todo.extendleft(reversed(_noted(book, current, _apply_one(book, current))))


def _noted(book: Book, event: Event[TradeData], ending: Ending) -> list[Event[TradeData]]:
    """Note the ending of an event; return what was waiting for it."""
    if ending.waiting_for is not None:
        _park(book, event, ending, ending.waiting_for)
        return []
    name = event.name
    book.endings[name], book.applied[name] = ending, None
    if ending.status != "decided":
        return []
    on_sources.on_applied(book, event)
    book.remember(event)
    return _woken(book, event)


def _park(book: Book, event: Event[TradeData], ending: Ending, waiting_for: str) -> None:
    deadline = ending.deadline or on_shipments.parking_deadline(book, event)
    book.parkings += 1
    book.endings[event.name] = Ending("parked", "", waiting_for, None, deadline, book.parkings)
    book.park(Parked(event, waiting_for, deadline))


def _apply_one(book: Book, event: Event[TradeData]) -> Ending:
    try:
        return _APPLY[type(event.data)](book, event)
    except PermanentError as error:
        return Ending("dead", error.reason, None, error.pointer)


def wakes(event: Event[TradeData]) -> tuple[str, ...]:
    """Return what an event may let go on: what waits for the thing that it brings, or for itself."""
    itself = f"event:{event.name}"
    # A block that is taken back lets go on what waits for the quota.
    kind = type(event.data)
    is_unblocking = kind is EventRetracted and entity_key(event).startswith("quota:")
    return (entity_key(event), itself) if kind in _BRINGING or is_unblocking else (itself,)


def _woken(book: Book, event: Event[TradeData]) -> list[Event[TradeData]]:
    woken = []
    for key in wakes(event):
        if waiting := book.waiting_for(key):
            book.woken += waiting
            woken += [parked.event for parked in waiting]
    return woken


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
