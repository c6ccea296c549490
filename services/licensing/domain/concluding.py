"""Lets a verdict stand: what is drawn follows it, the decision before it falls, lanes and subscribers hear."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

import msgspec

from services.licensing.domain import flow, shipments
from services.licensing.domain.announcing import shipment_decided
from services.licensing.domain.book import NOT_ASKED, Asked, Book, Decision, Ending
from services.licensing.domain.findings import findings_raised
from services.licensing.domain.ledger import Cause, Draw
from services.licensing.domain.monitoring.basis import basis_of
from services.licensing.domain.on_lanes import (
    count_clearance,
    judge_new,
    masses_by_lane,
    record,
    uncount_clearance,
)
from services.licensing.domain.posting import regrant, settle_shipment
from services.licensing.domain.rules.evidence import lapsed
from services.licensing.domain.rules.judging import judge
from services.licensing.domain.rules.verdict import Case, Verdict, with_effect
from services.licensing.domain.shipments import HAS_LEFT, Shipment
from shared.events import (
    Declaration,
    Outcome,
    Reason,
    ShipmentDeclared,
)

NO_SHARES: Mapping[tuple[str, int], int] = MappingProxyType({})


def judged(
    book: Book,
    shipment: Shipment,
    caused_by: str,
    allotted: Mapping[tuple[str, int], int] = NO_SHARES,
    waived_by: str | None = None,
) -> Verdict:
    """Return what the rules say of a shipment as of its declaration, without what it draws itself. Raises Missing."""
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
    return judge(Case(declared, at, book, shipment.own, allotted, waived_by, shipment.decisions))


def _open_month(book: Book, cap_mg: int, account_ids: list[str], caused_by: str) -> None:
    for account_id in account_ids:
        if book.account(account_id).granted != cap_mg:
            regrant(book, account_id, "MGM", cap_mg, Cause(caused_by))


def conclude(book: Book, shipment: Shipment, verdict: Verdict, at: datetime, caused_by: str) -> Ending:
    """Let a verdict stand: what is drawn follows it, and the decision before it no longer holds.

    A shipment that the rules would let wait now is held: it was decided once. What has left under
    a decision that no longer stands stays written off, since it was used.
    """
    outcome: Outcome = verdict.outcome or "held"
    reasons = verdict.reasons
    if verdict.outcome is None:
        waits = [awaited(a.key, f"waits for {a.key.replace(':', ' ', 1)}") for a in verdict.awaits]
        reasons = (*waits, *reasons)
    asked = Asked(verdict.rulebook, tuple(verdict.noticed), basis_of(verdict.case, shipment.lanes, verdict.quotas))
    was_used = shipment.reservation == "written_off" and outcome != "permitted"
    draws = shipment.draws if was_used else verdict.taken
    if outcome == "permitted" and shipment.left_at is not None and verdict.case.waived_by is None:
        # What has left is used; whether its papers still held then is for an officer to say.
        faults = lapsed(verdict.case, shipment.left_at)
        outcome = "held" if faults else "permitted"
        reasons = (*with_effect("held", faults), *reasons)
    shipment.outcome = outcome
    entries = settle(book, shipment, draws, at, caused_by)
    ending = decide(book, shipment, Ruling(outcome, reasons, entries, asked), at, caused_by)
    if outcome == "permitted" and shipment.progress in HAS_LEFT and shipment.cleared_at is None:
        count_clearance(book, shipment, at, caused_by)
    return ending


class Ruling(msgspec.Struct, frozen=True):
    """What a decision says, and the ledger entries that it made."""

    outcome: str
    reasons: tuple[Reason, ...]
    entries: tuple[str, ...] = ()
    asked: Asked = NOT_ASKED


def decide(
    book: Book,
    shipment: Shipment,
    ruling: Ruling,
    at: datetime,
    caused_by: str,
) -> Ending:
    """Record and announce a decision; one that stood before is superseded."""
    before, outcome = shipment.decision_id if shipment.decisions else None, ruling.outcome
    shipment.outcome = None if outcome == "withdrawn" else outcome  # type: ignore[assignment]
    shipment.decisions += 1
    ids = (shipment.decision_id, shipment.declared.shipment_id)
    named = tuple(dict.fromkeys([name for line in shipment.declared.lines for name in line.licences]))
    decision = Decision(*ids, outcome, ruling.reasons, ruling.entries, caused_by, at, before, named, ruling.asked)
    book.decisions.append(decision)
    if before is not None:
        book.superseded[before] = decision.decision_id
    shipment_decided(book, shipment, decision)
    findings_raised(book, shipment, decision)
    if before is None:
        plausible, refused = book.plausible(at), outcome != "permitted"
        for lane_id in shipment.lanes:
            lane = book.lane(lane_id)
            record(book, lane, flow.on_decided(lane, plausible, refused, book.policy), caused_by)
    return Ending("decided", outcome)


def awaited(key: str, says: str) -> Reason:
    """Return why a shipment is held that waits for something."""
    kind, _, name = key.partition(":")
    came = {"licence": f"licence {name} is issued", "quota": f"quota {name} is reopened"}.get(kind, "the day has ended")
    remedy = f"correct the shipment once {came}, or let an officer release it"
    return Reason(rule="licence.awaited", says=says, remedy=remedy, effect="held")


def settle(book: Book, shipment: Shipment, draws: tuple[Draw, ...], at: datetime, caused_by: str) -> tuple[str, ...]:
    """Bring the ledger to where outcome and progress say that it shall be."""
    phase = shipments.reservation_for(shipment, bool(draws))
    names = settle_shipment(book, shipment, draws, phase, at, caused_by)
    if phase == "given_back" and not shipment.is_over:
        shipment.draws = ()  # Denied: should it leave all the same, there is nothing that it may use.
    return names


def restate(book: Book, shipment: Shipment, declared: ShipmentDeclared, at: datetime, caused_by: str) -> Ending:
    """Let a shipment be as if it had been declared like this: judged as of its declaration, without what it draws."""
    before = masses_by_lane(book, shipment)
    shipment.declared, shipment.lanes = declared, lanes_of(book, declared)
    book.touch("shipment", declared.shipment_id)
    judge_new(book, shipment.lanes, shipment.declared_at, caused_by)
    if shipment.cleared_at is not None:
        after = masses_by_lane(book, shipment)
        for lane_id in sorted({*before, *after}):
            shipments = (lane_id in after) - (lane_id in before)
            mass_mg = after.get(lane_id, 0) - before.get(lane_id, 0)
            flow.on_recounted(book.lane(lane_id), book.plausible(shipment.cleared_at), shipments, mass_mg)
            book.touch("lane", lane_id)
    return conclude(book, shipment, judged(book, shipment, caused_by), at, caused_by)


def withdraw(book: Book, shipment: Shipment, reasons: tuple[Reason, ...], at: datetime, caused_by: str) -> Ending:
    """Let a shipment be as if it had never been declared."""
    if shipment.cleared_at is not None:
        uncount_clearance(book, shipment)
    shipment.progress = "retracted"
    entries = settle(book, shipment, shipment.draws, at, caused_by)
    book.touch("shipment", shipment.declared.shipment_id)
    if shipment.outcome is None:
        return Ending("decided", "withdrawn")
    return decide(book, shipment, Ruling("withdrawn", reasons, entries), at, caused_by)


def lanes_of(book: Book, declared: Declaration) -> tuple[str, ...]:
    """Return the lanes that a declaration's goods move on."""
    groups = tuple(dict.fromkeys(g for line in declared.lines for g in book.policy.groups_of(line.commodity)))
    return book.policy.lane_ids(groups, declared.origin, (declared.destination,), declared.exporter)


def as_declared(data: Declaration) -> ShipmentDeclared:
    """Return what a declaration or a correction says the shipment is."""
    return ShipmentDeclared(**{name: getattr(data, name) for name in Declaration.__struct_fields__})
