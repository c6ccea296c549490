"""What happens to shipments: they are declared, decided and reserved for, and go their way."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

import msgspec

from services.licensing.domain import lanes, shipments
from services.licensing.domain.announcing import shipment_decided
from services.licensing.domain.book import Book, Decision, Ending, Parked
from services.licensing.domain.ledger import Cause, Draw
from services.licensing.domain.measuring import Unmeasurable, measured
from services.licensing.domain.on_lanes import judge_new, masses_by_lane, record, refresh_gates
from services.licensing.domain.posting import regrant, settle_shipment
from services.licensing.domain.quotas import share_out
from services.licensing.domain.rules.evidence import lapsed
from services.licensing.domain.rules.judging import judge
from services.licensing.domain.rules.verdict import Case, Verdict, with_effect
from services.licensing.domain.shipments import HAS_LEFT, MilestoneRefused, Shipment
from shared.cloudevents import Event, entity_key
from shared.errors import PermanentError
from shared.events import (
    Declaration,
    Outcome,
    Reason,
    ReviewOverridden,
    ReviewRejected,
    ReviewReleased,
    ShipmentCorrected,
    ShipmentDeclared,
    ShipmentMilestone,
)

Review = ReviewReleased | ReviewRejected | ReviewOverridden
NO_SHARES: Mapping[tuple[str, int], int] = MappingProxyType({})


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
    verdict = _judged(book, shipment, event.name)
    if verdict.outcome is None:
        return Ending("parked", "", verdict.awaits[0].key, None, verdict.awaits[0].until)
    return conclude(book, shipment, verdict, event.time, event.name)


def on_corrected(book: Book, event: Event[ShipmentCorrected]) -> Ending:
    """Decide a shipment anew by what its declaration should have said; waits while it is not decided.

    Raises PermanentError when the shipment is over.
    """
    data = event.data
    shipment = book.shipments.get(data.shipment_id)
    if shipment is None or (shipment.outcome is None and not shipment.is_over):
        return Ending("parked", "", f"shipment:{data.shipment_id}")
    if shipment.is_over:
        raise PermanentError(
            f"a shipment that was {shipment.progress} cannot be corrected", pointer="/data/shipment_id"
        )
    return restate(book, shipment, as_declared(data), event.time, event.name)


def replay_milestones(shipment: Shipment, rest: Iterable[Event[Any]]) -> None:
    """Let a shipment be as far as the milestones of a history say; one that contradicts the rest says nothing."""
    shipment.progress, shipment.is_held, shipment.held_as_of, shipment.left_at = "declared", False, None, None
    for past in rest:
        if isinstance(past.data, ShipmentMilestone):
            try:
                shipments.advance(shipment, past.data.TYPE.rpartition(".")[2], past.time)
            except MilestoneRefused:
                continue


def _begin_again(book: Book, shipment: Shipment, event: Event[ShipmentDeclared]) -> None:
    """Let a shipment whose declaration was taken back be declared anew; what became of the goods still counts."""
    history = book.history(f"shipment:{event.data.shipment_id}")
    shipment.declared, shipment.declared_at = event.data, event.time
    shipment.lanes, shipment.draws, shipment.reservation = lanes_of(book, event.data), (), "none"
    replay_milestones(shipment, (past.event for past in history if not past.is_retracted))
    judge_new(book, shipment.lanes, event.time, event.name)


def as_declared(data: Declaration) -> ShipmentDeclared:
    """Return what a declaration or a correction says the shipment is."""
    return ShipmentDeclared(**{name: getattr(data, name) for name in Declaration.__struct_fields__})


def restate(book: Book, shipment: Shipment, declared: ShipmentDeclared, at: datetime, caused_by: str) -> Ending:
    """Let a shipment be as if it had been declared like this: judged as of its declaration, without what it draws."""
    before = masses_by_lane(book, shipment)
    shipment.declared, shipment.lanes = declared, lanes_of(book, declared)
    book.touch("shipment", declared.shipment_id)
    judge_new(book, shipment.lanes, shipment.declared_at, caused_by)
    if shipment.cleared_at is not None:
        after = masses_by_lane(book, shipment)
        for lane_id in sorted({*before, *after}):
            change = after.get(lane_id, 0) - before.get(lane_id, 0)
            lanes.on_recounted(book.lane(lane_id), book.plausible(shipment.cleared_at), change)
            book.touch("lane", lane_id)
    return conclude(book, shipment, _judged(book, shipment, caused_by), at, caused_by)


def on_milestone(book: Book, event: Event[ShipmentMilestone]) -> Ending:
    """Move a shipment on; waits while it is not declared or not decided.

    Raises PermanentError when the milestone contradicts what is known.
    """
    data = event.data
    shipment = book.shipments.get(data.shipment_id)
    if shipment is None or (shipment.outcome is None and not shipment.is_over):
        return Ending("parked", "", f"shipment:{data.shipment_id}")
    milestone, had_left = data.TYPE.rpartition(".")[2], shipment.progress in HAS_LEFT
    try:
        note = shipments.advance(shipment, milestone, event.time)
    except MilestoneRefused as refusal:
        raise PermanentError(str(refusal), pointer="/data/shipment_id") from refusal
    book.touch("shipment_moved", data.shipment_id)
    is_leaving = not had_left and shipment.progress in HAS_LEFT and shipment.outcome == "permitted"
    if is_leaving and (faults := lapsed(Case(shipment.declared, shipment.declared_at, book), event.time)):
        _decide(book, shipment, "held", with_effect("held", faults), (), event.time, event.name)
    settle(book, shipment, shipment.draws, event.time, event.name)
    if milestone != "cleared":
        return Ending("decided", note or milestone)
    if shipment.outcome != "permitted":
        return Ending("decided", f"cleared although {shipment.outcome}")
    if shipment.cleared_at is not None:
        return Ending("decided", "was cleared before")
    count_clearance(book, shipment, event.time, event.name)
    return Ending("decided", "cleared")


def may_review(shipment: Shipment, data: Review) -> bool:
    """Return whether an officer has anything to say: of what is held, and an override also of what is denied."""
    return shipment.outcome in (("held", "denied") if isinstance(data, ReviewOverridden) else ("held",))


def on_review(book: Book, event: Event[Review]) -> Ending:
    """Let an officer decide a shipment that the rules held or denied; waits while they have not decided.

    Raises PermanentError when there is nothing to review.
    """
    data = event.data
    shipment = book.shipments.get(data.shipment_id)
    if shipment is None or (shipment.outcome is None and not shipment.is_over):
        return Ending("parked", "", f"shipment:{data.shipment_id}")
    if shipment.is_over or not may_review(shipment, data):
        state = shipment.progress if shipment.is_over else shipment.outcome
        raise PermanentError(f"shipment {data.shipment_id} is {state}", pointer="/data/shipment_id")
    book.touch("shipment_moved", data.shipment_id)
    return review(book, shipment, data, event.time, event.name)


def review(book: Book, shipment: Shipment, data: Review, at: datetime, caused_by: str) -> Ending:
    """Let an officer's word take the place of every rule but a balance."""
    step = data.TYPE.rpartition(".")[2]
    said = Reason(rule=f"review.{step}", says=f"{step} by {data.officer}: {data.reason}")
    if isinstance(data, ReviewRejected):
        said = msgspec.structs.replace(said, effect="refused", remedy="an officer's override, or a correction")
        shipment.outcome = "denied"
        entries = settle(book, shipment, shipment.draws, at, caused_by)
        return _decide(book, shipment, "denied", (said,), entries, at, caused_by)
    verdict = _judged(book, shipment, caused_by, waived_by=data.officer)
    verdict.passed.insert(0, said)
    return conclude(book, shipment, verdict, at, caused_by)


