"""Reads the demo's data files: published figures, dated facts, and what had to be assumed."""

import csv
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from shared.events import Selector

T = TypeVar("T")
DATA = Path(__file__).parent / "data"
KG_PER_T = 1000

Month = str
"""Such as `2025-04`."""
Country = str


class Assumed(msgspec.Struct, Generic[T], frozen=True, forbid_unknown_fields=True):
    """One assumption with its reason."""

    value: T
    unit: str
    why: str
    source: str


class Clearances(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What of all magnets cleared from `first` to `last`, both included."""

    first: date = msgspec.field(name="from")
    last: date = msgspec.field(name="to")
    controlled_kg: int = 0
    uncontrolled_kg: int = 0


class Size(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of a shipment, in tonnes."""

    typical: float
    min: float
    max: float


class Some(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """So many shipments between two days, both included."""

    shipments: int
    first: date = msgspec.field(name="from")
    last: date = msgspec.field(name="to")
    hours: int = 0


class AtLeast(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The fewest shipments of a lane's month, where the country's figure is known and elsewhere."""

    known: int
    other: int


class Followed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The share of shipments whose further way is told, and the days between its steps."""

    share: float
    departs_after_days: tuple[int, int]
    arrives_after_days: tuple[int, int]
    delivered_after_days: tuple[int, int]


class MeasureGoods(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a measure is called and covers."""

    title: str
    covers: tuple[Selector, ...]


class LicencePlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who gets a licence, for which destinations."""

    exporter: str
    destinations: tuple[Country, ...]


class BatchPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a batch of licences is called and holds."""

    title: str
    licences: tuple[LicencePlan, ...]


class Assumptions(msgspec.Struct, frozen=True):
    """What the replay takes from `assumptions.json`; the file holds more, which explains these."""

    controlled_material: Assumed[str]
    first_controlled_clearance: Assumed[date]
    magnet_clearances: Assumed[list[Clearances]]
    destination_tonnes_by_month: Assumed[dict[Month, dict[Country, int]]]
    destination_tonnes_known: Assumed[dict[Month, dict[Country, int]]]
    controlled_destination_opened: Assumed[dict[Country, date]]
    rare_earths_january_february_t: Assumed[dict[Month, int]]
    rare_earth_destination_shares: Assumed[dict[Country, float]]
    magnet_shipment_t: Assumed[Size]
    rare_earth_shipment_t: Assumed[Size]
    shipments_per_lane_month_at_least: Assumed[AtLeast]
    unlicensed_declarations: Assumed[Some]
    held_shipments: Assumed[Some]
    early_declarations: Assumed[list[str]]
    followed_shipments: Assumed[Followed]
    licensed_to_cleared_ratio: Assumed[float]
    individual_licence_validity_months: Assumed[int]
    general_licence_validity_months: Assumed[int]
    licences_by_fact: Assumed[dict[str, BatchPlan]]
    measure_goods: Assumed[dict[str, MeasureGoods]]
    seed: Assumed[int]


class Fact(msgspec.Struct, frozen=True, omit_defaults=True):
    """A dated public fact that becomes events."""

    id: str
    kind: str
    fact: str
    day: date = msgspec.field(name="date")
    measure: str = ""
    effective: date | None = None
    suspends: tuple[str, ...] = ()
    suspended_until: date | None = None
    evidence: str = ""


class Figures(msgspec.Struct, frozen=True):
    """Everything that the story is made of. Masses are whole kilograms by month."""

    magnets_kg: dict[Month, int]
    rare_earths_kg: dict[Month, int]
    facts: tuple[Fact, ...]
    assumed: Assumptions


@cache
def read_figures(folder: Path = DATA) -> Figures:
    """Read all data files. Raises msgspec.ValidationError naming the field at fault."""
    assumed = msgspec.json.decode((folder / "assumptions.json").read_bytes(), type=Assumptions)
    facts = msgspec.json.decode((folder / "story-2025.json").read_bytes(), type=tuple[Fact, ...])
    rows = _rows(folder / "china-magnet-exports-2025.csv")
    split = assumed.rare_earths_january_february_t.value
    rare_earths = {row["month"]: row["rare_earths_t"] or str(split[row["month"]]) for row in rows}
    return Figures(
        magnets_kg={row["month"]: kilograms(row["rare_earth_magnets_t"]) for row in rows},
        rare_earths_kg={month: kilograms(tonnes) for month, tonnes in rare_earths.items()},
        facts=facts,
        assumed=assumed,
    )


def _rows(path: Path) -> list[dict[str, Any]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def kilograms(tonnes: str | float) -> int:
    """Return tonnes, given to the kilogram at most, as whole kilograms."""
    return round(float(tonnes) * KG_PER_T)
