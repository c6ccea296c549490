"""The findings that licensing publishes: what monitoring rules, sources, prices and lanes made it notice."""

from datetime import datetime, timedelta

from services.licensing.domain.announcing import announce, shipment_key, shipment_scope
from services.licensing.domain.book import Book, Decision, Noticed
from services.licensing.domain.detection.watching import Span
from services.licensing.domain.lanes import Lane
from services.licensing.domain.prices import PriceSeries, volatility_percent
from services.licensing.domain.regimes import Regime
from services.licensing.domain.shipments import Shipment
from services.licensing.domain.sources import Source, longest_gap
from shared import cloudevents
from shared.events import (
    EVERYWHERE,
    WORLD,
    FindingRaised,
    PriceNoticed,
    Scope,
    Severity,
    SourceNoticed,
    StockpilingNoticed,
)

SEVERITY: dict[str, Severity] = {
    "lanewatch.finding.source_silent": "warning",
    "lanewatch.finding.price_stressed": "warning",
}
"""Whatever is not listed is a notice; a rule's findings are as severe as the rule."""


def findings_raised(book: Book, shipment: Shipment, decision: Decision) -> None:
    """Announce what monitoring rules said of a decided shipment."""
    for noticed in decision.asked.noticed:
        # What only informs is for lists: one for every parcel would be noise.
        if not noticed.failure and noticed.rule.severity != "info":
            finding_raised(book, decision, noticed, shipment_scope(shipment), shipment_key(shipment))


def finding_raised(book: Book, decision: Decision, noticed: Noticed, scope: Scope, key: str) -> None:
    """Announce what a monitoring rule said of a shipment."""
    rule = noticed.rule
    data = FindingRaised(
        scope=scope,
        severity=rule.severity,
        headline=f"shipment {decision.shipment_id}: {noticed.says}",
        rule=rule.id,
        effect=rule.effect,
        rulebook=decision.asked.rulebook or "",
        shipment_id=decision.shipment_id,
        decision_id=decision.decision_id,
        caused_by=decision.caused_by,
        lines=noticed.lines,
        remedy=rule.remedy,
    )
    name = f"{decision.decision_id}/{rule.id}"
    book.alerts.append(cloudevents.alert("lanewatch.finding.raised", id=name, time=decision.at, key=key, data=data))


def source_noticed(book: Book, source: Source, step: str, at: datetime, caused_by: str) -> None:
    """Announce that a source went silent or is heard again, for each origin of which it tells."""
    groups: dict[str, list[str]] = {}
    for feed in source.feeds:
        group, _, origin = feed.partition(":")
        groups.setdefault(origin, []).append(group)
    gap = longest_gap(source) // timedelta(hours=1)
    since = source.last.strftime("%Y-%m-%d %H:%M UTC")
    if step == "silent":
        says = f"nothing of {source.source} was applied since {since}; its longest silence before was {gap} h"
    else:
        says = f"{source.source} is heard again, as of {since}"
    kind = f"lanewatch.finding.source_{step}"
    for origin in sorted(groups) or [EVERYWHERE]:
        scope = Scope(commodity_groups=tuple(groups.get(origin, ())), origin=origin, destinations=(EVERYWHERE,))
        data = SourceNoticed(
            scope=scope,
            severity=SEVERITY.get(kind, "notice"),
            headline=says,
            source=source.source,
            last_event_at=source.last,
            longest_gap_hours=gap,
            caused_by=caused_by,
        )
        announce(book, kind, at, scope, data, f"{caused_by} {source.source} {origin}")


def stockpiling_noticed(book: Book, lane: Lane, span: Span, regime: Regime, at: datetime, caused_by: str) -> None:
    """Announce that more than is usual clears in a lane before a regime begins."""
    kind, terms = "lanewatch.finding.stockpiling", regime.terms
    where = "the world" if lane.destination == WORLD else lane.destination
    percent, days = round(100 * span.worth / span.expected), f"{span.days} day{'s' * (span.days != 1)}"
    begins = terms.effective_from.date().isoformat()
    data = StockpilingNoticed(
        scope=Scope(commodity_groups=(lane.commodity_group,), origin=lane.origin, destinations=(lane.destination,)),
        severity=SEVERITY.get(kind, "notice"),
        headline=f"{lane.commodity_group} from {lane.origin} to {where}: {percent} % of the usual cleared in {days},"
        f" before {terms.title} takes effect on {begins}",
        lane_id=lane.lane_id,
        regime_id=terms.regime_id,
        effective_from=terms.effective_from,
        shipments=span.shipments,
        percent_of_usual=percent,
        days=span.days,
        caused_by=caused_by,
    )
    announce(book, kind, at, data.scope, data, f"{lane.lane_id} {terms.regime_id} {begins}")


def price_noticed(book: Book, series: PriceSeries, at: datetime, caused_by: str) -> None:
    """Announce that a price swings far more than usual, or no longer does."""
    now, usual = volatility_percent(series.now), volatility_percent(series.usual)
    money = f"{series.amount} {series.currency} a {'tonne' if series.per == 'TNE' else 'kilogram'}"
    kind = f"lanewatch.finding.price_{series.mood}"
    data = PriceNoticed(
        scope=Scope(commodity_groups=series.groups, origin=series.origin or EVERYWHERE, destinations=(EVERYWHERE,)),
        severity=SEVERITY.get(kind, "notice"),
        headline=f"{series.price_id} is {series.mood} at {money}: it swings by {now} % a year, {usual} % are usual",
        price_id=series.price_id,
        price=series.amount,
        currency=series.currency,
        per=series.per,
        volatility_percent=now,
        usual_percent=usual,
        caused_by=caused_by,
    )
    announce(book, kind, at, data.scope, data, f"{caused_by} {series.price_id}")
