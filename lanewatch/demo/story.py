"""The whole story as days: what is posted on each, in which order, the same in every run."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any

from lanewatch.demo.cells import DAY, cells
from lanewatch.demo.figures import KG_PER_T, Figures
from lanewatch.demo.licences import Licence, assign, licences, sized
from lanewatch.demo.regulation import event, published
from lanewatch.demo.shipments import Shipment, draw, plan_of
from lanewatch.demo.voyages import hastened, stopped, unlicensed, voyages
from shared.cloudevents import Event, write
from shared.events import ClockTicked

CLOCK = "/demo/clock"


class Day:
    """One day. Each wave is posted when the one before has been dealt with; the tick closes the day."""

    def __init__(self, day: date) -> None:
        self.date = day
        self.early: list[Event[Any]] = []
        """Declarations that name a licence which is posted after them."""
        self.published: list[Event[Any]] = []
        self.trade: list[Event[Any]] = []

    @property
    def waves(self) -> list[list[Event[Any]]]:
        """What is posted, in order."""
        return [wave for wave in (self.early, self.published, self.trade, [self.tick]) if wave]

    @property
    def tick(self) -> Event[Any]:
        """The event that says that the day is over."""
        now = _midnight_after(self.date)
        return event(CLOCK, f"tick-{now.date()}", now, ClockTicked(now=now))


class Story:
    """The days of the replay, with the shipments and licences that they tell of."""

    def __init__(self, days: list[Day], shipments: list[Shipment], issued: list[Licence]) -> None:
        self.days = days
        self.shipments = shipments
        self.licences = issued

    @cached_property
    def events(self) -> list[Event[Any]]:
        """Every event once."""
        return [one for day in self.days for wave in day.waves for one in wave]

    @property
    def early(self) -> list[Event[Any]]:
        """Every declaration that is posted before the licence that it names."""
        return [one for day in self.days for one in day.early]

    @cached_property
    def fingerprint(self) -> str:
        """A digest of all events: equal for equal stories."""
        digest = hashlib.sha256()
        for one in self.events:
            digest.update(write(one))
        return digest.hexdigest()


def tell(figures: Figures, scale: float = 1.0) -> Story:
    """Return the story; with a scale of 5 shipments are five times as large and, where they may, as few."""
    assumed = figures.assumed
    issued = licences(figures)
    shipments = assign(draw(cells(figures), plan_of(figures, scale)), issued, figures)
    issued = sized(issued, shipments, assumed.licensed_to_cleared_ratio.value)
    shipments, holds = stopped(shipments, figures)
    wanted = [one for one in issued if one.batch_id.removeprefix("CN-2025-") in assumed.early_declarations.value]
    shipments, early = hastened(shipments, wanted)
    first, last = _span(figures)
    trade = [*voyages(shipments, figures, _midnight_after(last)), *holds]
    destinations = sorted(assumed.controlled_destination_opened.value)
    trade += unlicensed(figures, destinations, int(assumed.magnet_shipment_t.value.typical * KG_PER_T))
    days = {first + DAY * number: Day(first + DAY * number) for number in range((last - first).days + 1)}
    _place(days, trade, {f"{shipment_id}-declared" for shipment_id in early})
    for one in published(figures, issued):
        days[one.time.date()].published.append(one)
    return Story(list(days.values()), shipments, issued)


def _place(days: dict[date, Day], trade: Iterable[Event[Any]], early: set[str]) -> None:
    for one in sorted(trade, key=lambda one: (one.time, one.id)):
        day = days[one.time.date()]
        (day.early if one.id in early else day.trade).append(one)


def _span(figures: Figures) -> tuple[date, date]:
    """Return the first and last day of the published months."""
    months = sorted(figures.magnets_kg)
    last = date.fromisoformat(f"{months[-1]}-01")
    return date.fromisoformat(f"{months[0]}-01"), (last + 31 * DAY).replace(day=1) - DAY


def _midnight_after(day: date) -> datetime:
    after = day + DAY
    return datetime(after.year, after.month, after.day, tzinfo=UTC)


def by_type(events: Iterable[Event[Any]]) -> dict[str, int]:
    """Count events by their type."""
    counts: dict[str, int] = defaultdict(int)
    for one in events:
        counts[one.type] += 1
    return dict(sorted(counts.items()))
