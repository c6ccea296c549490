"""China's rare-earth export quotas of 2013 and 2014, with the published figures of `regimes/cn-quotas-*.json`."""

from decimal import Decimal
from typing import Any

import pytest

from tests.integration.licensing.conftest import Desk
from tests.support.regimes import (
    announced,
    balance,
    content,
    events,
    kilos,
    left,
    outcome,
    reasons,
    refusing,
    said,
    shipment,
    step,
    tonnes,
)
from tests.support.trade import tick

LIGHT = {"hs": "284690", "elements": ["La"], "form": "oxide"}
HEAVY = {"hs": "284690", "elements": ["Dy"], "form": "oxide"}
GRIREM, GANSU, MINMETALS = "Grirem Advanced Materials", "Gansu Rare Earth New Materials", "China Minmetals Nonferrous"
HEFA, OTHERS = "Baotou Hefa Rare Earth", "the-other-companies-of-the-list"
OPENS = {2013: "2013-07-01", 2014: "2014-07-18"}
"""The day of each year's second batch."""
PUBLISHED = {
    2013: ((15_501, 13_563, 1_938), (15_500, 13_821, 1_679), 31_001),
    2014: ((15_110, 13_314, 1_796), (15_500, 13_691, 1_809), 30_610),
}
"""By year: tonnes of the first and the second batch, all, light, medium and heavy; and of the year."""


def export(name: str, exporter: str, day: str, goods: dict[str, Any], mass: dict[str, str]) -> bytes:
    return shipment(name, day, goods, mass, exporter=exporter, origin="CN", destination="JP")


def first(year: int) -> list[bytes]:
    """Return what was published before the year, and the beginning of the year in China, which opens the tranches."""
    return [*events(f"cn-quotas-{year}", until=f"{year}-01-01"), tick(f"{year - 1}-12-31T16:00:00Z")]


def second(year: int) -> list[bytes]:
    return events(f"cn-quotas-{year}", after=f"{year}-01-01")


async def granted(desk: Desk, year: int) -> tuple[Decimal | int, ...]:
    accounts = (f"quota:CN-RE-{year}{part}" for part in ("", ":sub:light", ":sub:medium-heavy"))
    return tuple([(await balance(desk, account))[0] for account in accounts])


def shares(year: int, quota: str) -> dict[str, int]:
    """Return the tonnes of each company, over both batches."""
    found: dict[str, int] = {}
    for event in content(f"cn-quotas-{year}")["events"]:
        if event["data"]["quota_id"] == quota:
            for tranche in (event["data"], *event["data"].get("tranches", [])):
                for one in tranche.get("allocations", []):
                    found[one["exporter"]] = found.get(one["exporter"], 0) + int(one["amount"]["value"])
    return found


@pytest.mark.parametrize("year", [2013, 2014])
async def test_each_batch_adds_the_published_figures_to_the_kilogram(desk: Desk, year: int) -> None:
    batch_1, batch_2, whole = PUBLISHED[year]
    await desk.feed(*first(year))
    assert await granted(desk, year) == tuple(1000 * figure for figure in batch_1)
    await desk.feed(*second(year))
    assert await granted(desk, year) == tuple(1000 * (a + b) for a, b in zip(batch_1, batch_2, strict=True))
    assert await left(desk, f"quota:CN-RE-{year}") == 1000 * whole


@pytest.mark.parametrize("year", [2013, 2014])
async def test_a_year_in_which_all_is_exported_ends_at_zero_in_every_account(desk: Desk, year: int) -> None:
    await desk.feed(*first(year), *second(year))
    for quota, goods in ((f"CN-RE-{year}-LIGHT", LIGHT), (f"CN-RE-{year}-MEDIUM-HEAVY", HEAVY)):
        for exporter, mass in sorted(shares(year, quota).items()):
            name = f"{quota} {exporter}"
            await desk.feed(export(name, exporter, f"{year}-09-02", goods, tonnes(mass)))
            await desk.feed(step("trade.shipment.cleared", f"{year}-09-03", shipment_id=name))
            assert await outcome(desk, name) == "permitted", await reasons(desk, name)
    rows = await desk.sql("SELECT account_id, granted, reserved, written_off FROM licensing.account")
    assert [row.account_id for row in rows if row.reserved or row.written_off != row.granted] == []
    assert await balance(desk, f"quota:CN-RE-{year}") == (1000 * PUBLISHED[year][2], 0, 1000 * PUBLISHED[year][2])
    await desk.feed(export("MORE", OTHERS, f"{year}-09-04", LIGHT, kilos("0.001")))
    assert await outcome(desk, "MORE") == "denied"


