"""Kinds of lanes, from two shipments a month to two hundred a day, and what each kind's trials came to."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from benchmarks.detection.arrivals import FAST, MODELS, SLOW, Arrivals, make_lane
from benchmarks.detection.rules import gap_limit, share_limit
from benchmarks.detection.trials import CONTENDERS, QUIET_DAYS, Delays, Limits, Quiet, watch_change, watch_quiet

YEAR = 365.25
STATED = 0.1
"""False changes a lane and year: one in ten years."""
SHARES = (0.0, 0.1, 0.3, 0.5)
BANDS = {
    "2 a month to 1 a week": (SLOW, 1 / 7),
    "1 to 5 a week": (1 / 7, 5 / 7),
    "5 a week to 5 a day": (5 / 7, 5.0),
    "5 to 30 a day": (5.0, 30.0),
    "30 to 200 a day": (30.0, FAST),
}


class Told(NamedTuple):
    """How long a contender took to tell a change; None where it did not while the change lasted."""

    model: Arrivals
    band: str
    share: float
    per_day: float
    contender: str
    down_days: int | None
    down_limit: int
    is_back_asked: bool
    back_days: int | None


@dataclass(frozen=True)
class Cell:
    """One kind of lanes."""

    model: Arrivals
    band: str
    lanes: int
    years: float
    false_stops: int
    false_lows: int
    limits: Limits
    false_returns: int
    low_years: float
    told: list[Told]


def try_cells(lanes: int, seed: int, *, is_generous: bool = False) -> Iterator[Cell]:
    """Yield every kind, with so many lanes of each, drawn by the seed.

    The rules get limits that give as many false changes as ours had in the same years; when `is_generous`, as many as
    are stated where ours had fewer.
    """
    for model in MODELS:
        for number, band in enumerate(BANDS):
            random = Random(seed * 1000 + MODELS.index(model) * 10 + number)
            yield _try_cell(model, band, lanes, random, is_generous=is_generous)


def _try_cell(model: Arrivals, band: str, lanes: int, random: Random, *, is_generous: bool) -> Cell:
    slow, fast = BANDS[band]
    quiets = [
        watch_quiet(make_lane(model, slow * (fast / slow) ** random.random(), random), random) for _ in range(lanes)
    ]
    years = lanes * QUIET_DAYS / YEAR
    allowed = sum(quiet.false_stops + quiet.false_lows for quiet in quiets)
    if is_generous:
        allowed = max(allowed, round(STATED * years))
    limits = Limits(
        gap=gap_limit([silence for quiet in quiets for silence in quiet.silences], allowed),
        learned=gap_limit([silence for quiet in quiets for silence in quiet.learned_silences], allowed),
        share=share_limit([quiet.series for quiet in quiets], allowed),
    )
    told: list[Told] = []
    returns, low_days = 0, 0
    for share in SHARES:
        for quiet in quiets:
            delays = watch_change(quiet, share, limits, random)
            if delays is not None:
                told += _told(quiet, band, share, delays)
                returns, low_days = returns + delays.false_returns, low_days + delays.low_days
    return Cell(
        model=model,
        band=band,
        lanes=lanes,
        years=years,
        false_stops=sum(quiet.false_stops for quiet in quiets),
        false_lows=sum(quiet.false_lows for quiet in quiets),
        limits=limits,
        false_returns=returns,
        low_years=low_days / YEAR,
        told=told,
    )


def _told(quiet: Quiet, band: str, share: float, delays: Delays) -> Iterator[Told]:
    for name in CONTENDERS:
        yield Told(
            model=quiet.lane.model,
            band=band,
            share=share,
            per_day=quiet.lane.per_day,
            contender=name,
            down_days=delays.down.get(name),
            down_limit=delays.limit,
            is_back_asked=name in delays.back,
            back_days=delays.back.get(name),
        )
