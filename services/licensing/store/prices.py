"""Price series: locked by the batches that bring prices, and listed for people."""

from collections.abc import Iterable

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from services.licensing.domain.prices import PriceSeries, volatility_percent
from services.licensing.store import tables
from services.licensing.store.reads import Item
from services.licensing.store.sql import fetch


async def lock(c: AsyncConnection, ids: Iterable[str]) -> dict[str, PriceSeries | None]:
    """Return the series, locked in one order; one that has no price yet gets a row to be locked."""
    wanted = sorted(ids)
    await tables.PRICE.insert_missing(c, ((price_id, None) for price_id in wanted))
    rows = await fetch(c, f"{tables.PRICE.select} WHERE price_id = ANY(:ids) ORDER BY price_id FOR UPDATE", ids=wanted)
    return {price_id: _read(state) for price_id, state in rows}


def row_of(price_id: str, series: PriceSeries | None) -> tuple[str, str | None]:
    """Return a series as a row."""
    return price_id, None if series is None else msgspec.json.encode(series).decode()


async def listed(c: AsyncConnection, limit: int, after: str) -> list[Item]:
    """Return the series that have a price, by their ids."""
    rows = await fetch(
        c,
        f"{tables.PRICE.select} WHERE state IS NOT NULL AND price_id > :after ORDER BY price_id LIMIT :n",
        after=after,
        n=limit,
    )
    return [_told(series) for _, state in rows if (series := _read(state))]


def _read(state: str | None) -> PriceSeries | None:
    return None if state is None else msgspec.json.decode(state, type=PriceSeries)


def _told(series: PriceSeries) -> Item:
    return {
        "price_id": series.price_id,
        "commodity_groups": series.groups,
        "origin": series.origin,
        "price": series.amount,
        "currency": series.currency,
        "per": series.per,
        "at": series.at,
        "mood": series.mood,
        "since": series.since,
        "volatility_percent": volatility_percent(series.now) if series.returns else None,
        "usual_percent": volatility_percent(series.usual) if series.returns else None,
        "returns": series.returns,
    }
