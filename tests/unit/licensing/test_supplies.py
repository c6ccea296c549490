"""How long a stock lasts, and what a buyer is told to do."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from services.licensing.domain.forecasting import Forecast, Span
from services.licensing.domain.supplies import Closing, Supply, closing, position

NOW = datetime(2025, 6, 1, 12, tzinfo=UTC)


def supply(**over: Any) -> Supply:
    terms = {
        "commodity_group": "magnets",
        "origin": "CN",
        "destination": "DE",
        "stock": {"value": "100"},
        "as_of": "2025-06-01T12:00:00Z",
        "daily_use": {"value": "2"},
        "lead_time_days": 30,
    }
    return msgspec.json.decode(msgspec.json.encode({**terms, **over}), type=Supply)


def days(count: float) -> datetime:
    return NOW + timedelta(days=count)


def test_a_stock_lasts_as_many_days_as_its_use_goes_into_it() -> None:
    found = position(supply(), "flowing", [], NOW)
    assert (found.days_of_supply, found.lasts_until, found.order_by) == (50.0, days(50), days(20))
    assert (found.verdict, found.says) == ("enough", "the stock lasts until 2025-07-21; order by 2025-06-21")


def test_what_was_used_since_it_was_counted_is_gone() -> None:
    found = position(supply(as_of="2025-05-22T12:00:00Z"), "flowing", [], NOW)
    assert (found.left_mg, found.days_of_supply) == (80 * 10**6, 40.0)
    assert position(supply(as_of="2025-01-01T00:00:00Z"), "flowing", [], NOW).left_mg == 0


def test_a_count_that_is_dated_ahead_is_taken_as_of_now() -> None:
    assert position(supply(as_of="2025-06-03T12:00:00Z"), "flowing", [], NOW).days_of_supply == 50.0


def test_days_are_rounded_down() -> None:
    assert position(supply(stock={"value": "0.999"}, daily_use={"value": "1"}), None, [], NOW).days_of_supply == 0.9


def test_too_late_to_order_says_by_how_many_days() -> None:
    found = position(supply(lead_time_days=52), "flowing", [], NOW)
    assert found.verdict == "late"
    assert found.says.endswith("what is ordered today comes on 2025-07-23, 2 days too late")


def test_safety_stock_asks_for_an_earlier_order() -> None:
    found = position(supply(lead_time_days=45, safety_days=10), "flowing", [], NOW)
    assert (found.verdict, found.order_by) == ("order_now", days(-5))


def test_a_restricted_lane_outweighs_all_else() -> None:
    found = position(supply(lead_time_days=52), "restricted", [], NOW)
    assert (found.verdict, found.says) == ("lane_shut", "magnets:CN:DE is restricted; the stock lasts until 2025-07-21")


@pytest.mark.parametrize(
    "closes_at, verdict, says",
    [
        (51, "enough", "order by"),
        (45, "lane_closes_first", "order by 2025-06-16, so that the goods come before"),
        (20, "lane_closes_first", "order now, so that"),
    ],
)
def test_a_lane_that_closes_before_the_next_delivery_brings_the_order_forward(
    closes_at: float, verdict: str, says: str
) -> None:
    what = [Closing("quota Q", days(400), "ends"), Closing("licence L", days(closes_at), "runs_out")]
    found = position(supply(), "flowing", what, NOW)
    assert found.verdict == verdict
    assert says in found.says
    assert found.closes == what[1]
    if verdict != "enough":
        assert "licence L is likely to be used up on" in found.says


def told(since: float | None) -> Forecast:
    return Forecast("runs_out", 1.0, Span(None, None if since is None else days(since), None))


def test_a_licence_closes_when_the_last_of_its_lines_is_likely_used_up() -> None:
    assert closing("L", days(90), [told(10), told(20)], NOW) == Closing("L", days(20), "runs_out")


def test_a_licence_of_which_a_line_lasts_closes_at_its_end() -> None:
    assert closing("L", days(90), [told(10), told(None)], NOW) == Closing("L", days(90), "ends")
    assert closing("L", days(90), [], NOW) == Closing("L", days(90), "ends")


def test_what_has_nothing_left_is_shut() -> None:
    nothing = Forecast("used_up", 1.0)
    assert closing("Q", days(90), [nothing], NOW) == Closing("Q", NOW, "shut")
    assert closing("L", days(90), [nothing, told(20)], NOW) == Closing("L", days(20), "runs_out")
    found = position(supply(), "flowing", [closing("quota Q", days(90), [nothing], NOW)], NOW)
    assert found.verdict == "lane_closes_first"
    assert "quota Q lets nothing pass now: order now" in found.says


def test_a_very_large_stock_is_told_as_lasting_a_century() -> None:
    most = supply(stock={"value": "1000000000", "unit": "TNE"}, daily_use={"value": "0.000001"})
    assert position(most, None, [], NOW).lasts_until == NOW + timedelta(days=365 * 100)


@pytest.mark.parametrize(
    "over, says",
    [
        ({"daily_use": {"value": "0"}}, "must be more than nothing"),
        ({"licences": ["L", "M", "L"]}, "L is named before"),
        ({"lead_time_days": -1}, "`int` >= 0"),
        ({"stock": {"value": "-1"}}, "must not be negative"),
    ],
)
def test_what_makes_no_sense_is_refused(over: dict[str, Any], says: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=says):
        supply(**over)
