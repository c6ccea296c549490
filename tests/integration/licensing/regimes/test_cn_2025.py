"""China's dual-use and rare-earth announcements of 2023 to 2025, as they stand in `regimes/cn-2025.json`."""

from typing import Any

import pytest

from tests.integration.licensing.conftest import Desk
from tests.support.regimes import (
    amounts,
    balance,
    events,
    kilos,
    outcome,
    permission,
    reasons,
    refusing,
    said,
    shipment,
    step,
)

FILE = "cn-2025"
DY_MAGNET = {"hs": "850511", "elements": ["Nd", "Dy"], "form": "magnet"}
DY_OXIDE = {"hs": "284690", "elements": ["Dy"], "form": "oxide"}
HO_OXIDE = {"hs": "284690", "elements": ["Ho"], "form": "oxide"}
GALLIUM = {"hs": "811292", "elements": ["Ga"], "form": "metal"}
TO_DE = {"origin": "CN", "destination": "DE"}
TO_US = {"origin": "CN", "destination": "US"}


def licence(licence_id: str, kind: str = "general", mass: str | None = "1000", **over: Any) -> bytes:
    line = {"covers": {}, **({"mass": kilos(mass)} if mass else {})}
    return permission(licence_id, "MOFCOM", line, kind=kind, origin="CN", **{"destinations": ["DE", "US"], **over})


async def test_a_measure_applies_from_its_day_on_by_the_time_of_the_export(desk: Desk) -> None:
    await desk.feed(*events(FILE))
    await desk.feed(shipment("AFTER", "2025-04-04", DY_MAGNET, kilos(10), **TO_DE))
    await desk.feed(shipment("BEFORE", "2025-04-03", DY_MAGNET, kilos(10), **TO_DE))
    assert await refusing(desk, "AFTER") == "licence.required"
    assert "No. 18 of 2025" in (await said(desk, "AFTER", "licence.required"))["says"]
    assert await outcome(desk, "BEFORE") == "permitted"
    assert (await said(desk, "BEFORE", "regime.none"))["rule"] == "regime.none"


async def test_elements_and_form_say_what_is_controlled_and_the_customs_code_does_not(desk: Desk) -> None:
    await desk.feed(*events(FILE))
    plain = {**DY_MAGNET, "elements": ["Nd"]}
    motor = {**DY_MAGNET, "form": "other"}
    for name, goods in (("PLAIN", plain), ("MOTOR", motor), ("HEAVY", DY_MAGNET)):
        await desk.feed(shipment(name, "2025-06-02", goods, kilos(10), **TO_DE))
    assert await outcome(desk, "PLAIN") == "permitted"
    assert await outcome(desk, "MOTOR") == "permitted"
    assert await refusing(desk, "HEAVY") == "licence.required"


async def test_goods_whose_elements_are_not_declared_are_held(desk: Desk) -> None:
    await desk.feed(*events(FILE))
    await desk.feed(shipment("S", "2025-06-02", {"hs": "850511", "form": "magnet"}, kilos(10), **TO_DE))
    assert await outcome(desk, "S") == "held"
    assert {reason["rule"] for reason in await reasons(desk, "S")} == {"goods.undeclared"}


@pytest.mark.parametrize(
    "day, expected",
    [
        ("2025-10-20", "permitted"),  # announced on 9 October, in force from 8 November
        ("2025-11-08", "permitted"),  # suspended since 7 November
        ("2026-11-09", "permitted"),
        ("2026-11-10", "denied"),  # back by itself: nobody said so
    ],
)
async def test_a_suspended_measure_comes_back_by_itself(desk: Desk, day: str, expected: str) -> None:
    await desk.feed(*events(FILE), shipment("S", day, HO_OXIDE, kilos(10), **TO_DE))
    assert await outcome(desk, "S") == expected


@pytest.mark.parametrize(
    "day, goods, expected",
    [
        ("2025-10-08", DY_OXIDE, "permitted"),
        ("2025-10-20", DY_OXIDE, "denied"),
        ("2025-10-20", DY_MAGNET, "permitted"),
        ("2025-12-02", DY_MAGNET, "permitted"),  # the second phase began while all of it was suspended
        ("2026-11-11", DY_MAGNET, "denied"),
    ],
)
async def test_a_measure_reaches_further_goods_from_its_second_phase_on(
    desk: Desk, day: str, goods: dict[str, Any], expected: str
) -> None:
    await desk.feed(*events(FILE), shipment("S", day, goods, kilos(10), origin="DE", destination="JP"))
    assert await outcome(desk, "S") == expected


async def test_no_licence_helps_against_a_prohibition_until_it_is_suspended(desk: Desk) -> None:
    await desk.feed(*events(FILE), licence("L", valid_from="2024-12-01T00:00:00Z", valid_until="2026-12-31T00:00:00Z"))
    for name, day, where in (
        ("BANNED", "2025-02-03", TO_US),
        ("ELSEWHERE", "2025-02-03", TO_DE),
        ("SUSPENDED", "2025-11-10", TO_US),
        ("BACK", "2026-11-27", TO_US),
    ):
        await desk.feed(shipment(name, day, GALLIUM, kilos(10), licences=["L"], **where))
    assert await refusing(desk, "BANNED") == "regime.prohibited"
    assert await outcome(desk, "ELSEWHERE") == "permitted"
    assert await outcome(desk, "SUSPENDED") == "permitted"
    assert await refusing(desk, "BACK") == "regime.prohibited"
    assert await balance(desk, "licence:L:1") == (1000, 20, 0)


