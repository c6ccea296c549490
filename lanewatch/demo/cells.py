"""Splits the published months into cells: goods, country and span of days with one exact mass."""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Literal, NamedTuple

from lanewatch.demo.figures import KG_PER_T, Clearances, Country, Figures, Month

Goods = Literal["controlled", "uncontrolled", "rare-earths"]
DAY = timedelta(days=1)


class Cell(NamedTuple):
    """What clears of some goods to a country from `first` to `last`, both included, spread evenly."""

    goods: Goods
    destination: Country
    first: date
    last: date
    mass_kg: int

    @property
    def days(self) -> int:
        """How many days the span has."""
        return (self.last - self.first).days + 1


def apportion(total: int, weights: Mapping[Country, float]) -> dict[Country, int]:
    """Split a total into whole parts in proportion to weights, by largest remainders; the parts sum to it."""
    whole = sum(weights.values())
    exact = {key: total * weight / whole for key, weight in weights.items()}
    parts = {key: int(share) for key, share in exact.items()}
    by_remainder = sorted(weights, key=lambda key: (parts[key] - exact[key], key))
    for key in by_remainder[: total - sum(parts.values())]:
        parts[key] += 1
    return parts


def cells(figures: Figures) -> list[Cell]:
    """Return all cells with any mass. For each goods, country and month they sum to the figures exactly."""
    found = [*_rare_earth_cells(figures)]
    for month in figures.magnets_kg:
        found += _magnet_cells(figures, month)
    return [cell for cell in found if cell.mass_kg]


def _rare_earth_cells(figures: Figures) -> Iterator[Cell]:
    shares = figures.assumed.rare_earth_destination_shares.value
    for month, total_kg in figures.rare_earths_kg.items():
        first = date.fromisoformat(f"{month}-01")
        last = (first + 31 * DAY).replace(day=1) - DAY
        for country, mass_kg in apportion(total_kg, shares).items():
            yield Cell("rare-earths", country, first, last, mass_kg)


def _magnet_cells(figures: Figures, month: Month) -> list[Cell]:
    spans = [c for c in figures.assumed.magnet_clearances.value if _month(c.first) == month]
    controlled = [cell for span in spans for cell in _controlled_cells(figures, span)]
    left_kg = {c: t * KG_PER_T for c, t in figures.assumed.destination_tonnes_by_month.value[month].items()}
    for cell in controlled:
        left_kg[cell.destination] -= cell.mass_kg
    return [*controlled, *_uncontrolled_cells(spans, left_kg)]


def _uncontrolled_cells(spans: list[Clearances], left_kg: dict[Country, int]) -> Iterator[Cell]:
    """Give each country what controlled magnets leave of its month; the last span takes the roundings."""
    for number, span in enumerate(spans, start=1):
        parts = left_kg if number == len(spans) else apportion(span.uncontrolled_kg, left_kg)
        for country, mass_kg in parts.items():
            yield Cell("uncontrolled", country, span.first, span.last, mass_kg)
        left_kg = {country: mass_kg - parts[country] for country, mass_kg in left_kg.items()}


def _controlled_cells(figures: Figures, span: Clearances) -> Iterator[Cell]:
    """Spread a span over the countries that are open, part by part where one opens in between."""
    opened = figures.assumed.controlled_destination_opened.value
    tonnes = figures.assumed.destination_tonnes_by_month.value[_month(span.first)]
    is_reopened = span.first >= figures.assumed.first_controlled_clearance.value
    for first, last, mass_kg in _parts(span, set(opened.values()) if is_reopened else set()):
        is_open = {c: t for c, t in tonnes.items() if not is_reopened or opened[c] <= first}
        for country, part_kg in apportion(mass_kg, is_open).items():
            yield Cell("controlled", country, first, last, part_kg)


def _parts(span: Clearances, cuts: set[date]) -> Iterator[tuple[date, date, int]]:
    """Yield the parts of a span between cuts, each with its days' share of the controlled mass."""
    starts = sorted({span.first} | {day for day in cuts if span.first < day <= span.last})
    ends = [*(start - DAY for start in starts[1:]), span.last]
    days, given_kg = (span.last - span.first).days + 1, 0
    for first, last in zip(starts, ends, strict=True):
        until_kg = span.controlled_kg * ((last - span.first).days + 1) // days
        yield first, last, until_kg - given_kg
        given_kg = until_kg


def _month(day: date) -> Month:
    return day.isoformat()[:7]
