"""A lane's flow state: a table over its legal gate and what is seen to clear, with evidence for each change.

What clears is added up by day and watched by the charts of `detection`, which know each lane's usual rate
 and tell at a stated rate of false changes. A gate that was shut makes a new beginning, with nothing known.
The first reason of a change says who made it: `lane.gate.…` the law or a quota, `lane.flow.…` what is seen.
"""

from datetime import UTC, datetime

from services.licensing.domain.detection.thresholds import YEARS_BETWEEN_FALSE_CHANGES
from services.licensing.domain.detection.watching import Level, Turn, Watch, close_day, on_shipment, recount
from services.licensing.domain.lanes import BeforeShut, Flow, Gate, GateLevel, Lane, LaneChange, LaneStats
from services.licensing.domain.policy import Policy
from shared.events import FlowState, Reason
from shared.masses import spoken

STATE: dict[tuple[GateLevel, Flow], FlowState | None] = {
    ("shut", "none"): "restricted",
    ("shut", "starting"): "restricted",
    ("shut", "normal"): "restricted",
    ("shut", "low"): "restricted",
    ("shut", "stopped"): "restricted",
    ("critical", "none"): None,
    ("critical", "starting"): None,
    ("critical", "normal"): "constrained",
    ("critical", "low"): "constrained",
    ("critical", "stopped"): "restricted",
    ("open", "none"): None,
    ("open", "starting"): None,
    ("open", "normal"): "flowing",
    ("open", "low"): "constrained",
    ("open", "stopped"): "restricted",
}
"""What a lane is. None: it stays what it was, until enough has cleared or it has been silent for long."""
MONTH_DAYS = 30
MG_PER_KG = 1_000_000
FLOW_AT: dict[Level, Flow] = {"learning": "normal", "usual": "normal", "low": "low", "stopped": "stopped"}
"""What a lane's flow is at a level of the charts."""


def on_gate(lane: Lane, gate: Gate, at: datetime, caused_by: str = "", *, is_undone: bool = False) -> LaneChange | None:
    """Take note of what the law says now.

    `is_undone`: what shut the gate was taken back, so the lane is again what it was before.
    """
    stats = lane.stats
    was_shut, before = stats.gate == "shut", stats.before_shut
    if gate.level == "shut" and not was_shut:
        stats.before_shut = _before_shut(lane, caused_by)
        _begin_anew(stats)
    if gate.level != "shut" and was_shut:
        stats.last_active_day, stats.decided, stats.is_refused = _day(at), {}, False
        stats.before_shut = None
    stats.gate, stats.gate_reasons, stats.gate_as_of = gate.level, gate.reasons, at
    if gate.level != "shut" and before is not None and is_undone:
        return _restore(lane, at, before)
    return _settle(lane, at, ())


def _before_shut(lane: Lane, shut_by: str) -> BeforeShut:
    stats = lane.stats
    return BeforeShut(
        shut_by=shut_by,
        state=lane.state,
        flow=stats.flow,
        watch=stats.watch,
        flow_reasons=stats.flow_reasons,
        confirmations=stats.confirmations,
        confirmed_mg=stats.confirmed_mg,
        confirming_since=stats.confirming_since,
    )


def _restore(lane: Lane, at: datetime, before: BeforeShut) -> LaneChange | None:
    """Let a lane be what it was; its charts know nothing of the days since."""
    stats = lane.stats
    stats.flow, stats.watch, stats.flow_reasons = before.flow, before.watch, before.flow_reasons
    stats.confirmations, stats.confirmed_mg = before.confirmations, before.confirmed_mg
    stats.confirming_since = before.confirming_since
    state = STATE[stats.gate, stats.flow] or before.state
    if state == lane.state:
        return None
    says = "what had shut it was taken back"
    return _change(lane, state, at, (Reason(rule="lane.gate.taken_back", says=says), *stats.gate_reasons))


