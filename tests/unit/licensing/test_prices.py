"""Prices: how much they swing, and when that is told."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from services.licensing.domain.policy import Policy
from shared.cloudevents import Event
from shared.events import PriceNoticed
from tests.support.books import Books
from tests.support.trade import event, price, tick

START = datetime(2024, 1, 1, 8, tzinfo=UTC)


def on(day: int) -> str:
    return (START + timedelta(days=day)).isoformat()


def series(days: int, swing: float, seed: int = 7, *, first: int = 0, start: float = 100.0) -> list[bytes]:
    """Return a price for each day that swings by so much."""
    chance, at, found = Random(seed), start, []  # noqa: S311 - a reproducible walk, no secret
    for day in range(first, first + days):
        at *= 1 + chance.gauss(0, swing)
        found.append(price(f"{at:.2f}", time=on(day), id=f"p{day}"))
    return found


def told(books: Books) -> list[Event[PriceNoticed]]:
    return [alert for alert in books.book.alerts if isinstance(alert.data, PriceNoticed)]


def steps(books: Books) -> list[str]:
    return [alert.type.rpartition("_")[2] for alert in told(books)]


def test_a_price_that_swings_far_more_than_usual_is_told_and_so_is_its_calm(books: Books) -> None:
    books.feed(*series(300, 0.01), *series(40, 0.06, 8, first=300))
    assert steps(books) == ["stressed"]
    (alert,) = told(books)
    assert alert.data.scope.commodity_groups == ("magnets", "magnets-controlled")
    assert float(alert.data.volatility_percent) > 2 * float(alert.data.usual_percent)
    books.feed(*series(120, 0.005, 9, first=340))
    assert steps(books) == ["stressed", "calm"]


def test_volatility_is_the_standard_deviation_of_a_year(books: Books) -> None:
    books.feed(*(price("100" if day % 2 else "101", time=on(day)) for day in range(200)))
    found = books.book.prices["dy-magnets"]
    assert found is not None
    assert found.returns == 199
    assert 0.009**2 < found.now < 0.0101**2
    assert 0.009**2 < found.usual < 0.0101**2


def test_a_price_for_a_tonne_is_compared_with_one_for_a_kilogram(books: Books) -> None:
    books.feed(price("100", time=on(0)), price("100000", per="TNE", time=on(1)))
    found = books.book.prices["dy-magnets"]
    assert found is not None
    assert (found.now, found.amount, found.per) == (0.0, "100000", "TNE")


def test_a_week_without_a_price_counts_as_a_week(books: Books) -> None:
    books.feed(price("100", time=on(0)), price("107", time=on(7)))
    found = books.book.prices["dy-magnets"]
    assert found is not None
    assert found.now == pytest.approx(0.07**2 / 7)


def test_a_late_price_or_a_second_one_of_a_day_changes_nothing(books: Books) -> None:
    books.feed(price("100", time=on(3)))
    endings = books.feed(price("500", time=on(2)), price("500", time=on(3)))
    assert {ending.outcome for ending in endings} == {"not of a later day than the latest price"}
    found = books.book.prices["dy-magnets"]
    assert found is not None
    assert found.amount == "100"


def test_a_price_taken_back_is_as_if_it_had_not_been(policy: Policy) -> None:
    wrong = Books(policy)
    wrong.feed(*series(100, 0.01), price("9000", time=on(100), id="typing-error"))
    assert steps(wrong) == ["stressed"]
    data = {"entity": "price:dy-magnets", "source": "/test", "id": "typing-error", "reason": "a digit too many"}
    wrong.feed(event("trade.event.retracted", data, time=on(101)), *series(20, 0.01, 9, first=102))
    right = Books(policy)
    right.feed(*series(100, 0.01), *series(20, 0.01, 9, first=102))
    assert steps(wrong) == ["stressed", "calm"]
    one, other = wrong.book.prices["dy-magnets"], right.book.prices["dy-magnets"]
    assert one is not None
    assert other is not None
    assert (one.now, one.usual, one.amount, one.returns) == (other.now, other.usual, other.amount, other.returns)


def test_the_only_price_taken_back_leaves_none_and_the_next_one_begins_anew(books: Books) -> None:
    books.feed(price("100", time=on(0), id="only"))
    data = {"entity": "price:dy-magnets", "source": "/test", "id": "only", "reason": "wrong"}
    books.feed(event("trade.event.retracted", data, time=on(1)))
    assert books.book.prices["dy-magnets"] is None
    books.feed(price("90", time=on(2), currency="EUR"))
    assert books.book.prices["dy-magnets"] is not None


@pytest.mark.parametrize(
    "wrong,pointer",
    [
        (price("1", time=on(1), currency="EUR"), "/data/price/currency"),
        (price("1", time=on(1), commodity={"hs": "280530", "elements": ["Nd"], "form": "metal"}), "/data/commodity"),
        (price("1", time=on(900)), "/time"),
    ],
)
def test_a_price_that_does_not_fit_its_series_is_refused(books: Books, wrong: bytes, pointer: str) -> None:
    books.feed(price("100", time=on(0)), tick(on(1)))
    (ending,) = books.feed(wrong)
    assert (ending.status, ending.pointer) == ("dead", pointer)


@pytest.mark.parametrize("tails", ["normal", "heavy"])
def test_a_series_that_stays_as_it_is_is_seldom_called_stressed(policy: Policy, tails: str) -> None:
    """At most one time in five years of prices, also where single days stand out."""
    stressed, years = 0, 0.0
    for seed in range(8):
        books, chance, at = Books(policy), Random(seed), 1000.0  # noqa: S311 - reproducible
        for day in range(4 * 250):
            step = chance.gauss(0, 1)
            if tails == "heavy":  # Student's t with four degrees of freedom.
                step /= (sum(chance.gauss(0, 1) ** 2 for _ in range(4)) / 4) ** 0.5
            at *= 1 + max(-0.2, min(0.2, 0.01 * step))
            books.feed(price(f"{at:.4f}", time=on(day)))
        stressed, years = stressed + steps(books).count("stressed"), years + 4
    assert stressed / years <= 0.2
