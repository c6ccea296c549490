"""Watches a lane for more than is usual in the time before an announced date, with a stated share of false findings.

A CUSUM of log-likelihood ratios (Page 1954) of twice the usual rate against the usual one, for Poisson arrivals. Such a
sum reaches h within n days with a probability of n exp(-h) at most, whatever the rate: each day it could begin at is a
martingale of mean 1 (Ville's inequality). Goods that come in clumps count as so many independent arrivals.
"""

from copy import copy
from math import sqrt

import msgspec

from services.licensing.domain.detection.baseline import Baseline
from services.licensing.domain.detection.watching import Span, Watch

WINDOW_DAYS = 120
"""So long before the date a lane is watched."""
FALSE_SHARE = 0.02
"""Of windows without a surge at most."""
HEIGHT = 8.7
"""ln(WINDOW_DAYS / FALSE_SHARE), rounded up."""
LN_2 = 0.6931471805599453
LEAST_KNOWN = 30.0
"""Independent arrivals; of a lane that is known less well nothing is said."""


class Surge(msgspec.Struct, kw_only=True):
    """What is remembered of a lane while a date is awaited; the usual rate is that of before."""

    awaited: str
    """The regime that begins then."""
    baseline: Baseline
    height: float = 0.0
    span: Span = msgspec.field(default_factory=Span)
    """Since the chart last stood at zero."""
    is_told: bool = False


def begin(watch: Watch, awaited: str) -> Surge | None:
    """Return the chart of a lane whose usual rate is known well enough."""
    baseline = watch.baseline
    if watch.level != "usual" or baseline.shipments < LEAST_KNOWN * baseline.lumping:
        return None
    kept = copy(baseline)
    kept.weekdays, kept.counts, kept.worths = list(baseline.weekdays), copy(baseline.counts), copy(baseline.worths)
    return Surge(awaited=awaited, baseline=kept)


def close_day(surge: Surge, day: int, shipments: int, mass: float) -> bool:
    """Take in a day, a proleptic ordinal; return whether it shows a surge for the first time."""
    baseline, lumping = surge.baseline, surge.baseline.lumping
    usual, worth = baseline.expected(day), baseline.worth(mass, shipments)
    surge.span.take_day(shipments, mass, worth, usual)
    # What is not known of the usual rate counts as if it were higher, by one standard error.
    most_usual = usual * (1 + sqrt(lumping / baseline.shipments))
    surge.height += (worth * LN_2 - most_usual) / lumping
    if surge.height <= 0:
        surge.height, surge.span = 0.0, Span()
    if surge.is_told or surge.height < HEIGHT:
        return False
    surge.is_told = True
    return True
