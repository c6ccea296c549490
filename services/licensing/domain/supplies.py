"""How long a buyer's stock lasts, by when more must be ordered, and whether the lane stays open until then."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Literal, NamedTuple

import msgspec
from msgspec import Meta

from services.licensing.domain.forecasting import Forecast
from shared.errors import UnfitError
from shared.events import Country, FlowState, Id, Moment, Text
from shared.masses import Mass

MOST_DAYS = 3650
MOST_LICENCES = 20
_DAY = timedelta(days=1)
_MICROSECOND = timedelta(microseconds=1)
MOST_DAYS_OF_SUPPLY = 36_500
"""Stock that lasts longer is told as lasting so long."""
Days = Annotated[int, Meta(ge=0, le=MOST_DAYS, description=f"a whole number of days from 0 to {MOST_DAYS}")]

Verdict = Literal["enough", "order_now", "late", "lane_closes_first", "lane_shut"]


class Supply(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a buyer has of some goods, uses each day and must wait for when he orders, and the lane that it comes by."""

    title: Text = ""
    commodity_group: Id
    origin: Country
    destination: Country
    stock: Mass
    as_of: Moment
    """When the stock was counted."""
    daily_use: Mass
    lead_time_days: Days
    """From an order to the goods' arrival."""
    safety_days: Days = 0
    """So many days of stock shall be left when the goods come."""
    licences: Annotated[tuple[Id, ...], Meta(max_length=MOST_LICENCES)] = ()
    """Those under which his suppliers ship; the lane closes for him when the last of them does."""

    def __post_init__(self) -> None:
        """Raise UnfitError for a use of nothing, and for a licence that is named twice."""
        if not self.daily_use.mg:
            raise UnfitError("must be more than nothing", "daily_use", "value")
        for index, licence_id in enumerate(self.licences):
            if licence_id in self.licences[:index]:
                raise UnfitError(f"{licence_id} is named before", "licences", index)

    @property
    def lane_id(self) -> str:
        """The lane that the goods come by."""
        return f"{self.commodity_group}:{self.origin}:{self.destination}"


How = Literal["ends", "runs_out", "shut"]
_HOW: dict[How, str] = {
    "ends": "ends on {}",
    "runs_out": "is likely to be used up on {}",
    "shut": "lets nothing pass now",
}


class Closing(NamedTuple):
    """When something that keeps the lane open ends, or is likely to be used up: once in ten times before `at`."""

    what: str
    at: datetime
    how: How


class Position(NamedTuple):
    """Where a buyer stands at a time."""

    verdict: Verdict
    says: str
    left_mg: int
    days_of_supply: float
    """From the time asked, to the tenth of a day, rounded down."""
    lasts_until: datetime
    order_by: datetime
    closes: Closing | None
    """What closes the lane first, as far as is known."""


def position(supply: Supply, state: FlowState | None, closings: Sequence[Closing], now: datetime) -> Position:
    """Return how long the stock lasts from now on, and what to do.

    `state`: of the lane, None where nothing is known of it. `closings`: of whatever closes the lane by itself.
    """
    elapsed = max(now - supply.as_of, timedelta()) // _MICROSECOND
    left_mg = max(0, supply.stock.mg - supply.daily_use.mg * elapsed // (_DAY // _MICROSECOND))
    lasts = _DAY * min(MOST_DAYS_OF_SUPPLY, left_mg / supply.daily_use.mg)
    lasts_until = now + lasts
    order_by = lasts_until - timedelta(days=supply.lead_time_days + supply.safety_days)
    closes = min(closings, key=lambda closing: closing.at, default=None)
    verdict, says = _verdict(supply, state, closes, lasts_until, now)
    tenths = lasts * 10 // _DAY
    return Position(verdict, says, left_mg, tenths / 10, lasts_until, order_by, closes)


def _verdict(
    supply: Supply, state: FlowState | None, closes: Closing | None, lasts_until: datetime, now: datetime
) -> tuple[Verdict, str]:
    arrives = now + timedelta(days=supply.lead_time_days)
    order_by = lasts_until - timedelta(days=supply.lead_time_days + supply.safety_days)
    stock = f"the stock lasts until {_day(lasts_until)}"
    if state == "restricted":
        return "lane_shut", f"{supply.lane_id} is restricted; {stock}"
    if arrives > lasts_until:
        gap = -((lasts_until - arrives) // _DAY)
        return "late", f"{stock}; what is ordered today comes on {_day(arrives)}, {_days(gap)} too late"
    if order_by < now:
        return "order_now", f"{stock}; order now, {_day(order_by)} was the last day that keeps the safety stock"
    if closes is not None and closes.at < order_by + timedelta(days=supply.lead_time_days):
        why = f"{closes.what} {_HOW[closes.how].format(_day(closes.at))}"
        by = closes.at - timedelta(days=supply.lead_time_days)
        when = "now" if by < now else f"by {_day(by)}"
        return "lane_closes_first", f"{stock}, but {why}: order {when}, so that the goods come before"
    return "enough", f"{stock}; order by {_day(order_by)}"


def closing(what: str, ends: datetime, found: Sequence[Forecast], now: datetime) -> Closing:
    """Return when a licence or quota closes: at its end, or when all of what can be drawn of it is likely used up.

    `found`: the forecasts of its accounts that can be drawn side by side. One of which nothing can be told lasts.
    """
    times = [_used_up(each, now) for each in found]
    known = [time for time in times if time is not None]
    if not known or len(known) < len(times) or max(known) >= ends:
        return Closing(what, ends, "ends")
    return Closing(what, max(known), "shut" if max(known) == now else "runs_out")


def _used_up(forecast: Forecast, now: datetime) -> datetime | None:
    if forecast.state == "used_up":
        return now
    return forecast.runs_out.since if forecast.runs_out else None


def _day(time: datetime) -> str:
    return time.date().isoformat()


def _days(count: int) -> str:
    return f"{count} day{'' if count == 1 else 's'}"
