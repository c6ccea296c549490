"""What becomes of prices: each tells how much its series swings; what no longer stands is left out of it."""

from datetime import datetime
from typing import Any

from services.licensing.domain.book import Book, Ending
from services.licensing.domain.findings import price_noticed
from services.licensing.domain.prices import PriceSeries, begin, is_news, take
from shared.cloudevents import Event
from shared.errors import PermanentError
from shared.events import PriceObserved


def on_observed(book: Book, event: Event[PriceObserved]) -> Ending:
    """Take in a price; one that is not of a later day than the latest changes nothing.

    Raises PermanentError for a time ahead of the clock, and for another currency, or goods of other commodity groups,
    than the series has.
    """
    if event.time > book.plausible(event.time):
        raise PermanentError("is more than a day ahead of the clock", pointer="/time")
    data, groups = event.data, book.policy.groups_of(event.data.commodity)
    series = book.price(data.price_id)
    if series is None:
        book.prices[data.price_id] = begin(data, event.time, groups)
        book.touch("price", data.price_id)
        return Ending("decided", "applied")
    _check(series, data, groups)
    if not is_news(series, event.time):
        return Ending("decided", "not of a later day than the latest price")
    if take(series, data, event.time):
        price_noticed(book, series, event.time, event.name)
    book.touch("price", data.price_id)
    return Ending("decided", "applied")


def refold(book: Book, price_id: str, events: list[Event[Any]], at: datetime, caused_by: str) -> None:
    """Let a series be what a history without some event makes of it, and tell if its mood is another."""
    before, series = book.price(price_id), None
    for event in events:
        if series is None:
            series = begin(event.data, event.time, book.policy.groups_of(event.data.commodity))
        elif is_news(series, event.time):
            take(series, event.data, event.time)
    book.prices[price_id] = series
    book.touch("price", price_id)
    if series is not None and before is not None and series.mood != before.mood:
        price_noticed(book, series, at, caused_by)


def _check(series: PriceSeries, data: PriceObserved, groups: tuple[str, ...]) -> None:
    if data.price.currency != series.currency:
        reason = f"series {data.price_id} is in {series.currency}"
        raise PermanentError(reason, pointer="/data/price/currency")
    if groups != series.groups:
        reason = f"series {data.price_id} is of {', '.join(series.groups) or 'no commodity group'}"
        raise PermanentError(reason, pointer="/data/commodity")
