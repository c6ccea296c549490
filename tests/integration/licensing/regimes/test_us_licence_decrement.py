"""The United States' licence decrement and shipping tolerances, as in `regimes/us-licence-decrement.json`."""

from typing import Any

from tests.integration.licensing.conftest import Desk
from tests.support.regimes import (
    amounts,
    balance,
    events,
    kilos,
    money,
    outcome,
    permission,
    refusing,
    said,
    shipment,
    step,
)

FILE = "us-licence-decrement"
GOODS = {"hs": "810199", "form": "metal", "control_code": "1C117"}
NOW: dict[str, Any] = {"valid_from": "2025-01-01T00:00:00Z", "valid_until": "2029-01-01T00:00:00Z"}
EARLIER: dict[str, Any] = {"valid_from": "2012-01-01T00:00:00Z", "valid_until": "2018-01-01T00:00:00Z"}


def licence(*, mass: int = 1000, dollars: int = 100_000, **over: Any) -> bytes:
    line = {"covers": {}, "mass": kilos(mass), "value": money(dollars, "USD")}
    return permission("L", "BIS", line, origin="US", destinations=["IN"], **{**NOW, **over})


def export(name: str, mass: str | int, dollars: int, day: str = "2025-06-02") -> bytes:
    where = {"origin": "US", "destination": "IN", "licences": ["L"], "value": money(dollars, "USD")}
    return shipment(name, day, GOODS, kilos(mass), **where)


async def dollars(desk: Desk) -> tuple[int, ...]:
    return tuple(amount // 10_000 for amount in await amounts(desk, "licence:L:1:value"))


async def test_each_filing_is_taken_off_the_value_of_its_licence(desk: Desk) -> None:
    await desk.feed(*events(FILE), licence(), export("A", 100, 30_000), export("B", 100, 20_000))
    await desk.feed(step("trade.shipment.cleared", "2025-06-03", shipment_id="A"))
    assert await dollars(desk) == (100_000, 20_000, 30_000)
    assert (await said(desk, "B", "licence.value"))["figures"]["left"] == "70,000.00 USD"


async def test_a_tenth_more_than_the_value_is_tolerated(desk: Desk) -> None:
    await desk.feed(*events(FILE), licence(), export("A", 100, 90_000), export("B", 100, 20_000))
    found = await said(desk, "B", "licence.value")
    assert await outcome(desk, "B") == "permitted"
    assert found["figures"]["tolerance"] == "10,000.00 USD"
    assert not found["says"].startswith("warning")
    assert await dollars(desk) == (100_000, 110_000, 0)


async def test_beyond_the_tolerance_a_filing_is_warned_of_and_not_stopped(desk: Desk) -> None:
    await desk.feed(*events(FILE), licence(), export("A", 100, 90_000), export("B", 100, 20_001))
    await desk.feed(export("C", 100, 5_000))
    for name in ("B", "C"):
        assert await outcome(desk, name) == "permitted"
        assert (await said(desk, name, "licence.value"))["says"].startswith("warning")
    granted, reserved, _ = await dollars(desk)
    assert reserved <= granted * 110 // 100
    await desk.feed(step("trade.shipment.cancelled", "2025-06-03", shipment_id="A"))
    assert (await dollars(desk))[1] == reserved - 90_000


async def test_a_line_that_has_enough_is_drawn_before_one_that_would_only_warn(desk: Desk) -> None:
    lines = [
        {"line_no": number, "covers": {}, "value": money(dollars, "USD")} for number, dollars in ((1, 10), (2, 90))
    ]
    await desk.feed(*events(FILE), licence(lines=lines), export("A", 1, 50))
    assert await outcome(desk, "A") == "permitted"
    assert not (await said(desk, "A", "licence.value"))["says"].startswith("warning")
    assert await amounts(desk, "licence:L:1:value") == (100_000, 0, 0)
    assert await amounts(desk, "licence:L:2:value") == (900_000, 500_000, 0)


async def test_no_tolerance_goes_beyond_the_quantity(desk: Desk) -> None:
    await desk.feed(*events(FILE), licence(), export("A", 1001, 1), export("B", 1000, 1))
    assert await refusing(desk, "A") == "licence.balance"
    assert await outcome(desk, "B") == "permitted"


async def test_nothing_is_shipped_once_the_full_quantity_has_been_though_value_is_left(desk: Desk) -> None:
    await desk.feed(*events(FILE), licence(), export("A", 1000, 10_000), export("B", "0.001", 1))
    assert await refusing(desk, "B") == "licence.balance"
    assert await dollars(desk) == (100_000, 10_000, 0)


async def test_a_licence_that_is_not_active_stops_a_filing_whatever_the_warnings(desk: Desk) -> None:
    await desk.feed(*events(FILE), licence(), step("trade.licence.suspended", "2025-03-03", licence_id="L"))
    await desk.feed(export("A", 1, 1), step("trade.licence.reinstated", "2025-06-10", licence_id="L"))
    await desk.feed(export("B", 1, 1, "2025-06-11"), export("C", 1, 1, "2024-12-30"))
    assert await refusing(desk, "A") == "licence.state"
    assert await outcome(desk, "B") == "permitted"
    assert await refusing(desk, "C") == "licence.validity"


async def test_by_the_earlier_rule_a_tenth_of_what_is_unshipped_may_be_added(desk: Desk) -> None:
    await desk.feed(*events(FILE), licence(**EARLIER), export("A", 600, 1, "2013-03-04"))
    await desk.feed(export("B", "440.001", 1, "2013-03-05"), export("C", 440, 1, "2013-03-06"))
    assert await refusing(desk, "B") == "licence.balance"
    assert (await said(desk, "B", "licence.balance"))["figures"]["tolerance"] == "40 kg"
    assert await outcome(desk, "C") == "permitted"
    assert await balance(desk, "licence:L:1") == (1000, 1040, 0)


async def test_by_the_earlier_rule_nothing_more_is_shipped_after_the_full_amount(desk: Desk) -> None:
    await desk.feed(*events(FILE), licence(**EARLIER), export("A", 1000, 1, "2013-03-04"))
    await desk.feed(export("B", "0.001", 1, "2013-03-05"))
    assert await refusing(desk, "B") == "licence.balance"
    assert (await said(desk, "B", "licence.balance"))["figures"]["tolerance"] == "0"


async def test_by_the_earlier_rule_a_quarter_more_than_the_value_is_tolerated_and_no_more(desk: Desk) -> None:
    await desk.feed(*events(FILE), licence(**EARLIER), export("A", 10, 120_000, "2013-03-04"))
    await desk.feed(export("B", 10, 5_001, "2013-03-05"), export("C", 10, 5_000, "2013-03-06"))
    assert await outcome(desk, "A") == "permitted"
    assert await refusing(desk, "B") == "licence.value"
    assert await outcome(desk, "C") == "permitted"
    assert await dollars(desk) == (100_000, 125_000, 0)


async def test_the_day_of_the_export_says_which_of_the_two_rules_holds(desk: Desk) -> None:
    await desk.feed(*events(FILE), licence(**EARLIER), export("A", 10, 125_001, "2016-07-27"))
    await desk.feed(export("B", 10, 125_001, "2016-07-28"))
    assert await refusing(desk, "A") == "licence.value"
    assert await outcome(desk, "B") == "permitted"
