"""What it means that an event is taken back: its thing becomes what the rest of its history makes of it."""

from datetime import datetime
from typing import Any

from services.licensing.domain import on_licences, on_policies, on_prices, on_quotas, on_regimes
from services.licensing.domain.book import Book, Ending, Past
from services.licensing.domain.concluding import as_declared, restate, settle, withdraw
from services.licensing.domain.on_lanes import uncount_clearance
from services.licensing.domain.on_reviews import may_review, review
from services.licensing.domain.on_shipments import replay_milestones
from services.licensing.domain.rules.evidence import lapsed
from services.licensing.domain.rules.verdict import Case
from services.licensing.domain.shipments import HAS_LEFT, Shipment
from shared.cloudevents import Event, entity_key
from shared.errors import PermanentError
from shared.events import (
    Declaration,
    EventRetracted,
    Reason,
    ReviewOverridden,
    ReviewRejected,
    ReviewReleased,
    ShipmentCleared,
    ShipmentDeclared,
)

REVIEWS = (ReviewReleased, ReviewRejected, ReviewOverridden)


def on_retracted(book: Book, event: Event[EventRetracted]) -> Ending:
    """Take an event back; waits for one that is not known yet.

    Raises PermanentError for one that was taken back before, or that cannot be.
    """
    data = event.data
    name = f"{data.source} {data.id}"
    history = book.history(data.entity)
    past = next((past for past in history if past.event.name == name), None)
    if past is None:
        return _on_waiting_retracted(book, event, name)
    if past.is_retracted:
        raise PermanentError(f"event {name} was retracted before", pointer="/data/id")
    _refuse_retraction(past.event)
    book.retract(past, event.name)
    _refold(book, event, past)
    return Ending("decided", "retracted")


def _on_waiting_retracted(book: Book, event: Event[EventRetracted], name: str) -> Ending:
    """Take back an event that waits, so that it never takes effect; wait for one that has not come."""
    parked = book.find_parked(name)
    if parked is None or entity_key(parked.event) != event.data.entity:
        return Ending("parked", "", f"event:{name}")
    _refuse_retraction(parked.event)
    book.unpark(parked)
    book.woken.append(parked)
    book.endings[name] = Ending("decided", "retracted")
    book.applied[name] = None
    book.retracted[name] = event.name
    book.history(event.data.entity).append(Past(parked.event, is_retracted=True))
    _forget_parked(book, parked.event)
    return Ending("decided", "retracted before it was decided")


def _refuse_retraction(event: Event[Any]) -> None:
    if isinstance(event.data, EventRetracted):
        raise PermanentError("a retraction cannot be retracted; post the event anew", pointer="/data/id")


def _forget_parked(book: Book, event: Event[Any]) -> None:
    """Withdraw a declaration that waited; any other waiting event has had no effect."""
    others = (p.event for waiting in book.parked.values() for p in waiting.values())
    is_declared = any(isinstance(o.data, ShipmentDeclared) and entity_key(o) == entity_key(event) for o in others)
    shipment = book.shipments.get(event.data.shipment_id) if isinstance(event.data, ShipmentDeclared) else None
    if shipment is not None and not is_declared:
        shipment.progress = "retracted"
        book.touch("shipment", event.data.shipment_id)


def _refold(book: Book, event: Event[EventRetracted], past: Past) -> None:
    kind, _, key = event.data.entity.partition(":")
    history = (p.event for p in book.history(event.data.entity) if not p.is_retracted)
    rest = [one for one in history if not isinstance(one.data, EventRetracted)]
    if kind == "regime":
        on_regimes.refold(book, key, rest, event.time, event.name)
    elif kind == "quota":
        on_quotas.refold(book, key, rest, event.time, event.name)
    elif kind == "licence":
        on_licences.refold(book, key, past.event, rest, event.time, event.name)
    elif kind == "policy":
        on_policies.refold(book, rest)
    elif kind == "price":
        on_prices.refold(book, key, rest, event.time, event.name)
    else:
        _refold_shipment(book, book.shipments[key], event, past, rest)


def _refold_shipment(
    book: Book, shipment: Shipment, event: Event[EventRetracted], past: Past, rest: list[Event[Any]]
) -> None:
    """Let a shipment be what remains: its last declaration, its milestones, its last review."""
    declarations = [e for e in rest if isinstance(e.data, Declaration)]
    left_at, was_over = shipment.left_at, shipment.is_over
    if not any(isinstance(e.data, ShipmentDeclared) for e in declarations):
        if isinstance(past.event.data, Declaration):
            says = f"the declaration was taken back: {event.data.reason}"
            reason = Reason(rule="shipment.retracted", says=says, remedy="declare the shipment anew")
            withdraw(book, shipment, (reason,), event.time, event.name)
        elif shipment.progress != "retracted":  # It is declared anew, and waits.
            replay_milestones(shipment, rest)
            book.touch("shipment", shipment.declared.shipment_id)
        return
    replay_milestones(shipment, rest)
    has_left = shipment.progress in HAS_LEFT
    if not has_left or not any(isinstance(e.data, ShipmentCleared) for e in rest):
        uncount_clearance(book, shipment)
    book.touch("shipment", shipment.declared.shipment_id)
    if shipment.is_over:  # It draws nothing, and nothing is decided of it.
        shipment.declared = as_declared(declarations[-1].data)
    is_changed = isinstance(past.event.data, (Declaration, *REVIEWS)) or was_over
    is_changed = is_changed or _had_lapsed(book, shipment, left_at) != _had_lapsed(book, shipment, shipment.left_at)
    if is_changed and not shipment.is_over:
        _judge_anew(book, shipment, event, rest)
    else:
        settle(book, shipment, shipment.draws, event.time, event.name)


def _had_lapsed(book: Book, shipment: Shipment, left_at: datetime | None) -> bool:
    """Return whether a paper that was valid when the shipment was declared was not when it left. Raises Missing."""
    return left_at is not None and bool(lapsed(Case(shipment.declared, shipment.declared_at, book), left_at))


def _judge_anew(book: Book, shipment: Shipment, event: Event[EventRetracted], rest: list[Event[Any]]) -> None:
    """Judge by the last declaration, and let the reviews that came after it speak again."""
    last = max(place for place, one in enumerate(rest) if isinstance(one.data, Declaration))
    restate(book, shipment, as_declared(rest[last].data), event.time, event.name)
    for one in rest[last + 1 :]:
        # A rejection stands, though what it was about is gone; only another review lifts it.
        is_rejection = isinstance(one.data, ReviewRejected) and shipment.outcome == "permitted"
        if isinstance(one.data, REVIEWS) and (is_rejection or may_review(shipment, one.data)):
            review(book, shipment, one.data, event.time, event.name)
