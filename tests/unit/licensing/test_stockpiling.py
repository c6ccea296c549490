"""Stockpiling before a regime that was announced for a later day."""

from datetime import UTC, datetime, timedelta

from shared.events import StockpilingNoticed
from tests.support.books import Books
from tests.support.trade import declared, event, milestone, regime, tick

START = datetime(2025, 1, 1, tzinfo=UTC)


def on(day: int, hour: int = 0) -> str:
    return (START + timedelta(days=day, hours=hour)).isoformat()


def live(books: Books, first: int, last: int, shipments: int) -> None:
    """Let so many shipments clear each day, and the days close."""
    for day in range(first, last):
        for number in range(shipments):
            ship = f"S-{day}-{number}"
            books.feed(declared(ship, kg="100", time=on(day, 8)), milestone(ship, "cleared", time=on(day, 9)))
        books.feed(tick(on(day + 1)))


def told(books: Books) -> list[StockpilingNoticed]:
    return [alert.data for alert in books.book.alerts if isinstance(alert.data, StockpilingNoticed)]


def announce(books: Books, day: int, begins: int) -> None:
    books.feed(regime(time=on(day), effective_from=on(begins), id="announced"))


def test_twice_the_usual_before_the_date_is_told_once_for_each_lane(books: Books) -> None:
    live(books, 0, 120, 2)
    announce(books, 120, 180)
    live(books, 120, 150, 4)
    found = told(books)
    assert sorted(data.lane_id for data in found) == ["magnets-controlled:CN:DE", "magnets-controlled:CN:world"]
    assert {data.regime_id for data in found} == {"R-18"}
    assert all(199 <= data.percent_of_usual <= 202 for data in found)
    assert found[0].headline.endswith("before No. 18 takes effect on 2025-06-30")


def test_the_same_without_a_date_or_long_before_it_is_not(books: Books) -> None:
    live(books, 0, 120, 2)
    announce(books, 120, 400)
    live(books, 120, 150, 4)
    assert told(books) == []


def test_the_usual_before_the_date_is_not(books: Books) -> None:
    live(books, 0, 120, 2)
    announce(books, 120, 180)
    live(books, 120, 180, 2)
    assert told(books) == []


def test_an_announcement_taken_back_ends_the_watch(books: Books) -> None:
    live(books, 0, 120, 2)
    announce(books, 120, 180)
    data = {"entity": "regime:R-18", "source": "/test", "id": "announced", "reason": "posted by mistake"}
    live(books, 120, 122, 4)
    books.feed(event("trade.event.retracted", data, time=on(122)))
    live(books, 122, 150, 4)
    assert told(books) == []
    assert books.book.lanes["magnets-controlled:CN:DE"].stats.surge is None
