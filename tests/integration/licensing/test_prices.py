"""Price series on the database: kept between batches, listed, taken back."""

import msgspec

from services.licensing.store import prices
from tests.integration.licensing.conftest import Desk
from tests.support.trade import event, price
from tests.unit.licensing.test_prices import on, series


async def test_a_series_is_the_same_whatever_the_batches(desk: Desk) -> None:
    log = [*series(300, 0.01), *series(40, 0.06, 8, first=300)]
    for first in range(0, len(log), 17):
        await desk.feed(*log[first : first + 17])
    (one,) = await desk.ask(prices.listed, 10, "")
    assert (one["mood"], one["returns"]) == ("stressed", 339)
    rows = await desk.sql("SELECT body FROM licensing.outbox ORDER BY number")
    (alert,) = [msgspec.json.decode(row.body) for row in rows]
    assert alert["type"] == "lanewatch.finding.price_stressed"


async def test_a_price_taken_back_leaves_no_trace_in_the_series(desk: Desk) -> None:
    await desk.feed(price("100", time=on(0)), price("900", time=on(1), id="wrong"))
    data = {"entity": "price:dy-magnets", "source": "/test", "id": "wrong", "reason": "a typing error"}
    await desk.feed(event("trade.event.retracted", data, time=on(2)))
    (one,) = await desk.ask(prices.listed, 10, "")
    assert (one["price"], one["returns"], one["volatility_percent"]) == ("100", 0, None)
    await desk.feed(price("5", price_id="other", time=on(3)))
    assert [each["price_id"] for each in await desk.ask(prices.listed, 10, "dy-magnets")] == ["other"]