@pytest.mark.parametrize("year", [2013, 2014])
async def test_the_second_batch_can_be_drawn_from_its_day_on(desk: Desk, year: int) -> None:
    await desk.feed(*first(year))
    own = next(
        int(one["amount"]["value"])
        for event in content(f"cn-quotas-{year}")["events"]
        for tranche in event["data"].get("tranches", [])
        for one in tranche["allocations"]
        if event["data"]["quota_id"].endswith("LIGHT") and one["exporter"] == GRIREM
    )
    await desk.feed(export("A", GRIREM, f"{year}-03-04", LIGHT, tonnes(own)))
    await desk.feed(export("EARLY", GRIREM, f"{year}-06-28", LIGHT, tonnes(1)))
    assert await refusing(desk, "EARLY") == "quota.allocation"
    await desk.feed(*second(year), export("LATE", GRIREM, OPENS[year], LIGHT, tonnes(1)))
    assert await outcome(desk, "LATE") == "permitted"
    assert f"CN-RE-{year}" in [alert["quota_id"] for alert in await announced(desk, "lanewatch.quota.tranche_released")]


@pytest.mark.parametrize("year", [2013, 2014])
async def test_beyond_a_sub_limit_nothing_is_exported_though_the_whole_has_room(desk: Desk, year: int) -> None:
    await desk.feed(*first(year))
    heavy = PUBLISHED[year][0][2]
    # So that only the sub-limit stands in the way, the company holds all of it and more.
    more = {"quota_id": f"CN-RE-{year}-MEDIUM-HEAVY", "allocations": [{"exporter": OTHERS, "amount": tonnes(heavy)}]}
    await desk.feed(step("trade.quota.allocated", f"{year}-01-02", **more))
    await desk.feed(export("ALL", OTHERS, f"{year}-02-04", HEAVY, tonnes(heavy)))
    await desk.feed(export("BEYOND", OTHERS, f"{year}-02-05", HEAVY, kilos(1)))
    await desk.feed(export("LIGHT", OTHERS, f"{year}-02-05", LIGHT, kilos(1)))
    assert await outcome(desk, "ALL") == "permitted"
    found = [one for one in await reasons(desk, "BEYOND") if one["rule"] == "quota.sub_limit"]
    assert [one["figures"]["left"] for one in found] == ["0 kg"]
    assert await outcome(desk, "BEYOND") == "denied"
    assert await outcome(desk, "LIGHT") == "permitted"
    assert await left(desk, f"quota:CN-RE-{year}") == 1000 * PUBLISHED[year][0][1] - 1


async def test_a_company_has_its_share_of_each_kind_and_no_more(desk: Desk) -> None:
    await desk.feed(*first(2013))
    await desk.feed(export("A", GANSU, "2013-02-04", LIGHT, tonnes(814)))
    await desk.feed(
        export("B", GANSU, "2013-02-05", LIGHT, kilos(1)), export("C", GANSU, "2013-02-05", HEAVY, tonnes(88))
    )
    assert await outcome(desk, "A") == "permitted"
    assert await refusing(desk, "B") == "quota.allocation"
    assert (await said(desk, "B", "quota.allocation"))["figures"]["granted"] == "814,000 kg"
    assert await outcome(desk, "C") == "permitted"


