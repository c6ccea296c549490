"""Simulated licences: days of draws with rates and masses from the published monthly figures of 2025."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from math import exp, log
from pathlib import Path
from random import Random
from statistics import mean

import lanewatch

FIGURES = Path(lanewatch.__file__).parent / "demo" / "data" / "china-magnet-exports-2025.csv"
"""With its sources beside it in SOURCES.md."""
ARRIVALS = ("poisson", "overdispersed", "seasonal", "broken")
"""`broken`: the rate follows the magnets of 2025, month by month. No rate of the past can tell that."""
BANDS = ((2 / 30, 0.3), (0.3, 2.0), (2.0, 20.0), (20.0, 200.0))
"""Shipments a day, from two a month to two hundred a day."""
ORIGINS = (45, 90, 150, 210, 270, 330)
DAYS, MONTH = 900, 30
_MANY = 30


@dataclass(frozen=True, slots=True)
class Licence:
    """What would be drawn on each day, were there always enough, by how many draws; masses in milligrams."""

    arrivals: str
    band: int
    rate: float
    amounts: list[int]
    draws: list[int]


def months(column: str) -> list[float]:
    """Return a column of the monthly figures, in tonnes."""
    with FIGURES.open(newline="") as file:
        return [float(row[column]) for row in csv.DictReader(file) if row[column]]


def licences(seed: int, each: int) -> Iterator[Licence]:
    """Yield so many licences of each kind of arrivals and band of rates."""
    random = Random(seed)  # noqa: S311 - a simulation, repeatable by its seed
    for arrivals in ARRIVALS:
        for band, (low, high) in enumerate(BANDS):
            for _ in range(each):
                rate = exp(random.uniform(log(low), log(high)))
                yield _licence(random, arrivals, band, rate)


def _licence(random: Random, arrivals: str, band: int, rate: float) -> Licence:
    share = exp(random.uniform(log(0.001), log(0.2)))
    mass_mg = random.choice(months("rare_earth_magnets_t")) * 1e9 * share / (rate * MONTH)
    shape = random.uniform(0.3, 1.5) ** -2
    amounts, draws = [], []
    for factor in _factors(random, arrivals):
        count = _poisson(random, rate * factor)
        draws.append(count)
        # So many masses of one gamma distribution come to one of another.
        amounts.append(round(random.gammavariate(count * shape, mass_mg / shape)) if count else 0)
    return Licence(arrivals, band, rate, amounts, draws)


def _factors(random: Random, arrivals: str) -> list[float]:
    """Return by day how the rate differs from its mean."""
    if arrivals == "overdispersed":
        shape = random.uniform(1.5, 6)
        weeks = [random.gammavariate(shape, 1 / shape) for _ in range(DAYS // 7 + 1)]
        return [weeks[day // 7] for day in range(DAYS)]
    if arrivals == "seasonal":
        return _seasonal(random)
    if arrivals == "broken":
        magnets, before = months("rare_earth_magnets_t"), random.randrange(12)
        level = mean(magnets[:3])
        path = [1.0] * before + [tonnes / level for tonnes in magnets]
        return [path[min(day // MONTH, len(path) - 1)] for day in range(DAYS)]
    return [1.0] * DAYS


def _seasonal(random: Random) -> list[float]:
    """Return months like those of the rare earths of 2025 in any order, and quiet weeks at the new year."""
    figures = months("rare_earths_t")
    path = [random.choice(figures) / mean(figures) for _ in range(DAYS // MONTH + 1)]
    start, first = random.randrange(365), random.choice((22, 25))
    quiet, level = random.choice((14, 21)), random.uniform(0.1, 0.35)
    return [
        path[day // MONTH] * (level if first <= (start + day) % 365 < first + quiet else 1.0) for day in range(DAYS)
    ]


def _poisson(random: Random, rate: float) -> int:
    """Return a Poisson number: large rates are cut down by gamma times of arrival (Ahrens and Dieter 1974)."""
    found = 0
    while rate > _MANY:
        count = int(rate * 7 / 8)
        time = random.gammavariate(count, 1)
        if time > rate:
            return found + sum(random.random() < rate / time for _ in range(count - 1))
        found, rate = found + count, rate - time
    limit, product = exp(-rate), random.random()
    while product > limit:
        found, product = found + 1, product * random.random()
    return found
