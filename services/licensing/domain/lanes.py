"""A lane's flow state: a table over its legal gate and what is seen to clear, with evidence for each change.

The rate of clearances is the mean over the policy's window of closed days. It is compared with a
baseline: a running mean of the flowing days before the window, so that a drop does not water down
what it is measured against. A gate that was shut makes a new beginning, with a new baseline.
Per lane the memory is constant: a window of days and a few sums.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal, NamedTuple

import msgspec

from services.licensing.domain.policy import Policy
from shared.events import WORLD, FlowState, Reason
from shared.masses import spoken

GateLevel = Literal["open", "critical", "shut"]
Flow = Literal["none", "starting", "normal", "low"]

STATE: dict[tuple[GateLevel, Flow], FlowState | None] = {
    ("shut", "none"): "restricted",
    ("shut", "starting"): "restricted",
    ("shut", "normal"): "restricted",
    ("shut", "low"): "restricted",
    ("critical", "none"): None,
    ("critical", "starting"): None,
    ("critical", "normal"): "constrained",
    ("critical", "low"): "constrained",
    ("open", "none"): None,
    ("open", "starting"): None,
    ("open", "normal"): "flowing",
    ("open", "low"): "constrained",
}
"""What a lane is. None: it stays what it was, until enough has cleared or it has been silent for long."""


class Gate(NamedTuple):
    """Whether the law lets goods pass, with the reasons."""

    level: GateLevel
    reasons: tuple[Reason, ...]


class Opening(msgspec.Struct, frozen=True):
    """What the licences that open a lane have: mass granted and left, lines, and lines without a limit of mass."""

    granted: int = 0
    left: int = 0
    lines: int = 0
    unlimited: int = 0

    def __add__(self, other: "Opening") -> "Opening":
        """Return both together."""
        return Opening(
            self.granted + other.granted,
            self.left + other.left,
            self.lines + other.lines,
            self.unlimited + other.unlimited,
        )

    def __neg__(self) -> "Opening":
        """Return what takes this away."""
        return Opening(-self.granted, -self.left, -self.lines, -self.unlimited)


class LaneStats(msgspec.Struct, kw_only=True):
    """What a lane remembers. Days are proleptic ordinals in UTC; masses are milligrams."""

    opening: Opening = Opening()
    needs_licence: bool = False
    """As of the gate: some regime in force asks for a licence."""
    quota_level: GateLevel = "open"

    gate: GateLevel = "open"
    gate_reasons: tuple[Reason, ...] = ()
    gate_as_of: datetime | None = None
    flow: Flow = "none"
    is_refused: bool = False
    closed_through: int | None = None
    window: list[int] = []
    window_flowed: list[bool] = []
    open_days: dict[int, int] = {}
    baseline_mg: int = 0
    baseline_days: int = 0
    confirmations: int = 0
    confirmed_mg: int = 0
    confirming_since: datetime | None = None
    last_active_day: int | None = None
    decided: dict[int, tuple[int, int]] = {}
    """By day: decisions, and how many of them held or denied."""


@dataclass(slots=True)
class Lane:
    """A commodity group's way from an origin to a destination, or to the world."""

    commodity_group: str
    origin: str
    destination: str
    state: FlowState = "dormant"
    since: datetime | None = None
    sequence: int = 0
    reasons: tuple[Reason, ...] = ()
    stats: LaneStats = field(default_factory=LaneStats)

    @property
    def lane_id(self) -> str:
        """Group, origin and destination joined by colons."""
        return lane_id(self.commodity_group, self.origin, self.destination)


@dataclass(frozen=True, slots=True)
class LaneChange:
    """One change of flow state with its evidence."""

    lane_id: str
    sequence: int
    previous: FlowState
    state: FlowState
    at: datetime
    reasons: tuple[Reason, ...]


def lane_id(group: str, origin: str, destination: str) -> str:
    """Return the id of a lane."""
    return f"{group}:{origin}:{destination}"


def lane_ids(groups: tuple[str, ...], origin: str, destinations: tuple[str, ...]) -> tuple[str, ...]:
    """Return the ids of the groups' lanes to the destinations and to the world."""
    return tuple(lane_id(group, origin, d) for group in groups for d in (*destinations, WORLD))


def on_gate(lane: Lane, gate: Gate, at: datetime) -> LaneChange | None:
    """Take note of what the law says now."""
    stats = lane.stats
    if gate.level == "shut" and stats.gate != "shut":
        _begin_anew(stats)
    if gate.level != "shut" and stats.gate == "shut":
        stats.last_active_day, stats.decided, stats.is_refused = _day(at), {}, False
    stats.gate, stats.gate_reasons, stats.gate_as_of = gate.level, gate.reasons, at
    return _settle(lane, at, ())


def on_cleared(lane: Lane, at: datetime, mass_mg: int, policy: Policy) -> LaneChange | None:
    """Count a clearance; enough of them make a shut or silent lane flow again."""
    stats, day = lane.stats, _day(at)
    _count_mass(stats, day, mass_mg)
    stats.last_active_day = max(day, stats.last_active_day or day)
    if stats.gate == "shut" or stats.flow not in ("none", "starting"):
        return None
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


