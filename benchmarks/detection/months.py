"""The real months of 2025: when Lanewatch would have said that a lane is restricted or flows again.

`python -m benchmarks.detection.months` prints the table. Either the shipments themselves are seen, as a house with its
own feed has them, or the customs figures alone, whole months on the days of their publication. The law comes on top.
"""

import csv
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

from benchmarks.detection.arrivals import FIGURES
from benchmarks.detection.trials import BREAKS
from services.licensing.domain.detection.watching import Turn, Watch, close_day, on_shipment

PRESS = Path(__file__).parent / "data" / "press-2025.csv"
NO_18 = date(2025, 4, 4)
"""The announcement that put magnets with seven elements under licence, in force from its day on, and to be cleared."""


class Series(NamedTuple):
    """One of the published series."""

    column: str
    tonnes_a_shipment: float
    """Assumed. Finer shipments would tell sooner, coarser ones later."""
    is_detail: bool
    """Published by country or code on the 20th; totals come before."""
    is_halved_in_april: bool
    """April's first three days were free, at March's rate; the rest of the month's tonnes cleared after them."""


SERIES = {
    "rare_earths": Series("rare_earths_t", 20.0, is_detail=False, is_halved_in_april=False),
    "magnets": Series("rare_earth_magnets_t", 4.0, is_detail=True, is_halved_in_april=True),
    "magnets_us": Series("magnets_to_us_t", 4.0, is_detail=True, is_halved_in_april=True),
}
KNOWN_DAYS = {"2025-09": date(2025, 10, 13), "2025-10": date(2025, 11, 7)}
"""Of the totals; 14 days after the month is taken for the others, the latest of the usual 7 to 14."""


class Said(NamedTuple):
    """What was said of a series."""

    level: str
    on: date
    """When it could be said."""
    of: date
    """The day whose clearances made it certain."""
    share: float


def replay(series: Series, *, is_published: bool) -> Iterator[Said]:
    """Yield what is said of a series, from its shipments or from its published months."""
    watch = Watch()
    for day, shipments, published in _days(series):
        is_break = day.toordinal() in BREAKS
        turns = (
            on_shipment(watch, shipments, shipments),
            close_day(watch, day.toordinal(), shipments, shipments, is_break=is_break),
        )
        for turn in turns:
            if turn:
                yield _said(turn, day, published if is_published else day + timedelta(days=1))


def _said(turn: Turn, of: date, on: date) -> Said:
    return Said(turn.level, on, of, turn.worth / turn.expected if turn.expected else 1.0)


def _days(series: Series) -> Iterator[tuple[date, int, date]]:
    """Yield each day with its shipments, evenly over the month, and the day on which its month was published."""
    carried, before = 0.0, 0.0
    for first, tonnes in _months(series):
        following = (first + timedelta(days=32)).replace(day=1)
        days = (following - first).days
        free = before * 3 if series.is_halved_in_april and first.month == NO_18.month else 0.0
        for number in range(days):
            rate = (before if number < 3 else (tonnes - free) / (days - 3)) if free else tonnes / days  # noqa: PLR2004
            carried += rate / series.tonnes_a_shipment
            shipments = int(carried)
            carried -= shipments
            yield first + timedelta(days=number), shipments, _published(series, first, following)
        before = tonnes / days


def _published(series: Series, first: date, following: date) -> date:
    if series.is_detail:
        # January's and February's came together, in March.
        return max(following, date(2025, 3, 1)).replace(day=20)
    return KNOWN_DAYS.get(f"{first:%Y-%m}", max(following, date(2025, 3, 1)).replace(day=14))


def _months(series: Series) -> Iterator[tuple[date, float]]:
    with FIGURES.open() as file:
        for row in csv.DictReader(line for line in file if not line.startswith("#")):
            yield date.fromisoformat(f"{row['month']}-01"), float(row[series.column])


def months_table() -> list[str]:
    """Return what was said when, of every series, beside the press."""
    with PRESS.open() as file:
        press = list(csv.DictReader(line for line in file if not line.startswith("#")))
    lines = ["| series | from its shipments | from the published months | the press |", "| --- | --- | --- | --- |"]
    for name, series in SERIES.items():
        own, published = (
            "; ".join(f"{said.on} {said.level} ({said.share:.0%})" for said in replay(series, is_published=late))
            for late in (False, True)
        )
        wrote = "; ".join(f"{row['date']} {row['what']}: {row['said']}" for row in press if row["series"] == name)
        lines.append(f"| {name} | {own or 'nothing'} | {published or 'nothing'} | {wrote} |")
    return lines


def main() -> None:
    """Print the table."""
    print("\n".join(months_table()))


if __name__ == "__main__":
    main()