async def test_a_company_without_a_share_exports_nothing_until_a_later_batch_admits_it(desk: Desk) -> None:
    """Baotou Hefa had a share in 2013 and none in the first batch of 2014; what admits it here is the test's own."""
    await desk.feed(*first(2013), export("2013", HEFA, "2013-02-04", LIGHT, tonnes(421)))
    assert await outcome(desk, "2013") == "permitted"
    await desk.feed(*first(2014), export("2014", HEFA, "2014-02-04", LIGHT, kilos(1)))
    assert await refusing(desk, "2014") == "quota.allocation"
    assert await left(desk, "quota:CN-RE-2014") == 15_110_000
    await desk.feed(*second(2014))
    admitted = {"quota_id": "CN-RE-2014-LIGHT", "allocations": [{"exporter": HEFA, "amount": tonnes(100)}]}
    await desk.feed(step("trade.quota.allocated", "2014-07-21", **admitted))
    await desk.feed(export("LATER", HEFA, "2014-07-22", LIGHT, tonnes(100)))
    await desk.feed(export("TOO-MUCH", HEFA, "2014-07-23", LIGHT, kilos(1)))
    assert await outcome(desk, "LATER") == "permitted"
    assert await refusing(desk, "TOO-MUCH") == "quota.allocation"


async def test_a_company_entered_with_the_second_batch_exports_nothing_before_it(desk: Desk) -> None:
    """Yiyang Hongyuan's line is legible in the second list of 2013 alone; in the first it is among the others."""
    company = "Yiyang Hongyuan Rare Earth"
    await desk.feed(*first(2013), export("EARLY", company, "2013-06-28", LIGHT, kilos(1)))
    assert await refusing(desk, "EARLY") == "quota.allocation"
    await desk.feed(*second(2013), export("LATE", company, "2013-07-01", LIGHT, tonnes(712)))
    await desk.feed(export("BEYOND", company, "2013-07-02", LIGHT, kilos(1)))
    assert await outcome(desk, "LATE") == "permitted"
    assert await refusing(desk, "BEYOND") == "quota.allocation"


async def test_what_a_company_returns_can_be_given_to_another(desk: Desk) -> None:
    await desk.feed(*first(2013), *second(2013))
    quota = "CN-RE-2013-LIGHT"
    back = {"quota_id": quota, "exporter": MINMETALS, "amount": tonnes(300)}
    await desk.feed(step("trade.quota.returned", "2013-10-30", **back))
    await desk.feed(export("A", MINMETALS, "2013-11-04", LIGHT, tonnes(710 + 670 - 300)))
    await desk.feed(export("B", MINMETALS, "2013-11-05", LIGHT, kilos(1)))
    assert await outcome(desk, "A") == "permitted"
    assert await refusing(desk, "B") == "quota.allocation"
    given = {"quota_id": quota, "allocations": [{"exporter": GANSU, "amount": tonnes(300)}]}
    await desk.feed(step("trade.quota.allocated", "2013-11-06", **given))
    await desk.feed(export("C", GANSU, "2013-11-07", LIGHT, tonnes(814 + 881 + 300)))
    assert await outcome(desk, "C") == "permitted"


async def test_what_the_companies_leave_unused_lapses_with_the_year(desk: Desk) -> None:
    """By the end of October 2013 17,911 t had been exported, as published 57.8 % of the year's quota."""
    await desk.feed(*first(2013), *second(2013), *first(2014))
    await desk.feed(export("UNTIL-OCTOBER-1", OTHERS, "2013-10-30", LIGHT, tonnes(8_016)))
    drawn, mass = 8_016, 0
    for exporter, share in sorted(shares(2013, "CN-RE-2013-LIGHT").items()):
        mass = min(share, 17_911 - drawn) if exporter != OTHERS else 0
        if mass > 0:
            await desk.feed(export(f"UNTIL-OCTOBER {exporter}", exporter, "2013-10-30", LIGHT, tonnes(mass)))
            drawn += mass
    assert drawn == 17_911
    account = "quota:CN-RE-2013"
    assert await left(desk, account) == 13_090_000
    assert round(Decimal(17_911) / 31_001 * 100, 1) == Decimal("57.8")
    await desk.feed(export("NEW-YEAR", GRIREM, "2014-01-02", LIGHT, tonnes(974)))
    await desk.feed(export("NOT-CARRIED-OVER", GRIREM, "2014-01-03", LIGHT, kilos(1)))
    assert await outcome(desk, "NEW-YEAR") == "permitted"
    assert await refusing(desk, "NOT-CARRIED-OVER") == "quota.allocation"
    assert await left(desk, account) == 13_090_000
