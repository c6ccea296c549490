"""What authorities publish, as events: regimes, suspensions, batches and their licences."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from lanewatch.demo.figures import Fact, Figures
from lanewatch.demo.licences import Licence, batch_id, midnight
from shared.cloudevents import JSON, Event
from shared.events import (
    Destinations,
    LicenceBatchIssued,
    LicenceIssued,
    LicenceLine,
    RegimeAnnounced,
    RegimeSuspended,
    Selector,
    TradeData,
)
from shared.masses import Mass

AUTHORITY = "/authority/mofcom"
ORIGIN = "CN"
MAGNET_HS = "850511"
NO_18 = "MOFCOM-GAC 2025 No. 18"


def event(source: str, event_id: str, time: datetime, data: TradeData) -> Event[TradeData]:
    """Return an event of the contract."""
    return Event(
        specversion="1.0", id=event_id, source=source, type=data.TYPE, time=time, datacontenttype=JSON, data=data
    )


def kilogram(mass_kg: int) -> Mass:
    """Return a mass as the contract writes it."""
    return Mass(Decimal(mass_kg))


def published(figures: Figures, issued: Sequence[Licence]) -> list[Event[Any]]:
    """Return the events of all facts in the order of their dates."""
    found: list[Event[Any]] = []
    for fact in sorted(figures.facts, key=lambda fact: fact.day):
        match fact.kind:
            case "regime-announced":
                found.append(_announced(figures, fact))
            case "regime-suspended":
                found += _suspended(fact)
            case _:
                found += _batch(figures, fact, [one for one in issued if one.batch_id == batch_id(fact)])
    return found


def _announced(figures: Figures, fact: Fact) -> Event[Any]:
    goods = figures.assumed.measure_goods.value[fact.measure]
    data = RegimeAnnounced(
        regime_id=regime_id(fact.measure),
        authority=fact.measure.split(" ", 1)[0],
        licensed_by="MOFCOM",
        title=goods.title,
        origin=ORIGIN,
        covers=goods.covers,
        effective_from=midnight(fact.effective or fact.day),
    )
    return event(AUTHORITY, fact.id, midnight(fact.day), data)


def _suspended(fact: Fact) -> Iterator[Event[Any]]:
    for measure in fact.suspends:
        data = RegimeSuspended(
            regime_id=regime_id(measure),
            suspended_from=midnight(fact.day),
            suspended_until=midnight(fact.suspended_until) if fact.suspended_until else None,
            reason=fact.measure,
        )
        yield event(AUTHORITY, f"{fact.id}-{data.regime_id}", midnight(fact.day), data)


def regime_id(measure: str) -> str:
    """Return the id of a measure, e.g. `CN-2025-18` of `MOFCOM-GAC 2025 No. 18`."""
    _, year, _, number = measure.split(" ")
    return f"{ORIGIN}-{year}-{number}"


def _batch(figures: Figures, fact: Fact, issued: Sequence[Licence]) -> Iterator[Event[Any]]:
    covers = (magnets_of(figures),)
    data = LicenceBatchIssued(
        batch_id=batch_id(fact),
        authority="MOFCOM",
        title=figures.assumed.licences_by_fact.value[fact.id].title,
        origin=ORIGIN,
        covers=covers,
        destinations=Destinations(include=tuple(sorted({c for one in issued for c in one.destinations}))),
        # where only the fact of approvals was made public, their number is not
        licence_count=len(issued) if fact.evidence == "issue" else None,
    )
    yield event(AUTHORITY, fact.id, midnight(fact.day), data)
    for licence in issued:
        yield event(AUTHORITY, licence.licence_id, licence.valid_from, _terms(licence, covers[0]))


def magnets_of(figures: Figures) -> Selector:
    """Return which magnets No. 18 controls."""
    (controlled,) = figures.assumed.measure_goods.value[NO_18].covers
    return Selector(hs=(MAGNET_HS,), elements=controlled.elements, forms=("magnet",))


def _terms(licence: Licence, covers: Selector) -> LicenceIssued:
    return LicenceIssued(
        licence_id=licence.licence_id,
        kind=licence.kind,
        authority="MOFCOM",
        batch_id=licence.batch_id,
        exporter=licence.exporter,
        origin=ORIGIN,
        destinations=licence.destinations,
        valid_from=licence.valid_from,
        valid_until=licence.valid_until,
        lines=(LicenceLine(line_no=1, covers=covers, mass=kilogram(licence.mass_kg)),),
    )
