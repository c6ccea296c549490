"""What happens to shipments: they are declared, decided and reserved for, and go their way."""

from datetime import datetime, timedelta
from typing import Any

from services.licensing.domain import lanes, ledger, shipments
from services.licensing.domain.announcing import licence_changed, quota_changed, shipment_decided
from services.licensing.domain.book import Book, Decision, Ending
from services.licensing.domain.deciding import judge
from services.licensing.domain.ledger import Account, Draw
from services.licensing.domain.on_lanes import (
    judge_new,
    lanes_of_licence,
    lanes_of_quota,
    masses_by_lane,
    record,
    refresh_gates,
)
from services.licensing.domain.shipments import MilestoneRefused, Shipment
from shared.cloudevents import Event
from shared.errors import PermanentError
from shared.events import Outcome, Reason, ShipmentDeclared, ShipmentMilestone

_POST = {"write_off": ledger.write_off, "give_back": ledger.give_back, "refund": ledger.refund}


def on_declared(book: Book, event: Event[ShipmentDeclared]) -> Ending:
    """Decide a shipment, or park it until its licence comes.

    Raises PermanentError when another event declared it before.
    """
    data = event.data
    shipment = book.shipments.get(data.shipment_id)
    if shipment is None:
        groups = tuple(dict.fromkeys(g for line in data.lines for g in book.policy.groups_of(line.commodity)))
        shipment = Shipment(data, event.time, lanes.lane_ids(groups, data.origin, (data.destination,)))
        book.shipments[data.shipment_id] = shipment
        judge_new(book, shipment.lanes, event.time, event.name)
    elif shipment.outcome is not None or shipment.declared != data:
        raise PermanentError(f"shipment {data.shipment_id} was declared before", pointer="/data/shipment_id")
    book.touch("shipment", data.shipment_id)
    verdict = judge(data, event.time, book)
    if verdict.outcome is None:
        return Ending("parked", "", verdict.awaits[0])
    entries: tuple[str, ...] = ()
    if verdict.outcome == "permitted" and verdict.draws:
        entries = _reserve(book, shipment, tuple(verdict.draws), event.time, event.name)
    return _conclude(book, shipment, verdict.outcome, verdict.reasons, entries, event.time, event.name)


def on_waited_too_long(book: Book, event: Event[ShipmentDeclared], waiting_for: str, at: datetime) -> Ending:
    """Hold a shipment whose licence did not come in time.

    Raises PermanentError when another event declared and concluded it meanwhile.
    """
    shipment = book.shipments[event.data.shipment_id]
    if shipment.outcome is not None:
        raise PermanentError(f"shipment {event.data.shipment_id} was declared before", pointer="/data/shipment_id")
    book.touch("shipment", event.data.shipment_id)
    says = f"{waiting_for.replace(':', ' ', 1)} was not seen within {book.policy.parking_days} days"
    return _conclude(book, shipment, "held", (Reason(rule="licence.awaited", says=says),), (), at, event.name)


def on_milestone(book: Book, event: Event[ShipmentMilestone]) -> Ending:
    """Move a shipment on; waits while it is not declared or not decided.

    Raises PermanentError when the milestone contradicts what is known.
    """
    data = event.data
    shipment = book.shipments.get(data.shipment_id)
    if shipment is None or shipment.outcome is None:
        return Ending("parked", "", f"shipment:{data.shipment_id}")
    book.touch("shipment", data.shipment_id)
    milestone = data.TYPE.rpartition(".")[2]
    was_cleared = shipments.RANK.get(shipment.progress, 0) >= shipments.RANK["cleared"]
    try:
        step = shipments.advance(shipment, milestone, event.time)
    except MilestoneRefused as refusal:
        raise PermanentError(str(refusal), pointer="/data/shipment_id") from refusal
    if step.ledger:
        for draw in shipment.draws:
            account = book.account(draw.account_id)
            before = _level(book, account)
            book.entries.append(_POST[step.ledger](account, draw, data.shipment_id, event.name))
            _touched(book, account, before, event.time, event.name)
    if milestone != "cleared":
        return Ending("decided", step.note or milestone)
    if shipment.outcome != "permitted":
        return Ending("decided", f"cleared although {shipment.outcome}")
    if was_cleared and shipment.progress == "cleared":
        return Ending("decided", "was cleared before")
    for lane_id, mass_mg in masses_by_lane(book, shipment).items():
        lane = book.lane(lane_id)
        if lane.stats.gate_reasons and lanes.is_about_to_flow(lane, book.policy):
            # What the change says of the licences must be what they have left now.
            refresh_gates(book, (lane_id,), event.time, event.name)
        record(book, lane, lanes.on_cleared(lane, book.plausible(event.time), mass_mg, book.policy), event.name)
    return Ending("decided", "cleared")


def parking_deadline(book: Book, event: Event[Any]) -> datetime:
    """Return until when an event may wait: some days from when it happened or, if that is later, was parked."""
    return max(event.time, book.clock or event.time) + timedelta(days=book.policy.parking_days)


def _conclude(
    book: Book,
    shipment: Shipment,
    outcome: Outcome,
    reasons: tuple[Reason, ...],
    entries: tuple[str, ...],
    at: datetime,
    caused_by: str,
) -> Ending:
    shipment.outcome = outcome
    shipment.decisions += 1
    shipment_id = shipment.declared.shipment_id
    decision = Decision(f"{shipment_id}#{shipment.decisions}", shipment_id, outcome, reasons, entries, caused_by, at)
    book.decisions.append(decision)
    shipment_decided(book, shipment, decision)
    for lane_id in shipment.lanes:
        lane = book.lane(lane_id)
        record(book, lane, lanes.on_decided(lane, book.plausible(at), outcome != "permitted", book.policy), caused_by)
    return Ending("decided", outcome)


def _reserve(book: Book, shipment: Shipment, draws: tuple[Draw, ...], at: datetime, caused_by: str) -> tuple[str, ...]:
    """Reserve on every account and return the names of the entries."""
    shipment.draws, shipment.reservation = draws, "reserved"
    names = []
    for draw in draws:
        account = book.account(draw.account_id)
        before = _level(book, account)
        entry = ledger.reserve(account, draw, shipment.declared.shipment_id, caused_by)
        book.entries.append(entry)
        names.append(entry.name)
        _touched(book, account, before, at, caused_by)
    return tuple(names)


def _level(book: Book, account: Account) -> str:
    if account.left_mg == 0:
        return "exhausted"
    return "critical" if account.is_critical(book.policy.critical_used_percent) else "open"


def _touched(book: Book, account: Account, before: str, at: datetime, caused_by: str) -> None:
    """Tell of an account that became nearly or fully used, or free again, and judge its lanes anew."""
    book.touch("account", account.account_id)
    now = _level(book, account)
    if now == before:
        return
    kind, _, owner = account.account_id.partition(":")
    if kind == "quota":
        quota = book.quotas[owner]
        if now != "open":
            quota_changed(book, quota, now, at, caused_by, f"is {now}")
        refresh_gates(book, lanes_of_quota(book, quota), at, caused_by)
        return
    licence = book.licence(owner.rpartition(":")[0])
    if now == "exhausted" and licence.terms is not None:
        licence_changed(book, licence, "exhausted", at, caused_by, "is exhausted")
    refresh_gates(book, lanes_of_licence(book, licence), at, caused_by)
