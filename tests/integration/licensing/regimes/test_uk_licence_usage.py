"""The United Kingdom's export licences and the usage that customs report, under `regimes/uk-licence-usage.json`."""

import json
from typing import Any

from tests.integration.licensing.conftest import Desk
from tests.support.regimes import (
    amounts,
    announced,
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
from tests.support.trade import tick

FILE = "uk-licence-usage"
GOODS = {"hs": "810199", "form": "metal", "control_code": "1C117"}
BOTH = {"covers": {}, "mass": kilos(100), "value": money(50_000, "GBP")}


def licence(licence_id: str = "L", line: dict[str, Any] = BOTH, **over: Any) -> bytes:
    return permission(licence_id, "ECJU", line, origin="GB", destinations=["IN"], **over)


def export(name: str, mass: int, pounds: int, day: str = "2025-06-02", **over: Any) -> bytes:
    where = {"origin": "GB", "destination": "IN", "licences": ["L"], "value": money(pounds, "GBP")}
    return shipment(name, day, GOODS, kilos(mass), **{**where, **over})


async def state(desk: Desk) -> str:
    (row,) = await desk.sql("SELECT state FROM licensing.licence WHERE licence_id = 'L'")
    return str(row.state)


async def test_a_licence_is_needed_from_the_orders_day_on(desk: Desk) -> None:
    await desk.feed(*events(FILE), export("BEFORE", 1, 1, "2009-04-05", licences=[]))
    await desk.feed(export("AFTER", 1, 1, "2009-04-06", licences=[]))
    assert await outcome(desk, "BEFORE") == "permitted"
    assert await refusing(desk, "AFTER") == "licence.required"


async def test_a_kind_that_the_order_does_not_know_is_refused(desk: Desk) -> None:
    await desk.feed(*events(FILE), licence(kind="single_use"), export("A", 1, 1))
    assert await refusing(desk, "A") == "licence.kind"


async def test_a_line_counts_quantity_and_value_and_either_can_refuse(desk: Desk) -> None:
    await desk.feed(*events(FILE), licence(), export("A", 40, 30_000))
    assert await balance(desk, "licence:L:1") == (100, 40, 0)
    assert await amounts(desk, "licence:L:1:value") == (500_000_000, 300_000_000, 0)
    await desk.feed(export("HEAVY", 61, 1), export("DEAR", 1, 20_001))
    assert await refusing(desk, "HEAVY") == "licence.balance"
    assert await refusing(desk, "DEAR") == "licence.value"
    assert (await said(desk, "DEAR", "licence.value"))["figures"]["left"] == "20,000.00 GBP"


async def test_a_line_by_value_does_not_count_quantity(desk: Desk) -> None:
    await desk.feed(*events(FILE), licence(line={"covers": {}, "value": money(50_000, "GBP")}))
    await desk.feed(export("A", 1_000_000, 50_000), export("B", 1, 1))
    assert await outcome(desk, "A") == "permitted"
    assert await refusing(desk, "B") == "licence.value"


async def test_a_value_in_another_currency_is_refused(desk: Desk) -> None:
    await desk.feed(*events(FILE), licence(), export("A", 1, 0, value=money(1, "USD")))
    assert await outcome(desk, "A") == "denied"
    assert await amounts(desk, "licence:L:1:value") == (500_000_000, 0, 0)


async def test_an_open_line_limits_nothing_and_counts_nothing(desk: Desk) -> None:
    await desk.feed(*events(FILE), licence(line={"covers": {}}, kind="general"), export("A", 1_000_000, 9_000_000))
    assert await outcome(desk, "A") == "permitted"
    assert not await desk.sql("SELECT 1 FROM licensing.account WHERE account_id LIKE 'licence:L:%'")


async def test_a_licence_is_exhausted_when_its_lines_are_used_and_open_again_when_customs_adjust(desk: Desk) -> None:
    await desk.feed(*events(FILE), licence(), export("A", 100, 50_000))
    await desk.feed(step("trade.shipment.cleared", "2025-06-03", shipment_id="A"))
    assert await state(desk) == "exhausted"
    assert len(await announced(desk, "lanewatch.licence.exhausted")) == 1
    await desk.feed(export("A", 90, 45_000, "2025-06-10", kind="trade.shipment.corrected", reason="adjusted"))
    assert await balance(desk, "licence:L:1") == (100, 0, 90)
    assert await state(desk) == "active"
    await desk.feed(export("B", 10, 5_000, "2025-06-11"))
    assert await outcome(desk, "B") == "permitted"


async def test_a_usage_that_customs_take_back_is_refunded_at_any_stage(desk: Desk) -> None:
    await desk.feed(*events(FILE), licence(), export("A", 40, 30_000, id="usage-1"))
    for milestone in ("cleared", "departed", "delivered"):
        await desk.feed(step(f"trade.shipment.{milestone}", "2025-06-03", shipment_id="A"))
    assert await balance(desk, "licence:L:1") == (100, 0, 40)
    contra = {"entity": "shipment:A", "source": "/test", "id": "usage-1", "reason": "contra by customs"}
    await desk.feed(step("trade.event.retracted", "2025-06-20", **contra))
    assert await balance(desk, "licence:L:1") == (100, 0, 0)
    assert await amounts(desk, "licence:L:1:value") == (500_000_000, 0, 0)


async def test_a_total_reported_from_before_counts_as_used(desk: Desk) -> None:
    before = {"licence_id": "L", "line_no": 1, "mass": kilos(70), "value": money(20_000, "GBP")}
    await desk.feed(*events(FILE), licence(), step("trade.licence.use_brought_forward", "2025-02-03", **before))
    await desk.feed(export("A", 31, 1), export("B", 30, 30_000))
    assert await refusing(desk, "A") == "licence.balance"
    assert await outcome(desk, "B") == "permitted"
    assert await balance(desk, "licence:L:1") == (100, 30, 70)


async def test_an_update_keeps_what_was_used(desk: Desk) -> None:
    await desk.feed(*events(FILE), licence(), export("A", 40, 30_000))
    more = {"covers": {}, "mass": kilos(50), "value": money(50_000, "GBP")}
    await desk.feed(licence(line=more, event="trade.licence.amended"))
    assert await balance(desk, "licence:L:1") == (50, 40, 0)
    await desk.feed(export("B", 11, 1), export("C", 10, 1))
    assert await refusing(desk, "B") == "licence.balance"
    assert await outcome(desk, "C") == "permitted"


async def test_a_surrendered_licence_is_not_drawn_again(desk: Desk) -> None:
    await desk.feed(*events(FILE), licence(), export("A", 40, 30_000))
    await desk.feed(step("trade.licence.surrendered", "2025-06-03", licence_id="L"))
    await desk.feed(export("B", 1, 1, "2025-06-04"))
    assert await refusing(desk, "B") == "licence.state"
    await desk.feed(step("trade.shipment.cleared", "2025-06-05", shipment_id="A"))
    assert await balance(desk, "licence:L:1") == (100, 0, 40)
    assert await state(desk) == "surrendered"


async def test_a_licence_expires_by_its_date_and_not_by_the_day_its_usage_is_reported(desk: Desk) -> None:
    await desk.feed(*events(FILE), licence(), tick("2026-01-02T00:00:00Z"))
    assert await state(desk) == "expired"
    await desk.feed(export("BEFORE", 1, 1, "2025-12-31"), export("AFTER", 1, 1, "2026-01-01"))
    assert await outcome(desk, "BEFORE") == "permitted"
    assert await refusing(desk, "AFTER") == "licence.validity"


async def test_a_suspended_licence_can_be_reinstated_and_a_cancelled_one_cannot(desk: Desk) -> None:
    await desk.feed(*events(FILE), licence(), step("trade.licence.suspended", "2025-05-02", licence_id="L"))
    await desk.feed(export("A", 1, 1), step("trade.licence.reinstated", "2025-06-10", licence_id="L"))
    await desk.feed(export("B", 1, 1, "2025-06-11"), step("trade.licence.revoked", "2025-06-12", licence_id="L"))
    await desk.feed(export("C", 1, 1, "2025-06-13"))
    assert await refusing(desk, "A") == "licence.state"
    assert await outcome(desk, "B") == "permitted"
    assert await refusing(desk, "C") == "licence.state"


async def test_lines_are_counted_apart_and_a_shipment_draws_on_the_line_of_its_goods(desk: Desk) -> None:
    lines = [
        {"line_no": 1, "covers": {"control_codes": ["1C117"]}, "mass": kilos(10)},
        {"line_no": 2, "covers": {"control_codes": ["1C226"]}, "mass": kilos(20)},
    ]
    await desk.feed(*events(FILE), licence(lines=lines), export("A", 10, 1))
    other = json.loads(export("B", 15, 1))
    other["data"]["lines"][0]["commodity"]["control_code"] = "1C226"
    await desk.feed(json.dumps(other).encode(), export("C", 1, 1))
    assert await balance(desk, "licence:L:1") == (10, 10, 0)
    assert await balance(desk, "licence:L:2") == (20, 15, 0)
    assert await refusing(desk, "C") == "licence.balance"
