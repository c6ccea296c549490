"""Simulated lanes: how many shipments clear each day, at random, in clumps, or with the seasons of the real months."""

import csv
import math
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from random import Random
from statistics import mean
from typing import Literal

Arrivals = Literal["poisson", "clumped", "seasonal"]
MODELS: tuple[Arrivals, ...] = ("poisson", "clumped", "seasonal")

FIGURES = Path(__file__).parent / "data" / "china-exports-2025.csv"
DISTURBED = {
    "rare_earth_magnets_t": ("2025-02", "2025-04", "2025-05", "2025-06"),
    "magnets_to_us_t": ("2025-02", "2025-04", "2025-05", "2025-06"),
    "rare_earths_t": ("2025-01", "2025-02"),
}
"""Months of the new year, of the restriction or not published singly; they say nothing of the usual spread."""
FAST, SLOW = 200.0, 2 * 12 / 365.25
MANY = 60.0
"""From so many a day on, counts are drawn from the normal distribution."""
NEW_YEARS = tuple(
    date.fromisoformat(day).toordinal()
    for day in (
        "2015-02-19",
        "2016-02-08",
        "2017-01-28",
        "2018-02-16",
        "2019-02-05",
        "2020-01-25",
        "2021-02-12",
        "2022-02-01",
        "2023-01-22",
        "2024-02-10",
        "2025-01-29",
        "2026-02-17",
        "2027-02-06",
        "2028-01-26",
        "2029-02-13",
        "2030-02-03",
        "2031-01-23",
        "2032-02-11",
        "2033-01-31",
        "2034-02-19",
        "2035-02-08",
        "2036-01-28",
        "2037-02-15",
        "2038-02-04",
        "2039-01-24",
        "2040-02-12",
    )
)
"""The first days of the Chinese years."""


@dataclass(frozen=True)
class Lane:
    """A simulated lane."""

    model: Arrivals
    per_day: float
    clumping: float
    """Variance over mean of a day's count."""
    months: tuple[float, ...]
    """The rate in each month, of the lane's usual one."""
    holiday: tuple[int, int, float]
    """Days before and after new year with a lower rate, and that rate, of the usual one."""

    def rate(self, day: int) -> float:
        """Return the rate on a day without any change."""
        if self.model != "seasonal":
            return self.per_day
        before, after, share = self.holiday
        nearest = NEW_YEARS[max(0, bisect_right(NEW_YEARS, day + before) - 1)]
        rate = self.per_day * self.months[date.fromordinal(day).month - 1]
        return rate * share if nearest - before <= day < nearest + after else rate

    def days(self, first: int, count: int, share: float, random: Random) -> Iterator[int]:
        """Yield what clears on each of the days, at a share of the rate."""
        for day in range(first, first + count):
            rate = self.rate(day) * share
            if self.clumping > 1 and rate:
                # A gamma-Poisson mixture is negative binomial, with variance over mean of 1 + the gamma's scale.
                scale = self.clumping - 1
                rate = random.gammavariate(rate / scale, scale)
            yield poisson(rate, random) if self.clumping > 1 else poisson_often(rate, random)


def make_lane(model: Arrivals, per_day: float, random: Random) -> Lane:
    """Return a lane of a rate, drawn from the real months."""
    return Lane(
        model=model,
        per_day=per_day,
        clumping=random.uniform(1.5, 4.0) if model == "clumped" else 1.0,
        months=random.choice(profiles()),
        holiday=(random.randint(0, 7), random.randint(7, 18), random.uniform(0.1, 0.5)),
    )


@lru_cache
def profiles() -> tuple[tuple[float, ...], ...]:
    """Return the real series' twelve months of their mean; 1 where there is none or it was disturbed."""
    with FIGURES.open() as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    found = []
    for series, disturbed in DISTURBED.items():
        known = {row["month"]: float(row[series]) for row in rows if row[series] and row["month"] not in disturbed}
        usual = mean(known.values())
        found.append(tuple(known.get(row["month"], usual) / usual for row in rows))
    return tuple(found)


def poisson_often(mean: float, random: Random) -> int:
    """Return a draw for a mean that is asked for again and again."""
    if mean >= MANY:
        return poisson(mean, random)
    return bisect_right(_cumulated(round(mean, 9)), random.random())


def poisson(mean: float, random: Random) -> int:
    """Return a draw."""
    if mean >= MANY:
        return max(0, round(random.gauss(mean, math.sqrt(mean))))
    if mean <= 0:
        return 0
    limit, count, product = math.exp(-mean), 0, random.random()
    while product > limit:
        count, product = count + 1, product * random.random()
    return count


@lru_cache(maxsize=20_000)
def _cumulated(mean: float) -> list[float]:
    terms = [math.exp(-mean)]
    for k in range(1, int(mean + 12 * math.sqrt(mean) + 12)):
        terms.append(terms[-1] * mean / k)
    return list(accumulate(terms))
