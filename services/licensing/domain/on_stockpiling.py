"""Stockpiling: more than is usual clears in a lane before an announced regime begins."""

from datetime import UTC, datetime

from services.licensing.domain.book import Book
from services.licensing.domain.detection import surging
from services.licensing.domain.findings import stockpiling_noticed
from services.licensing.domain.lanes import Lane
from services.licensing.domain.regimes import Regime
from shared.events import WORLD


def awaited_regimes(book: Book, today: int) -> list[Regime]:
    """Return the regimes that begin after today, but not too long after it, the first one first."""
    found = [r for r in book.regimes.values() if 0 < _begins(r) - today <= surging.WINDOW_DAYS and r.ended_at is None]
    return sorted(found, key=lambda r: (r.terms.effective_from, r.terms.regime_id))


def on_day(book: Book, lane: Lane, day: int, cleared: tuple[int, int], awaited: list[Regime], caused_by: str) -> None:
    """Take in a closed day of a lane, with its shipments and their mass, while a regime over its goods is awaited."""
    stats, regime = lane.stats, _over(book, lane, awaited) if awaited and lane.exporter is None else None
    if regime is None or stats.gate == "shut":
        stats.surge = None
        return
    if stats.surge is None or stats.surge.awaited != regime.terms.regime_id:
        stats.surge = surging.begin(stats.watch, regime.terms.regime_id)
    if stats.surge is None or book.policy.is_break(lane.origin, day):
        return
    if surging.close_day(stats.surge, day, *cleared):
        at = datetime.fromordinal(day + 1).replace(tzinfo=UTC)
        stockpiling_noticed(book, lane, stats.surge.span, regime, at, caused_by)


def _over(book: Book, lane: Lane, awaited: list[Regime]) -> Regime | None:
    goods = book.policy.group(lane.commodity_group).covers
    destination = None if lane.destination == WORLD else lane.destination
    covering = (r for r in awaited if r.covers_lane(goods, lane.origin, destination, r.terms.effective_from))
    return next(covering, None)


def _begins(regime: Regime) -> int:
    return regime.terms.effective_from.astimezone(UTC).toordinal()