def on_waited_too_long(book: Book, event: Event[ShipmentDeclared], waiting_for: str, at: datetime) -> Ending:
    """Hold a shipment whose licence did not come in time.

    Raises PermanentError when another event declared and concluded it meanwhile.
    """
    shipment = _undecided(book, event)
    came = "reopened" if waiting_for.startswith("quota:") else "seen"
    says = f"{waiting_for.replace(':', ' ', 1)} was not {came} within {book.policy.parking_days} days"
    return _decide(book, shipment, "held", (_awaited(waiting_for, says),), (), at, event.name)


def on_shared_out(book: Book, requests: list[Parked], at: datetime) -> list[tuple[Event[Any], Ending]]:
    """Decide what was asked on a pro-rata day, in the order in which it came, each with its share."""
    _, quota_id, _ = _allotment(requests[0].waiting_for)
    quota = book.quotas[quota_id]
    # A declaration that came again under another id asks for nothing more.
    first: dict[str, str] = {}
    for parked in requests:
        first.setdefault(entity_key(parked.event), parked.event.name)
    asked = [
        ((parked.event, line.line_no), mass_mg)
        for parked in requests
        if isinstance(parked.event.data, ShipmentDeclared) and first[entity_key(parked.event)] == parked.event.name
        for line in parked.event.data.lines
        if quota.concerns(parked.event.data, line.commodity)
        and (mass_mg := _mass_or_none(book, line, quota.terms.measure)) is not None
    ]
    shares = share_out([mass_mg for _, mass_mg in asked], book.account(quota.account_id).left)
    found: list[tuple[Event[Any], Ending]] = []
    for parked in requests:
        mine = {
            (quota_id, line_no): share
            for ((event, line_no), _), share in zip(asked, shares, strict=True)
            if event is parked.event
        }
        found.append((parked.event, _decide_with_share(book, parked.event, mine, at)))
    return found


