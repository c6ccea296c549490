"""The Union's tariff quotas in the order of acceptance, as they stand in `regimes/eu-tariff-quotas.json`.

A declaration claims a quota; one that does not, or whose claim is refused, may still come in at the full duty.
"""

from decimal import Decimal
from typing import Any

from tests.integration.licensing.conftest import Desk
from tests.support.regimes import (
    announced,
    balance,
    events,
    left,
    outcome,
    refusing,
    said,
    shipment,
    step,
    tonnes,
)
from tests.support.trade import tick

FILE = "eu-tariff-quotas"
VANADIUM, TUNGSTEN = "EU-09.2703", "EU-09.2806"
GOODS = {VANADIUM: {"hs": "2825300010", "form": "oxide"}, TUNGSTEN: {"hs": "2825904030", "form": "oxide"}}

CHINA_TO_GERMANY = {"origin": "CN", "destination": "DE"}


def claim(name: str, quota: str, day: str, mass: str | int, to: str = "DE", **over: Any) -> bytes:
    use = {"end_use": quota.replace("EU-", "claim-"), "origin": "CN", "destination": to}
    return shipment(name, day, GOODS[quota], tonnes(mass), **{**use, **over})


async def test_claims_are_met_in_the_order_of_acceptance_whatever_the_member_state(desk: Desk) -> None:
    await desk.feed(*events(FILE), claim("A", VANADIUM, "2010-02-01", 7000, "FR"))
    await desk.feed(claim("B", VANADIUM, "2010-02-02", 7000, "DE"), claim("C", VANADIUM, "2010-02-03", 6000, "IT"))
    assert await outcome(desk, "A") == "permitted"
    assert await refusing(desk, "B") == "quota.balance"
    figures = (await said(desk, "B", "quota.balance"))["figures"]
    assert (figures["asked"], figures["left"]) == ("7,000,000 kg", "6,000,000 kg")
    assert await outcome(desk, "C") == "permitted"
    assert await balance(desk, f"quota:{VANADIUM}") == (13_000_000, 13_000_000, 0)


async def test_who_does_not_claim_the_quota_does_not_draw_on_it(desk: Desk) -> None:
    await desk.feed(*events(FILE), claim("ALL", VANADIUM, "2010-02-01", 13000))
    await desk.feed(claim("FULL-DUTY", VANADIUM, "2010-02-02", 1, end_use=None))
    await desk.feed(claim("ABROAD", VANADIUM, "2010-02-02", 1, "CH"))
    assert await outcome(desk, "FULL-DUTY") == "permitted"
    assert await outcome(desk, "ABROAD") == "permitted"
    assert await left(desk, f"quota:{VANADIUM}") == 0


async def test_a_quota_concerns_its_own_customs_code_only(desk: Desk) -> None:
    await desk.feed(*events(FILE), claim("A", VANADIUM, "2010-02-01", 1))
    other = shipment("B", "2010-02-01", GOODS[TUNGSTEN], tonnes(1), end_use="claim-09.2703", **CHINA_TO_GERMANY)
    await desk.feed(other)
    assert await outcome(desk, "B") == "permitted"
    assert await left(desk, f"quota:{VANADIUM}") == 12_999_000
    assert await left(desk, f"quota:{TUNGSTEN}") == 12_000_000


async def test_a_quota_is_critical_from_ninety_percent_on_and_says_so_once(desk: Desk) -> None:
    await desk.feed(*events(FILE), claim("A", VANADIUM, "2010-02-01", "11699.999"))
    assert not await announced(desk, "lanewatch.quota.critical")
    await desk.feed(claim("B", VANADIUM, "2010-02-02", "0.001"), claim("C", VANADIUM, "2010-02-03", 100))
    (alert,) = await announced(desk, "lanewatch.quota.critical")
    assert (alert["quota_id"], alert["left_kg"]) == (VANADIUM, "1300000")
    await desk.feed(claim("D", VANADIUM, "2010-02-04", 1200))
    (alert,) = await announced(desk, "lanewatch.quota.exhausted")
    assert alert["left_kg"] == "0"


