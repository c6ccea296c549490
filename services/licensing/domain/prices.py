"""What a price series remembers: the latest price, and how much it swings now and usually.

Both are exponentially weighted means of squared daily returns (RiskMetrics Technical Document, J.P. Morgan and Reuters
1996, section 5.2: decay 0.94 a day), the usual one with a slower decay. Prices are statistics here, never ledger
entries; only sums, products, quotients and square roots are taken, so a replay gives the same to the last bit.
"""

from datetime import UTC, datetime
from decimal import Decimal
from math import sqrt
from typing import Literal

import msgspec

from shared.events import PriceObserved

Mood = Literal["calm", "stressed"]

DECAY_NOW, DECAY_USUAL = 0.94, 0.997
"""A day. Half of what is remembered is of the last 11 days, and of the last 231."""
LEAST_RETURNS = 60
"""Nothing is told before so many returns."""
STRESSED_FROM, CALM_BELOW = 4.0, 2.25
"""Variance now over the usual one: twice the usual swings, and one and a half times."""
LEAST_VARIANCE = 0.005**2
"""Swings of less than half a percent a day are calm, whatever is usual."""
LONGEST_STEP_DAYS = 365
DAYS_A_YEAR = 365
KG_PER_TONNE = 1000


class PriceSeries(msgspec.Struct, kw_only=True):
    """One series; of constant size."""

    price_id: str
    groups: tuple[str, ...]
    origin: str | None
    currency: str
    amount: str
    """The latest, of one `per`."""
    per: str
    at: datetime
    per_kg: float
    now: float = 0.0
    """Variance of a day's return."""
    usual: float = 0.0
    returns: int = 0
    mood: Mood = "calm"
    since: datetime
    """Of the mood."""


def begin(observed: PriceObserved, at: datetime, groups: tuple[str, ...]) -> PriceSeries:
    """Return a series with its first price."""
    return PriceSeries(
        price_id=observed.price_id,
        groups=groups,
        origin=observed.origin,
        currency=observed.price.currency,
        amount=observed.price.amount,
        per=observed.per,
        at=at,
        per_kg=_per_kg(observed),
        since=at,
    )


def is_news(series: PriceSeries, at: datetime) -> bool:
    """Return whether a price is of a later day than the latest one."""
    return _day(at) > _day(series.at)


def take(series: PriceSeries, observed: PriceObserved, at: datetime) -> bool:
    """Take in a price of a later day; return whether the mood changed."""
    days = min(_day(at) - _day(series.at), LONGEST_STEP_DAYS)
    per_kg = _per_kg(observed)
    change = per_kg / series.per_kg - 1.0
    squared = change * change / days
    series.returns += 1
    series.now = _mean(series.now, squared, DECAY_NOW, days, series.returns)
    series.usual = _mean(series.usual, squared, DECAY_USUAL, days, series.returns)
    series.amount, series.per, series.at, series.per_kg = observed.price.amount, observed.per, at, per_kg
    before, series.mood = series.mood, _mood(series)
    if series.mood == before:
        return False
    series.since = at
    return True


def volatility_percent(variance: float) -> str:
    """Return a day's variance as percent a year."""
    return f"{100 * sqrt(variance * DAYS_A_YEAR):.1f}"


def _mean(mean: float, value: float, decay: float, days: int, returns: int) -> float:
    """Return the weighted mean with one more value; until enough is remembered all values weigh the same."""
    kept = 1.0
    for _ in range(days):
        kept *= decay
    weight = max(1.0 - kept, 1.0 / returns)
    return mean + weight * (value - mean)


def _mood(series: PriceSeries) -> Mood:
    if series.mood == "stressed":
        return "calm" if series.now < CALM_BELOW * series.usual or series.now < LEAST_VARIANCE else "stressed"
    is_wild = series.now > STRESSED_FROM * series.usual and series.now > LEAST_VARIANCE
    return "stressed" if is_wild and series.returns >= LEAST_RETURNS else "calm"


def _per_kg(observed: PriceObserved) -> float:
    amount = Decimal(observed.price.amount)
    return float(amount / KG_PER_TONNE if observed.per == "TNE" else amount)


def _day(at: datetime) -> int:
    return at.astimezone(UTC).toordinal()