def _decide_with_share(book: Book, event: Event[Any], shares: Mapping[tuple[str, int], int], at: datetime) -> Ending:
    try:
        shipment = _undecided(book, event)
    except PermanentError as error:
        return Ending("dead", error.reason, None, error.pointer)
    verdict = _judged(book, shipment, event.name, shares)
    if verdict.outcome is None:
        return Ending("parked", "", verdict.awaits[0].key, None, verdict.awaits[0].until)
    return conclude(book, shipment, verdict, at, event.name)


def parking_deadline(book: Book, event: Event[Any]) -> datetime:
    """Return until when an event may wait: some days from when it happened or, if that is later, was parked."""
    return max(event.time, book.clock or event.time) + timedelta(days=book.policy.parking_days)


def conclude(book: Book, shipment: Shipment, verdict: Verdict, at: datetime, caused_by: str) -> Ending:
    """Let a verdict stand: what is drawn follows it, and the decision before it no longer holds.

    A shipment that the rules would let wait now is held: it was decided once. What has left under
    a decision that no longer stands stays written off, since it was used.
    """
    outcome: Outcome = verdict.outcome or "held"
    reasons = verdict.reasons
    if verdict.outcome is None:
        waits = [_awaited(a.key, f"waits for {a.key.replace(':', ' ', 1)}") for a in verdict.awaits]
        reasons = (*waits, *reasons)
    was_used = shipment.reservation == "written_off" and outcome != "permitted"
    draws = shipment.draws if was_used else verdict.taken
    if outcome == "permitted" and shipment.left_at is not None and verdict.case.waived_by is None:
        # What has left is used; whether its papers still held then is for an officer to say.
        faults = lapsed(verdict.case, shipment.left_at)
        outcome = "held" if faults else "permitted"
        reasons = (*with_effect("held", faults), *reasons)
    shipment.outcome = outcome
    entries = settle(book, shipment, draws, at, caused_by)
    ending = _decide(book, shipment, outcome, reasons, entries, at, caused_by)
    if outcome == "permitted" and shipment.progress in HAS_LEFT and shipment.cleared_at is None:
        count_clearance(book, shipment, at, caused_by)
    return ending


def settle(book: Book, shipment: Shipment, draws: tuple[Draw, ...], at: datetime, caused_by: str) -> tuple[str, ...]:
    """Bring the ledger to where outcome and progress say that it shall be."""
    phase = shipments.reservation_for(shipment, bool(draws))
    return settle_shipment(book, shipment, draws, phase, at, caused_by)


def withdraw(book: Book, shipment: Shipment, reasons: tuple[Reason, ...], at: datetime, caused_by: str) -> Ending:
    """Let a shipment be as if it had never been declared."""
    if shipment.cleared_at is not None:
        uncount_clearance(book, shipment)
    shipment.progress = "retracted"
    entries = settle(book, shipment, shipment.draws, at, caused_by)
    book.touch("shipment", shipment.declared.shipment_id)
    if shipment.outcome is None:
        return Ending("decided", "withdrawn")
    return _decide(book, shipment, "withdrawn", reasons, entries, at, caused_by)


def count_clearance(book: Book, shipment: Shipment, at: datetime, caused_by: str) -> None:
    """Count what cleared in the shipment's lanes."""
    shipment.cleared_at = at
    for lane_id, mass_mg in masses_by_lane(book, shipment).items():
        lane = book.lane(lane_id)
        if lane.stats.gate_reasons and lanes.is_about_to_flow(lane, book.policy):
            # What the change says of the licences must be what they have left now.
            refresh_gates(book, (lane_id,), at, caused_by)
        record(book, lane, lanes.on_cleared(lane, book.plausible(at), mass_mg, book.policy), caused_by)


