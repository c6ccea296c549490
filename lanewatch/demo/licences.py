"""Plans the licences that the facts tell of and lets each controlled shipment draw on one of them."""

import math
from calendar import monthrange
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Literal, NamedTuple

from lanewatch.demo.figures import KG_PER_T, Country, Fact, Figures
from lanewatch.demo.shipments import Shipment, random_of

GENERAL_WEIGHT = 3
"""Once a general licence is there, shipments are so much more likely to go by it."""
LEAST_T = 5
MONTHS_A_YEAR = 12


class Licence(NamedTuple):
    """A licence as it will be issued."""

    licence_id: str
    batch_id: str
    kind: Literal["individual", "general"]
    exporter: str
    destinations: tuple[Country, ...]
    valid_from: datetime
    valid_until: datetime
    mass_kg: int = 0

    def permits(self, shipment: Shipment) -> bool:
        """Return whether a shipment may be declared under it."""
        return shipment.destination in self.destinations and self.valid_from <= shipment.declared_at < self.valid_until


def licences(figures: Figures) -> list[Licence]:
    """Return all licences in the order of their issue, not yet sized."""
    return [licence for fact in figures.facts for licence in _of_fact(figures, fact)]


def batch_id(fact: Fact) -> str:
    """Return the id of a fact's batch."""
    return f"CN-2025-{fact.id}"


def _of_fact(figures: Figures, fact: Fact) -> list[Licence]:
    batch = figures.assumed.licences_by_fact.value.get(fact.id)
    if batch is None:
        return []
    is_general = fact.kind == "general-licences"
    assumed = figures.assumed
    months = (
        assumed.general_licence_validity_months if is_general else assumed.individual_licence_validity_months
    ).value
    return [
        Licence(
            licence_id=f"{'GL' if is_general else 'EL'}-{fact.day:%m%d}-{number}",
            batch_id=batch_id(fact),
            kind="general" if is_general else "individual",
            exporter=planned.exporter,
            destinations=planned.destinations,
            valid_from=midnight(fact.day),
            valid_until=midnight(_months_later(fact.day, months)),
        )
        for number, planned in enumerate(batch.licences, start=1)
    ]


def assign(shipments: Sequence[Shipment], issued: Sequence[Licence], figures: Figures) -> list[Shipment]:
    """Give every controlled shipment after the reopening a licence and its exporter.

    Raises ValueError when none permits it: the assumptions contradict each other.
    """
    reopened = midnight(figures.assumed.first_controlled_clearance.value)
    return [
        _licensed(s, issued, figures.assumed.seed.value) if s.goods == "controlled" and s.cleared_at >= reopened else s
        for s in shipments
    ]


def _licensed(shipment: Shipment, issued: Sequence[Licence], seed: int) -> Shipment:
    fitting = [licence for licence in issued if licence.permits(shipment)]
    if not fitting:
        raise ValueError(f"no licence permits {shipment}")
    weights = [GENERAL_WEIGHT if licence.kind == "general" else 1 for licence in fitting]
    chosen = random_of(seed, "licence", shipment.shipment_id).choices(fitting, weights)[0]
    return shipment._replace(licence_id=chosen.licence_id, exporter=chosen.exporter)


def sized(issued: Sequence[Licence], shipments: Sequence[Shipment], ratio: float) -> list[Licence]:
    """Give each licence `ratio` times what draws on it, in whole tonnes."""
    drawn_kg: Counter[str] = Counter()
    for shipment in shipments:
        if shipment.licence_id:
            drawn_kg[shipment.licence_id] += shipment.mass_kg
    return [
        licence._replace(mass_kg=max(LEAST_T, math.ceil(drawn_kg[licence.licence_id] * ratio / KG_PER_T)) * KG_PER_T)
        for licence in issued
    ]


def midnight(day: date) -> datetime:
    """Return the beginning of a day."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _months_later(day: date, months: int) -> date:
    years, month = divmod(day.month - 1 + months, MONTHS_A_YEAR)
    year = day.year + years
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