async def test_military_uses_and_users_are_barred_in_the_country_named_whatever_the_licence(desk: Desk) -> None:
    await desk.feed(*events(FILE), licence("L"))
    military = {"end_use": "military", "licences": ["L"]}
    await desk.feed(shipment("USE", "2025-11-20", GALLIUM, kilos(1), **TO_US, **military))
    user = {"end_user": "military-users-of-the-united-states", "licences": ["L"]}
    await desk.feed(shipment("USER", "2025-11-20", DY_MAGNET, kilos(1), **TO_US, **user))
    await desk.feed(shipment("OTHER", "2025-11-20", GALLIUM, kilos(1), **TO_DE, **military))
    assert await refusing(desk, "USE") == "regime.barred"
    assert await refusing(desk, "USER") == "regime.barred"
    assert await outcome(desk, "OTHER") == "permitted"


async def test_a_licensed_export_draws_on_its_licence_until_that_is_used(desk: Desk) -> None:
    await desk.feed(*events(FILE), licence("L", mass="100"))
    for name in ("A", "B"):
        await desk.feed(shipment(name, "2025-06-02", DY_MAGNET, kilos(60), licences=["L"], **TO_DE))
    assert await outcome(desk, "A") == "permitted"
    assert await refusing(desk, "B") == "licence.balance"
    found = (await said(desk, "B", "licence.balance"))["figures"]
    assert (found["asked"], found["left"], found["granted"]) == ("60 kg", "40 kg", "100 kg")
    await desk.feed(step("trade.shipment.cleared", "2025-06-03", shipment_id="A"))
    assert await balance(desk, "licence:L:1") == (100, 0, 60)


async def test_a_single_use_licence_lapses_with_its_first_shipment(desk: Desk) -> None:
    await desk.feed(*events(FILE), licence("L", "single_use"))
    ask = {"licences": ["L"], **TO_DE}
    await desk.feed(shipment("A", "2025-06-02", DY_MAGNET, kilos(60), **ask))
    await desk.feed(shipment("B", "2025-06-03", DY_MAGNET, kilos(60), **ask))
    assert await refusing(desk, "B") == "licence.single_use"
    assert await amounts(desk, "licence:L:uses") == (1, 1, 0)
    await desk.feed(step("trade.shipment.rejected", "2025-06-03", shipment_id="A"))
    await desk.feed(shipment("C", "2025-06-04", DY_MAGNET, kilos(60), **ask))
    assert await outcome(desk, "C") == "permitted"


async def test_an_individual_licence_is_for_one_end_user_and_a_general_one_for_several(desk: Desk) -> None:
    await desk.feed(*events(FILE), licence("ONE", "individual", end_users=["U1"]))
    await desk.feed(licence("SEVERAL", "general", end_users=["U1", "U2"]))
    for name, licence_id, user in (("A", "ONE", "U1"), ("B", "ONE", "U2"), ("C", "SEVERAL", "U2")):
        ask = {"licences": [licence_id], "end_user": user, **TO_DE}
        await desk.feed(shipment(name, "2025-06-02", DY_MAGNET, kilos(10), **ask))
    assert await outcome(desk, "A") == "permitted"
    assert await refusing(desk, "B") == "licence.end_user"
    assert await outcome(desk, "C") == "permitted"


@pytest.mark.parametrize(
    "kind, until, is_accepted",
    [
        ("individual", "2026-01-01", True),
        ("individual", "2026-01-02", False),
        ("single_use", "2026-01-02", False),
        ("general", "2028-01-01", True),
        ("general", "2028-01-02", False),
    ],
)
async def test_a_licence_may_not_be_valid_for_longer_than_its_kind_allows(
    desk: Desk, kind: str, until: str, is_accepted: bool
) -> None:
    await desk.feed(*events(FILE), licence("L", kind, valid_until=f"{until}T00:00:00Z"))
    await desk.feed(shipment("S", "2025-06-02", DY_MAGNET, kilos(10), licences=["L"], **TO_DE))
    if is_accepted:
        assert await outcome(desk, "S") == "permitted"
    else:
        assert await refusing(desk, "S") == "licence.term"


async def test_an_export_certificate_registers_what_it_names_and_has_no_quantity(desk: Desk) -> None:
    await desk.feed(*events(FILE), licence("E", "certificate", None, end_uses=["exhibition"]))
    for name, use in (("FAIR", "exhibition"), ("SALE", "production")):
        ask = {"licences": ["E"], "end_use": use, **TO_DE}
        await desk.feed(shipment(name, "2025-06-02", DY_MAGNET, kilos(10), **ask))
    assert await outcome(desk, "FAIR") == "permitted"
    assert await refusing(desk, "SALE") == "licence.end_use"
    assert not await desk.sql("SELECT 1 FROM licensing.account WHERE account_id LIKE 'licence:E:%'")


async def test_an_export_waits_for_the_licence_that_was_applied_for(desk: Desk) -> None:
    await desk.feed(*events(FILE), licence("L", event="trade.licence.applied", valid_from="2025-05-01T00:00:00Z"))
    await desk.feed(shipment("S", "2025-06-02", DY_MAGNET, kilos(10), licences=["L"], **TO_DE))
    assert await outcome(desk, "S") is None
    await desk.feed(licence("L", valid_from="2025-05-01T00:00:00Z"))
    assert await outcome(desk, "S") == "permitted"
