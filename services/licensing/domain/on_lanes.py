"""Keeps lanes in step with what happens to regimes, licences, quotas and shipments."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime

from services.licensing.domain import flow, lanes
from services.licensing.domain.alternatives import alternatives_to
from services.licensing.domain.announcing import lane_changed
from services.licensing.domain.book import Book, Missing
from services.licensing.domain.gates import judge_gate
from services.licensing.domain.lanes import Lane, LaneChange
from services.licensing.domain.licences import Licence
from services.licensing.domain.quotas import Quota
from services.licensing.domain.regimes import Regime
from services.licensing.domain.shipments import Shipment
from shared.events import WORLD, Selector


def refresh_gates(book: Book, lane_ids: Iterable[str], at: datetime, caused_by: str) -> None:
    """Work out the legal gate of the lanes anew. A late event is judged as of what is known already.

    Raises Missing.
    """
    wanted = tuple(lane_ids)
    missing = [i for i in wanted if not book.has_lane(i)]
    if missing:
        raise Missing("lane", *missing)
    for lane_id in wanted:
        lane = book.lane(lane_id)
        as_of = max(book.plausible(at), lane.stats.gate_as_of or book.plausible(at))
        before = lane.stats.before_shut
        is_undone = before is not None and book.retracted.get(before.shut_by) == caused_by
        change = flow.on_gate(lane, judge_gate(lane, as_of, book), as_of, caused_by, is_undone=is_undone)
        record(book, lane, change, caused_by, at)


def judge_new(book: Book, lane_ids: Iterable[str], at: datetime, caused_by: str) -> None:
    """Work out the legal gate of the lanes that have none yet."""
    if new := [i for i in lane_ids if book.lane(i).stats.gate_as_of is None]:
        refresh_gates(book, new, at, caused_by)


def record(
    book: Book, lane: Lane, change: LaneChange | None, caused_by: str, happened_at: datetime | None = None
) -> None:
    """Note that a lane was touched, and announce its change if it changed.

    `happened_at` is the time of what brought the change, where that is not the change's own. Raises Missing.
    """
    book.touch("lane", lane.lane_id)
    if change is None:
        return
    supersedes = _superseded(book, lane, change, caused_by, happened_at or change.at)
    lane.stats.brought_by = caused_by
    lane_changed(book, replace(change, supersedes=supersedes), caused_by, alternatives_to(book, lane))


def _superseded(book: Book, lane: Lane, change: LaneChange, caused_by: str, happened_at: datetime) -> str | None:
    """Return the alert of the change before if what brought it was taken back, or happened after what is told now."""
    is_taken_back = book.retracted.get(lane.stats.brought_by) == caused_by
    is_late = change.previous_since is not None and happened_at < change.previous_since
    return lanes.alert_id(change.lane_id, change.sequence - 1) if is_taken_back or is_late else None


def lanes_of_licence(licence: Licence) -> tuple[str, ...]:
    """Return the lanes that a licence may open."""
    return tuple(dict.fromkeys(lane_id for opened in licence.opens.values() for lane_id in opened))


def lanes_of_regime(book: Book, regime: Regime) -> tuple[str, ...]:
    """Return the lanes whose goods are all under the regime in some phase; it may shut them."""
    return _lanes_within(book, regime.terms.origin, regime.selectors(), regime.ever_covers_lane)


def lanes_of_quota(book: Book, quota: Quota) -> tuple[str, ...]:
    """Return the lanes of which nothing passes outside the quota."""
    return _lanes_within(book, quota.terms.origin, quota.terms.covers, quota.governs_lane)


def _lanes_within(
    book: Book, origin: str, covers: tuple[Selector, ...], is_within: Callable[[Selector, str, str | None], bool]
) -> tuple[str, ...]:
    """Return the lanes there are, and a group's lane to the world even if nothing went there yet."""
    found = []
    for group_id in book.policy.groups_within(covers):
        goods = book.policy.group(group_id).covers
        ends = {(WORLD, None), *((lane.destination, lane.exporter) for lane in book.family(group_id, origin))}
        found += [
            lanes.lane_id(group_id, origin, destination, exporter)
            for destination, exporter in ends
            if is_within(goods, origin, None if destination == WORLD else destination)
        ]
    return tuple(sorted(found))


def masses_by_lane(book: Book, shipment: Shipment) -> dict[str, int]:
    """Return how much of a shipment counts in each of its lanes, in milligrams."""
    declared, masses, policy = shipment.declared, dict.fromkeys(shipment.lanes, 0), book.policy
    for line in declared.lines:
        groups = policy.groups_of(line.commodity)
        mass_mg = line.net_mass.mg
        for lane_id in policy.lane_ids(groups, declared.origin, (declared.destination,), declared.exporter):
            masses[lane_id] = masses.get(lane_id, 0) + mass_mg
    return masses


def count_clearance(book: Book, shipment: Shipment, at: datetime, caused_by: str) -> None:
    """Count what cleared in the shipment's lanes."""
    shipment.cleared_at, plausible = at, book.plausible(at)
    for lane_id, mass_mg in masses_by_lane(book, shipment).items():
        lane = book.lane(lane_id)
        if lane.stats.gate_reasons and flow.is_about_to_flow(lane, book.policy):
            # What the change says of the licences must be what they have left now.
            refresh_gates(book, (lane_id,), at, caused_by)
        record(book, lane, flow.on_cleared(lane, plausible, mass_mg, book.policy), caused_by)


def uncount_clearance(book: Book, shipment: Shipment) -> None:
    """Take what had cleared out of the shipment's lanes again."""
    if shipment.cleared_at is None:
        return
    for lane_id, mass_mg in masses_by_lane(book, shipment).items():
        flow.on_recounted(book.lane(lane_id), book.plausible(shipment.cleared_at), -1, -mass_mg)
        book.touch("lane", lane_id)
    shipment.cleared_at = None
