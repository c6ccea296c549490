"""What the passing of time brings: validity that begins or ends, days that close, waiting that is over."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from services.licensing.domain import flow, lanes, on_sources, on_stockpiling
from services.licensing.domain.book import Book, Ending
from services.licensing.domain.licences import step_by_date
from services.licensing.domain.on_lanes import lanes_of_quota, lanes_of_regime, record, refresh_gates
from services.licensing.domain.on_licences import on_date
from services.licensing.domain.on_quotas import open_due_tranches
from services.licensing.domain.quotas import Quota
from services.licensing.domain.regimes import Regime
from shared.cloudevents import Event
from shared.events import ClockTicked

MOST_DAYS_AT_ONCE = 400
"""Days further back are not caught up, whatever an event of long ago says; a year of silence says all there is."""
DUE_AT_ONCE = 10_000
"""So many licences at most begin or end with one tick, so that no tick takes long."""


def on_tick(book: Book, event: Event[ClockTicked]) -> Ending:
    """Let everything due up to the tick happen, in the order of its time. Time never runs backwards."""
    now, before = event.data.now, book.clock
    if before is not None and now <= before:
        return Ending("decided", "an earlier tick than the last one")
    book.clock = now
    book.touch("clock", "")
    for at, kind, key in sorted(_due(book, before, now)):
        if kind == "regime":
            refresh_gates(book, lanes_of_regime(book, book.regimes[key]), at, event.name)
        elif kind == "quota":
            open_due_tranches(book, key, at, event.name)
            refresh_gates(book, lanes_of_quota(book, book.quotas[key]), at, event.name)
        else:
            on_date(book, key, at, event.name)
    _close_days(book, before, now, event.name)
    on_sources.on_ticked(book, before, now, event.name)
    return Ending("decided", "applied")


def _due(book: Book, before: datetime | None, now: datetime) -> set[tuple[datetime, str, str]]:
    """Return what falls due after the tick before, up to now; before the first tick lies nothing."""
    moments = moments_of(book.regimes, book.quotas)
    due = {each for each in moments if each[0] <= now and (before is None or each[0] > before)}
    return due | _due_licences(book, now)


def moments_of(regimes: Mapping[str, Regime], quotas: Mapping[str, Quota]) -> Iterator[tuple[datetime, str, str]]:
    """Yield when something about a regime or quota changes by itself, with its kind and id."""
    for regime_id, regime in regimes.items():
        yield from ((at, "regime", regime_id) for at in regime.boundaries())
    for quota_id, quota in quotas.items():
        yield from ((at, "quota", quota_id) for at in quota.boundaries())
        yield from ((tranche.opens_at, "quota", quota_id) for tranche in quota.tranches)


def _due_licences(book: Book, now: datetime) -> set[tuple[datetime, str, str]]:
    """Return the licences that begin or end by now, the earliest first; those beyond the limit come with later ticks.

    What a shipment may draw follows a licence's dates, not its state; so only the lanes wait for those.
    """
    issued_here = book.touched.get("licence", set())
    due = []
    for licence_id in book.due_licences | issued_here:
        licence = book.licence(licence_id)
        if licence.terms is not None and step_by_date(licence, now) is not None:
            begins = licence.state == "issued" and licence.terms.valid_from
            due.append((begins or licence.terms.valid_until, licence_id, licence.terms.valid_until))
    found = set()
    for first, licence_id, until in sorted(due)[:DUE_AT_ONCE]:
        found |= {(at, "licence", licence_id) for at in (first, until) if at <= now}
    return found


def _close_days(book: Book, before: datetime | None, now: datetime, caused_by: str) -> None:
    """Close every lane's days up to yesterday; a lane that was silent all the while is caught up."""
    today = now.astimezone(UTC).toordinal()
    if before is not None and before.astimezone(UTC).toordinal() == today:
        return
    awaited = on_stockpiling.awaited_regimes(book, today)
    for lane_id in sorted(book.lanes):
        lane = book.lanes[lane_id]
        first = max(_first_open_day(lane, today), today - MOST_DAYS_AT_ONCE)
        if lane.stats.gate_reasons:
            refresh_gates(book, (lane_id,), datetime.fromordinal(today).replace(tzinfo=UTC), caused_by)
        for day in range(first, today):
            cleared = lane.stats.cleared.get(day, (0, 0))
            on_stockpiling.on_day(book, lane, day, cleared, awaited, caused_by)
            record(book, lane, flow.on_day_closed(lane, day, book.policy), caused_by, now)


def _first_open_day(lane: lanes.Lane, today: int) -> int:
    """Return the first day not closed yet; a lane that never had anything has none."""
    stats = lane.stats
    if stats.closed_through is not None:
        return stats.closed_through + 1
    return min([*stats.cleared, today])
