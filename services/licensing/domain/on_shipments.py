"""What happens to shipments: they are declared, corrected, and go their way."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from services.licensing.domain import shipments
from services.licensing.domain.book import Book, Ending
from services.licensing.domain.concluding import (
    Ruling,
    as_declared,
    awaited,
    conclude,
    decide,
    judged,
    lanes_of,
    restate,
    settle,
)
from services.licensing.domain.on_lanes import count_clearance, judge_new
from services.licensing.domain.rules.evidence import lapsed
from services.licensing.domain.rules.verdict import Case, with_effect
from services.licensing.domain.shipments import MilestoneRefused, Shipment
from shared.cloudevents import Event
from shared.errors import PermanentError
from shared.events import (
    ShipmentCorrected,
    ShipmentDeclared,
    ShipmentMilestone,
)


def on_declared(book: Book, event: Event[ShipmentDeclared]) -> Ending:
    """Decide a shipment, or park it until its licence comes.

    Raises PermanentError when another event declared it before.
    """
    data = event.data
    shipment = book.shipments.get(data.shipment_id)
    if shipment is None:
        shipment = book.shipments[data.shipment_id] = Shipment(data, event.time, lanes_of(book, data))
        judge_new(book, shipment.lanes, event.time, event.name)
    elif shipment.progress == "retracted":
        _begin_again(book, shipment, event)
    elif shipment.outcome is not None or shipment.is_over or shipment.declared != data:
        raise PermanentError(f"shipment {data.shipment_id} was declared before", pointer="/data/shipment_id")
    book.touch("shipment", data.shipment_id)
    verdict = judged(book, shipment, event.name)
    if verdict.outcome is None:
        return Ending("parked", "", verdict.awaits[0].key, None, verdict.awaits[0].until)
    return conclude(book, shipment, verdict, event.time, event.name)


def _begin_again(book: Book, shipment: Shipment, event: Event[ShipmentDeclared]) -> None:
    """Let a shipment whose declaration was taken back be declared anew; what became of the goods still counts."""
    history = book.history(f"shipment:{event.data.shipment_id}")
    shipment.declared, shipment.declared_at = event.data, event.time
    shipment.lanes, shipment.draws, shipment.reservation = lanes_of(book, event.data), (), "none"
    replay_milestones(shipment, (past.event for past in history if not past.is_retracted))
    judge_new(book, shipment.lanes, event.time, event.name)


def on_corrected(book: Book, event: Event[ShipmentCorrected]) -> Ending:
    """Decide a shipment anew by what its declaration should have said; waits while it is not decided.

    Raises PermanentError when the shipment is over.
    """
    data = event.data
    shipment = book.shipments.get(data.shipment_id)
    if shipment is None or shipment.is_awaited:
        return Ending("parked", "", f"shipment:{data.shipment_id}")
    if shipment.is_over:
        raise PermanentError(
            f"a shipment that was {shipment.progress} cannot be corrected", pointer="/data/shipment_id"
        )
    return restate(book, shipment, as_declared(data), event.time, event.name)


def on_milestone(book: Book, event: Event[ShipmentMilestone]) -> Ending:
    """Move a shipment on; waits while it is not declared or not decided.

    Raises PermanentError when the milestone contradicts what is known.
    """
    data = event.data
    shipment = book.shipments.get(data.shipment_id)
    if shipment is None or shipment.is_awaited:
        return Ending("parked", "", f"shipment:{data.shipment_id}")
    milestone, left_at = data.TYPE.rpartition(".")[2], shipment.left_at
    try:
        note = shipments.advance(shipment, milestone, event.time)
    except MilestoneRefused as refusal:
        raise PermanentError(str(refusal), pointer="/data/shipment_id") from refusal
    book.touch("shipment_moved", data.shipment_id)
    is_leaving = left_at is None and shipment.left_at is not None and not shipment.is_over
    if is_leaving and shipment.outcome == "permitted" and (faults := lapsed(_case(book, shipment), event.time)):
        decide(book, shipment, Ruling("held", with_effect("held", faults)), event.time, event.name)
    if left_at is not None and shipment.left_at != left_at and shipment.outcome == "held" and not shipment.is_over:
        _hold_no_longer(book, shipment, left_at, event)
    settle(book, shipment, shipment.draws, event.time, event.name)
    if milestone != "cleared":
        return Ending("decided", note or milestone)
    if shipment.outcome != "permitted":
        return Ending("decided", f"cleared although {shipment.outcome}")
    if shipment.cleared_at is not None:
        return Ending("decided", "was cleared before")
    count_clearance(book, shipment, event.time, event.name)
    return Ending("decided", "cleared")


def _case(book: Book, shipment: Shipment) -> Case:
    return Case(shipment.declared, shipment.declared_at, book)


def _hold_no_longer(book: Book, shipment: Shipment, thought_left_at: datetime, event: Event[ShipmentMilestone]) -> None:
    """Judge anew a shipment that was held for its papers, and left earlier than was known, when they were valid."""
    case = _case(book, shipment)
    if shipment.left_at is not None and lapsed(case, thought_left_at) and not lapsed(case, shipment.left_at):
        conclude(book, shipment, judged(book, shipment, event.name), event.time, event.name)


def replay_milestones(shipment: Shipment, rest: Iterable[Event[Any]]) -> None:
    """Let a shipment be as far as the milestones of a history say; one that contradicts the rest says nothing."""
    shipment.progress, shipment.is_held, shipment.held_as_of, shipment.left_at = "declared", False, None, None
    for past in rest:
        if isinstance(past.data, ShipmentMilestone):
            try:
                shipments.advance(shipment, past.data.TYPE.rpartition(".")[2], past.time)
            except MilestoneRefused:
                continue


def on_waited_too_long(book: Book, event: Event[ShipmentDeclared], waiting_for: str, at: datetime) -> Ending:
    """Hold a shipment whose licence did not come in time.

    Raises PermanentError when another event declared and concluded it meanwhile.
    """
    shipment = undecided(book, event)
    came = "reopened" if waiting_for.startswith("quota:") else "seen"
    says = f"{waiting_for.replace(':', ' ', 1)} was not {came} within {book.policy.parking_days} days"
    return decide(book, shipment, Ruling("held", (awaited(waiting_for, says),)), at, event.name)


def undecided(book: Book, event: Event[ShipmentDeclared]) -> Shipment:
    """Return the shipment that an event declared and that waits. Raises PermanentError when it was decided."""
    shipment = book.shipments[event.data.shipment_id]
    if shipment.outcome is not None or shipment.is_over:
        raise PermanentError(f"shipment {event.data.shipment_id} was declared before", pointer="/data/shipment_id")
    book.touch("shipment", event.data.shipment_id)
    return shipment


def parking_deadline(book: Book, event: Event[Any]) -> datetime:
    """Return until when an event may wait: some days from when it happened or, if that is later, was parked."""
    return max(event.time, book.clock or event.time) + timedelta(days=book.policy.parking_days)