def on_recounted(lane: Lane, at: datetime, mass_mg: int) -> None:
    """Add to what cleared at a time, or take away from it where `mass_mg` is below zero; no state follows."""
    _count_mass(lane.stats, _day(at), mass_mg)


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
    total = sum([n for n, _ in stats.decided.values()])
    refused = sum([n for _, n in stats.decided.values()])
    was_refused = stats.is_refused
    stats.is_refused = total >= policy.refused_min_decisions and refused * 100 > total * policy.refused_percent
    if stats.is_refused == was_refused:
        return None
    says = f"{refused} of {total} shipments of the last {policy.refused_window_days} days were held or denied"
    return _settle(lane, at, (Reason(rule="lane.flow.refused", says=says),))


def on_day_closed(lane: Lane, day: int, policy: Policy) -> LaneChange | None:
    """Fold a day into the window and judge the rate; `day` is the day after the last one folded."""
    stats = lane.stats
    stats.closed_through = day
    stats.window.append(stats.open_days.pop(day, 0))
    stats.window_flowed.append(stats.flow == "normal")
    if len(stats.window) > policy.window_days:
        mass, flowed = stats.window.pop(0), stats.window_flowed.pop(0)
        if flowed and stats.flow == "normal":
            stats.baseline_days = min(stats.baseline_days + 1, policy.baseline_days)
            stats.baseline_mg += (mass - stats.baseline_mg) // stats.baseline_days
    at = datetime.fromordinal(day + 1).replace(tzinfo=UTC)
    silent_days = day - (stats.last_active_day or day)
    if silent_days >= policy.dormant_after_days and lane.state != "dormant" and stats.gate != "shut":
        return _fall_silent(lane, at, silent_days)
    return _judge_rate(lane, at, policy)


def _judge_rate(lane: Lane, at: datetime, policy: Policy) -> LaneChange | None:
    stats = lane.stats
    is_judged = len(stats.window) == policy.window_days and stats.baseline_days >= policy.min_baseline_days
    if not is_judged or stats.flow not in ("normal", "low"):
        return None
    rate_mg = sum(stats.window) // len(stats.window)
    percent = rate_mg * 100 // max(1, stats.baseline_mg)
    if stats.flow == "normal" and percent < policy.low_below_percent:
        stats.flow = "low"
    elif stats.flow == "low" and percent >= policy.normal_from_percent:
        stats.flow = "normal"
    else:
        return None
    word = "down to" if stats.flow == "low" else "back at"
    rate, baseline = _to_the_kilogram(rate_mg), _to_the_kilogram(stats.baseline_mg)
    figures = {"rate_per_day": rate, "baseline_per_day": baseline, "percent": str(percent)}
    says = (
        f"{rate} a day cleared over {policy.window_days} days, {word} {percent} % of the baseline of {baseline} a day"
    )
    return _settle(lane, at, (Reason(rule=f"lane.flow.{stats.flow}", says=says, figures=figures),))


def _fall_silent(lane: Lane, at: datetime, silent_days: int) -> LaneChange:
    _begin_anew(lane.stats)
    return _change(
        lane, "dormant", at, (Reason(rule="lane.flow.silent", says=f"nothing cleared for {silent_days} days"),)
    )


def _settle(lane: Lane, at: datetime, evidence: tuple[Reason, ...]) -> LaneChange | None:
    stats = lane.stats
    state = STATE[stats.gate, stats.flow]
    if stats.is_refused and stats.flow != "none":
        state = "restricted"
    if state is None or state == lane.state:
        return None
    return _change(lane, state, at, (*stats.gate_reasons, *evidence))


def _change(lane: Lane, state: FlowState, at: datetime, reasons: tuple[Reason, ...]) -> LaneChange:
    change = LaneChange(lane.lane_id, lane.sequence + 1, lane.state, state, at, reasons)
    lane.state, lane.since, lane.sequence, lane.reasons = state, at, change.sequence, reasons
    return change


def _count_mass(stats: LaneStats, day: int, mass_mg: int) -> None:
    """Add to a day; one that is closed already is corrected while it is still in the window."""
    if stats.closed_through is None or day > stats.closed_through:
        stats.open_days[day] = max(0, stats.open_days.get(day, 0) + mass_mg)
    elif stats.closed_through - day < len(stats.window):
        place = day - stats.closed_through - 1
        stats.window[place] = max(0, stats.window[place] + mass_mg)


def _begin_anew(stats: LaneStats) -> None:
    stats.flow, stats.confirmations, stats.confirmed_mg, stats.confirming_since = "none", 0, 0, None
    stats.window, stats.window_flowed, stats.baseline_mg, stats.baseline_days = [], [], 0, 0


def _day(at: datetime) -> int:
    return at.astimezone(UTC).toordinal()


def _to_the_kilogram(mass_mg: int) -> str:
    return spoken(round(mass_mg, -6))


def _date(at: datetime) -> str:
    return at.astimezone(UTC).date().isoformat()