def uncount_clearance(book: Book, shipment: Shipment) -> None:
    """Take what had cleared out of the shipment's lanes again."""
    if shipment.cleared_at is None:
        return
    for lane_id, mass_mg in masses_by_lane(book, shipment).items():
        lanes.on_recounted(book.lane(lane_id), book.plausible(shipment.cleared_at), -mass_mg)
        book.touch("lane", lane_id)
    shipment.cleared_at = None


def lanes_of(book: Book, declared: Declaration) -> tuple[str, ...]:
    """Return the lanes that a declaration's goods move on."""
    groups = tuple(dict.fromkeys(g for line in declared.lines for g in book.policy.groups_of(line.commodity)))
    return lanes.lane_ids(groups, declared.origin, (declared.destination,))


def _judged(
    book: Book,
    shipment: Shipment,
    caused_by: str,
    allotted: Mapping[tuple[str, int], int] = NO_SHARES,
    waived_by: str | None = None,
) -> Verdict:
    declared, at = shipment.declared, shipment.declared_at
    for quota in book.quotas.values():
        if quota.terms.monthly_cap is not None and quota.in_period(at):
            _open_month(
                book,
                quota.terms.monthly_cap.mg,
                [
                    part.account_id
                    for line in declared.lines
                    if quota.concerns(declared, line.commodity)
                    for part in quota.parts(declared, line.commodity, at)
                    if part.rule == "quota.month"
                ],
                caused_by,
            )
    return judge(Case(declared, at, book, shipment.own, allotted, waived_by))


def _open_month(book: Book, cap_mg: int, account_ids: list[str], caused_by: str) -> None:
    for account_id in account_ids:
        if not book.account(account_id).entries:
            regrant(book, account_id, "MGM", cap_mg, Cause(caused_by))


def _awaited(key: str, says: str) -> Reason:
    """Return why a shipment is held that waits for something."""
    kind, _, name = key.partition(":")
    came = {"licence": f"licence {name} is issued", "quota": f"quota {name} is reopened"}.get(kind, "the day has ended")
    remedy = f"correct the shipment once {came}, or let an officer release it"
    return Reason(rule="licence.awaited", says=says, remedy=remedy, effect="held")


def _undecided(book: Book, event: Event[ShipmentDeclared]) -> Shipment:
    shipment = book.shipments[event.data.shipment_id]
    if shipment.outcome is not None or shipment.is_over:
        raise PermanentError(f"shipment {event.data.shipment_id} was declared before", pointer="/data/shipment_id")
    book.touch("shipment", event.data.shipment_id)
    return shipment


def _decide(
    book: Book,
    shipment: Shipment,
    outcome: str,
    reasons: tuple[Reason, ...],
    entries: tuple[str, ...],
    at: datetime,
    caused_by: str,
) -> Ending:
    """Record and announce a decision; one that stood before is superseded."""
    before = shipment.decision_id if shipment.decisions else None
    shipment.outcome = None if outcome == "withdrawn" else outcome  # type: ignore[assignment]
    shipment.decisions += 1
    ids = (shipment.decision_id, shipment.declared.shipment_id)
    named = tuple(dict.fromkeys(name for line in shipment.declared.lines for name in line.licences))
    decision = Decision(*ids, outcome, reasons, entries, caused_by, at, before, named)
    book.decisions.append(decision)
    if before is not None:
        book.superseded[before] = decision.decision_id
    shipment_decided(book, shipment, decision)
    if before is None:
        for lane_id in shipment.lanes:
            lane = book.lane(lane_id)
            refused = outcome != "permitted"
            record(book, lane, lanes.on_decided(lane, book.plausible(at), refused, book.policy), caused_by)
    return Ending("decided", outcome)


def _allotment(waiting_for: str) -> tuple[str, str, str]:
    kind, _, rest = waiting_for.partition(":")
    quota_id, _, day = rest.rpartition(":")
    return kind, quota_id, day


def _mass_or_none(book: Book, line: Any, measure: Any) -> int | None:
    try:
        return measured(line, measure, book.policy).mass_mg
    except Unmeasurable:
        return None
