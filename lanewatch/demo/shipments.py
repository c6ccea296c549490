"""Draws shipments for each cell, reproducibly: their masses sum to the cell's, to the kilogram."""

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import NamedTuple

from lanewatch.demo.cells import Cell, Goods
from lanewatch.demo.figures import KG_PER_T, Country, Figures

OPENS_S, CLOSES_S = 3 * 3600, 17 * 3600
"""Customs clears between these seconds of the day."""
LEAD_HOURS = (1, 26)
"""A shipment is declared so long before it clears."""
MASS_SPREAD = 0.2
TIME_SPREAD = 0.3
MONTH_DAYS = 30
EXPORTERS = tuple(f"Exporter {letter}" for letter in "ABCDEFGH")
CONSIGNEES = 3
"""So many in each country."""


class Shipment(NamedTuple):
    """A shipment that clears. `licence_id` is None where none is needed."""

    shipment_id: str
    goods: Goods
    destination: Country
    exporter: str
    consignee: str
    mass_kg: int
    declared_at: datetime
    cleared_at: datetime
    licence_id: str | None = None


class Plan(NamedTuple):
    """How large shipments are, and how few a month may have."""

    typical_kg: dict[Goods, float]
    at_least: dict[Goods, dict[Country, int]]
    at_least_elsewhere: int
    seed: int

    def count(self, cell: Cell) -> int:
        """Return how many shipments a cell is split into."""
        a_month = self.at_least[cell.goods].get(cell.destination, self.at_least_elsewhere)
        fewest = round(a_month * cell.days / MONTH_DAYS)
        return max(1, fewest, math.ceil(cell.mass_kg / self.typical_kg[cell.goods]))


def plan_of(figures: Figures, scale: float) -> Plan:
    """Return the plan of the assumptions, with shipments `scale` times as large."""
    assumed = figures.assumed
    magnets_kg = assumed.magnet_shipment_t.value.typical * KG_PER_T * scale
    rare_earths_kg = assumed.rare_earth_shipment_t.value.typical * KG_PER_T * scale
    known = {country for month in assumed.destination_tonnes_known.value.values() for country in month}
    at_least = dict.fromkeys(known, assumed.shipments_per_lane_month_at_least.value.known)
    return Plan(
        {"controlled": magnets_kg, "uncontrolled": magnets_kg, "rare-earths": rare_earths_kg},
        {"controlled": at_least, "uncontrolled": at_least, "rare-earths": {}},
        assumed.shipments_per_lane_month_at_least.value.other,
        assumed.seed.value,
    )


def draw(cells: Sequence[Cell], plan: Plan) -> list[Shipment]:
    """Return the shipments of all cells in the order in which they clear, numbered in it."""
    drawn = sorted((s for cell in cells for s in _of_cell(cell, plan)), key=lambda s: (s.cleared_at, s.shipment_id))
    return [s._replace(shipment_id=f"CN25-{number:05d}") for number, s in enumerate(drawn, start=1)]


def random_of(seed: int, *what: object) -> Random:
    """Return a source of numbers of its own, so that no draw depends on the order of others."""
    return Random(" ".join(map(str, (seed, *what))))  # noqa: S311 - drawn to be repeated, not to be secret


def _of_cell(cell: Cell, plan: Plan) -> Iterator[Shipment]:
    chance = random_of(plan.seed, cell.goods, cell.destination, cell.first)
    # The same in every cell of a country and its goods, so that shipments keep their distance over a month's end.
    phase = random_of(plan.seed, cell.goods, cell.destination).random()
    masses = split(cell.mass_kg, plan.count(cell), chance)
    for number, mass_kg in enumerate(masses):
        spread = TIME_SPREAD * (2 * chance.random() - 1)
        place = min(max((number + phase + spread) / len(masses), 0.0), 1 - 1e-9)
        cleared_at = moment(cell.first, place * cell.days)
        yield Shipment(
            shipment_id=f"{cell.goods} {cell.destination} {number}",
            goods=cell.goods,
            destination=cell.destination,
            exporter=chance.choice(EXPORTERS),
            consignee=f"Consignee {cell.destination}-{chance.randint(1, CONSIGNEES)}",
            mass_kg=mass_kg,
            declared_at=_declared_at(cleared_at, chance),
            cleared_at=cleared_at,
        )


def _declared_at(cleared_at: datetime, chance: Random) -> datetime:
    """Return when it was declared; nothing is before the story's first day."""
    declared_at = cleared_at - timedelta(minutes=chance.randint(LEAD_HOURS[0] * 60, LEAD_HOURS[1] * 60))
    return max(declared_at, datetime(cleared_at.year, 1, 1, tzinfo=UTC))


def moment(first: date, days: float) -> datetime:
    """Return the time of clearance so many days after the beginning of a day."""
    whole, part = divmod(days, 1)
    start = datetime(first.year, first.month, first.day, tzinfo=UTC)
    return start + timedelta(days=whole, seconds=int(OPENS_S + part * (CLOSES_S - OPENS_S)))


def split(mass_kg: int, count: int, chance: Random) -> list[int]:
    """Split a mass into whole kilograms that sum to it, each near the mean."""
    weights = [1 + MASS_SPREAD * (2 * chance.random() - 1) for _ in range(count)]
    total, parts, given_kg, so_far = sum(weights), [], 0, 0.0
    for weight in weights[:-1]:
        so_far += weight
        until_kg = int(mass_kg * so_far / total)
        parts.append(until_kg - given_kg)
        given_kg = until_kg
    return [*parts, mass_kg - given_kg]