async def test_what_is_asked_for_on_the_opening_day_is_shared_out_in_proportion(desk: Desk) -> None:
    await desk.feed(*events(FILE), claim("A", TUNGSTEN, "2010-01-01", 8000), claim("B", TUNGSTEN, "2010-01-01", 10000))
    assert await outcome(desk, "A") is None
    assert await outcome(desk, "B") is None
    await desk.feed(tick("2010-01-02T00:00:00Z"))
    shares = {"A": Decimal("5333333.333333"), "B": Decimal("6666666.666666")}
    for name, share in shares.items():
        assert await outcome(desk, name) == "held"
        assert (await said(desk, name, "quota.share"))["figures"]["allotted"] == f"{share:,} kg"
    assert await balance(desk, f"quota:{TUNGSTEN}") == (12_000_000, sum(shares.values()), 0)


async def test_who_takes_his_share_is_permitted_and_who_does_not_gives_it_back(desk: Desk) -> None:
    await desk.feed(*events(FILE), claim("A", TUNGSTEN, "2010-01-01", 12000), claim("B", TUNGSTEN, "2010-01-01", 12000))
    await desk.feed(tick("2010-01-02T00:00:00Z"))
    assert await balance(desk, f"quota:{TUNGSTEN}") == (12_000_000, 12_000_000, 0)
    await desk.feed(claim("A", TUNGSTEN, "2010-01-02", 6000, kind="trade.shipment.corrected"))
    await desk.feed(step("trade.shipment.cancelled", "2010-01-02", shipment_id="B"))
    assert await outcome(desk, "A") == "permitted"
    assert len((await desk.shipment("B"))["decisions"]) == 1
    assert (await said(desk, "B", "quota.share"))["figures"]["allotted"] == "6,000,000 kg"
    assert await balance(desk, f"quota:{TUNGSTEN}") == (12_000_000, 6_000_000, 0)


async def test_the_opening_day_gives_everyone_what_he_asks_for_when_there_is_enough(desk: Desk) -> None:
    await desk.feed(*events(FILE), claim("A", TUNGSTEN, "2010-01-01", 5000), claim("B", TUNGSTEN, "2010-01-01", 7000))
    assert await outcome(desk, "A") is None
    await desk.feed(tick("2010-01-02T00:00:00Z"), claim("C", TUNGSTEN, "2010-01-02", 1))
    assert [await outcome(desk, name) for name in "ABC"] == ["permitted", "permitted", "denied"]


async def test_claims_on_a_blocked_quota_wait_and_are_met_when_it_opens_again(desk: Desk) -> None:
    await desk.feed(*events(FILE), step("trade.quota.blocked", "2010-02-01", quota_id=VANADIUM))
    await desk.feed(claim("A", VANADIUM, "2010-02-02", 9000), claim("B", VANADIUM, "2010-02-03", 9000))
    assert await outcome(desk, "A") is None
    await desk.feed(step("trade.quota.reopened", "2010-02-10", quota_id=VANADIUM))
    assert await outcome(desk, "A") == "permitted"
    assert await refusing(desk, "B") == "quota.balance"


async def test_a_suspended_quota_is_not_available(desk: Desk) -> None:
    await desk.feed(*events(FILE), step("trade.quota.suspended", "2010-02-01", quota_id=VANADIUM))
    await desk.feed(claim("A", VANADIUM, "2010-02-02", 1))
    await desk.feed(step("trade.quota.reopened", "2010-02-10", quota_id=VANADIUM))
    await desk.feed(claim("B", VANADIUM, "2010-02-11", 1))
    assert await outcome(desk, "A") == "denied"
    assert await outcome(desk, "B") == "permitted"


async def test_a_quantity_that_is_returned_can_be_claimed_by_others(desk: Desk) -> None:
    await desk.feed(*events(FILE), claim("A", VANADIUM, "2010-02-01", 12000), claim("B", VANADIUM, "2010-02-01", 1000))
    await desk.feed(step("trade.shipment.cleared", "2010-02-02", shipment_id="A"))
    await desk.feed(claim("A", VANADIUM, "2010-02-05", 11000, kind="trade.shipment.corrected"))
    await desk.feed(step("trade.shipment.cancelled", "2010-02-06", shipment_id="B"))
    assert await balance(desk, f"quota:{VANADIUM}") == (13_000_000, 0, 11_000_000)
    await desk.feed(claim("C", VANADIUM, "2010-02-07", 2000))
    assert await outcome(desk, "C") == "permitted"


async def test_what_is_not_used_lapses_at_the_end_of_the_period(desk: Desk) -> None:
    await desk.feed(*events(FILE), claim("A", VANADIUM, "2010-12-31T23:59:59Z", 1000))
    await desk.feed(claim("B", VANADIUM, "2011-01-01T00:00:00Z", 1000))
    assert await left(desk, f"quota:{VANADIUM}") == 12_000_000