def on_cleared(lane: Lane, at: datetime, mass_mg: int, policy: Policy) -> LaneChange | None:
    """Count a clearance; enough of them make a shut or silent lane flow again."""
    stats, day = lane.stats, _day(at)
    _count(stats, day, 1, mass_mg)
    if stats.last_active_day is None or day > stats.last_active_day:
        stats.last_active_day = day
    if stats.gate == "shut":
        return None
    if stats.flow not in ("none", "starting"):
        return _on_return(lane, at, day) if stats.watch.back_from else None
    stats.flow = "starting"
    stats.confirmations += 1
    stats.confirmed_mg += mass_mg
    stats.confirming_since = min(at, stats.confirming_since or at)
    if stats.confirmations < policy.confirm_clearances:
        return None
    stats.flow = "normal"
    figures = {
        "shipments": str(stats.confirmations),
        "mass": spoken(stats.confirmed_mg),
        "since": stats.confirming_since.isoformat(),
    }
    since = _date(stats.confirming_since)
    says = f"{stats.confirmations} shipments with {spoken(stats.confirmed_mg)} cleared since {since}"
    return _settle(lane, at, (Reason(rule="lane.flow.confirmed", says=says, figures=figures),))


def on_recounted(lane: Lane, at: datetime, shipments: int, mass_mg: int) -> None:
    """Add to what cleared at a time, or take away from it; no state follows."""
    _count(lane.stats, _day(at), shipments, mass_mg)


def is_about_to_flow(lane: Lane, policy: Policy) -> bool:
    """Return whether one more clearance makes the lane flow."""
    stats = lane.stats
    is_waiting = stats.gate != "shut" and stats.flow in ("none", "starting")
    return is_waiting and stats.confirmations + 1 >= policy.confirm_clearances


def on_decided(lane: Lane, at: datetime, is_refused: bool, policy: Policy) -> LaneChange | None:
    """Count a decision; while too many are held or denied the lane is restricted."""
    stats, day = lane.stats, _day(at)
    total, refused = stats.decided.get(day, (0, 0))
    is_new = day not in stats.decided
    stats.decided[day] = (total + 1, refused + is_refused)
    if is_new:
        latest = max(stats.decided)
        stats.decided = {d: n for d, n in stats.decided.items() if d > latest - policy.refused_window_days}
    total = refused = 0
    for decisions, against in stats.decided.values():
        total, refused = total + decisions, refused + against
    was_refused = stats.is_refused
    stats.is_refused = total >= policy.refused_min_decisions and refused * 100 > total * policy.refused_percent
    if stats.is_refused == was_refused:
        return None
    says = f"{refused} of {total} shipments of the last {policy.refused_window_days} days were held or denied"
    return _settle(lane, at, (Reason(rule="lane.flow.refused", says=says),))


def on_day_closed(lane: Lane, day: int, policy: Policy) -> LaneChange | None:
    """Let the charts take in a day; `day` is the day after the last one closed."""
    stats = lane.stats
    stats.closed_through = day
    shipments, mass_mg = stats.cleared.get(day, (0, 0))
    stats.cleared = {other: sums for other, sums in stats.cleared.items() if other > day}
    at = datetime.fromordinal(day + 1).replace(tzinfo=UTC)
    turn = None
    if stats.gate != "shut" and stats.flow not in ("none", "starting"):
        turn = close_day(stats.watch, day, shipments, mass_mg, is_break=policy.is_break(lane.origin, day))
    silent_days = day - (stats.last_active_day or day)
    is_known = stats.watch.level in ("usual", "low")
    if silent_days >= policy.dormant_after_days and not is_known and lane.state != "dormant" and stats.gate != "shut":
        return _fall_silent(lane, at, silent_days)
    return _turn(lane, at, turn) if turn else None


def _on_return(lane: Lane, at: datetime, day: int) -> LaneChange | None:
    turn = on_shipment(lane.stats.watch, *lane.stats.cleared.get(day, (0, 0)))
    return _turn(lane, at, turn) if turn else None


def _turn(lane: Lane, at: datetime, turn: Turn) -> LaneChange | None:
    """Follow what the charts tell."""
    stats = lane.stats
    stats.flow = FLOW_AT[turn.level]
    evidence = (_spoken(turn, stats.flow),)
    stats.flow_reasons = () if stats.flow == "normal" else evidence
    return _settle(lane, at, evidence)


def _spoken(turn: Turn, flow: Flow) -> Reason:
    days = "1 day" if turn.days == 1 else f"{turn.days} days"
    shipments = "1 shipment" if turn.shipments == 1 else f"{turn.shipments} shipments"
    usual = f"{turn.per_day:.1f} a day" if turn.per_day >= 1 else f"{turn.per_day * MONTH_DAYS:.1f} a month"
    percent = round(100 * turn.worth / turn.expected) if turn.expected else 100
    figures = {
        "shipments": str(turn.shipments),
        "mass": spoken(round(turn.mass)),
        "days": str(turn.days),
        "percent_of_usual": str(percent),
        "usual_per_day": f"{turn.per_day:.3f}",
        "clumping": f"{turn.clumping:.1f}",
        "false_changes": f"1 in {YEARS_BETWEEN_FALSE_CHANGES} years",
    }
    if flow == "stopped":
        says = f"nothing cleared for {days}, where {usual} are usual"
    else:
        mass = spoken(round(turn.mass / MG_PER_KG) * MG_PER_KG)
        says = f"{shipments} with {mass} cleared in {days}, {percent} % of what is usual ({usual})"
    return Reason(rule=f"lane.flow.{flow}", says=says, figures=figures)


def _fall_silent(lane: Lane, at: datetime, silent_days: int) -> LaneChange:
    _begin_anew(lane.stats)
    return _change(
        lane, "dormant", at, (Reason(rule="lane.flow.silent", says=f"nothing cleared for {silent_days} days"),)
    )


def _settle(lane: Lane, at: datetime, evidence: tuple[Reason, ...]) -> LaneChange | None:
    stats = lane.stats
    state = STATE[stats.gate, stats.flow]
    is_by_gate = stats.gate == "shut" or (stats.gate == "critical" and stats.flow == "normal")
    if stats.is_refused and stats.flow != "none":
        state, is_by_gate = "restricted", stats.gate == "shut"
    if state is None or state == lane.state:
        return None
    seen = (*evidence, *(reason for reason in stats.flow_reasons if reason not in evidence))
    reasons = (*stats.gate_reasons, *seen) if is_by_gate else (*seen, *stats.gate_reasons)
    return _change(lane, state, at, reasons)


def _change(lane: Lane, state: FlowState, at: datetime, reasons: tuple[Reason, ...]) -> LaneChange:
    change = LaneChange(lane.lane_id, lane.sequence + 1, lane.state, state, at, reasons, lane.since)
    lane.state, lane.since, lane.sequence, lane.reasons = state, at, change.sequence, reasons
    return change


def _count(stats: LaneStats, day: int, shipments: int, mass_mg: int) -> None:
    """Add to a day; of one that is closed already the charts are told."""
    if stats.closed_through is None or day > stats.closed_through:
        seen, seen_mg = stats.cleared.get(day, (0, 0))
        stats.cleared[day] = (max(0, seen + shipments), max(0, seen_mg + mass_mg))
    else:
        recount(stats.watch, stats.closed_through - day, shipments, mass_mg)


def _begin_anew(stats: LaneStats) -> None:
    stats.flow, stats.confirmations, stats.confirmed_mg, stats.confirming_since = "none", 0, 0, None
    stats.watch, stats.flow_reasons = Watch(), ()


def _day(at: datetime) -> int:
    return (at if at.tzinfo is UTC else at.astimezone(UTC)).toordinal()


def _date(at: datetime) -> str:
    return at.astimezone(UTC).date().isoformat()
