"""The European Union's export control of dual-use goods, as it stands in `regimes/eu-dual-use.json`."""

from typing import Any

import pytest

from tests.integration.licensing.conftest import Desk
from tests.support.regimes import (
    balance,
    events,
    kilos,
    outcome,
    permission,
    refusing,
    said,
    shipment,
    step,
)

FILE = "eu-dual-use"
TUNGSTEN = {"hs": "810199", "form": "metal", "control_code": "1C117"}
TERFENOL = {"hs": "720299", "elements": ["Tb", "Dy"], "form": "alloy", "control_code": "1C003"}


def licence(licence_id: str, kind: str = "individual", **over: Any) -> bytes:
    line = over.pop("line", {"covers": {}, "mass": kilos(1000)})
    return permission(licence_id, "BAFA", line, kind=kind, origin="DE", **{"destinations": ["IN", "BR"], **over})


def export(name: str, to: str, day: str = "2025-06-02", **over: Any) -> bytes:
    return shipment(name, day, TUNGSTEN, kilos(10), **{"origin": "DE", "destination": to, **over})


async def test_what_annex_i_lists_needs_an_authorisation_from_the_regulations_day_on(desk: Desk) -> None:
    await desk.feed(*events(FILE), export("EARLY", "IN", "2021-09-08"), export("LATE", "IN", "2021-09-09"))
    other = {**TUNGSTEN, "control_code": "EAR99"}
    await desk.feed(shipment("OTHER", "2025-06-02", other, kilos(10), origin="DE", destination="IN"))
    assert await outcome(desk, "EARLY") == "permitted"
    assert await refusing(desk, "LATE") == "licence.required"
    assert await outcome(desk, "OTHER") == "permitted"


async def test_goods_move_freely_between_member_states(desk: Desk) -> None:
    await desk.feed(*events(FILE), export("S", "FR"))
    assert await outcome(desk, "S") == "permitted"
    assert (await said(desk, "S", "regime.none"))["says"] == "line 1: no regime requires a licence"


async def test_a_registration_is_enough_where_the_general_authorisation_reaches(desk: Desk) -> None:
    register = licence("EU001", "certificate", line={"covers": {}}, destinations=["US", "JP", "IN"])
    await desk.feed(*events(FILE), register, export("NONE", "US"))
    await desk.feed(export("US", "US", licences=["EU001"]), export("IN", "IN", licences=["EU001"]))
    assert await refusing(desk, "NONE") == "licence.required"
    assert await outcome(desk, "US") == "permitted"
    assert await refusing(desk, "IN") == "licence.kind"


async def test_an_individual_authorisation_is_for_one_end_user_in_one_country(desk: Desk) -> None:
    await desk.feed(*events(FILE), licence("L", end_users=["U1"], destinations=["IN"]))
    await desk.feed(export("A", "IN", licences=["L"], end_user="U1"), export("B", "IN", licences=["L"], end_user="U2"))
    await desk.feed(export("C", "BR", licences=["L"], end_user="U1"))
    assert await outcome(desk, "A") == "permitted"
    assert await refusing(desk, "B") == "licence.end_user"
    assert await refusing(desk, "C") == "licence.destination"


async def test_a_global_authorisation_serves_several_end_users_and_countries_without_a_quantity(desk: Desk) -> None:
    await desk.feed(*events(FILE), licence("G", "general", line={"covers": {}}, end_users=["U1", "U2"]))
    await desk.feed(export("A", "IN", licences=["G"], end_user="U1"), export("B", "BR", licences=["G"], end_user="U2"))
    for name in ("A", "B"):
        assert await outcome(desk, name) == "permitted"
        assert "no limit of quantity" in (await said(desk, name, "licence.unlimited"))["says"]


async def test_a_kind_that_the_union_does_not_know_is_refused(desk: Desk) -> None:
    await desk.feed(*events(FILE), licence("L", "single_use"), export("S", "IN", licences=["L"]))
    assert await refusing(desk, "S") == "licence.kind"


@pytest.mark.parametrize("until, is_accepted", [("2027-01-01", True), ("2027-01-02", False)])
async def test_an_authorisation_may_not_be_valid_for_more_than_two_years(
    desk: Desk, until: str, is_accepted: bool
) -> None:
    await desk.feed(*events(FILE), licence("L", valid_until=f"{until}T00:00:00Z"), export("S", "IN", licences=["L"]))
    if is_accepted:
        assert await outcome(desk, "S") == "permitted"
    else:
        assert await refusing(desk, "S") == "licence.term"


async def test_an_authorisation_has_the_quantity_that_it_names(desk: Desk) -> None:
    await desk.feed(*events(FILE), licence("L", line={"covers": {}, "mass": kilos(15)}))
    await desk.feed(export("A", "IN", licences=["L"]), export("B", "IN", licences=["L"]))
    assert await outcome(desk, "A") == "permitted"
    assert await refusing(desk, "B") == "licence.balance"
    assert await balance(desk, "licence:L:1") == (15, 10, 0)


async def test_a_suspended_authorisation_is_not_drawn_and_a_revoked_one_never_again(desk: Desk) -> None:
    await desk.feed(*events(FILE), licence("L"))
    await desk.feed(step("trade.licence.suspended", "2025-03-03", licence_id="L"), export("A", "IN", licences=["L"]))
    await desk.feed(step("trade.licence.reinstated", "2025-07-01", licence_id="L"))
    await desk.feed(export("B", "IN", "2025-07-02", licences=["L"]))
    await desk.feed(step("trade.licence.revoked", "2025-07-03", licence_id="L"))
    await desk.feed(export("C", "IN", "2025-07-04", licences=["L"]))
    assert await refusing(desk, "A") == "licence.state"
    assert await outcome(desk, "B") == "permitted"
    assert await refusing(desk, "C") == "licence.state"


async def test_two_authorities_each_ask_for_a_licence_of_their_own(desk: Desk) -> None:
    """Goods with Chinese rare earths that leave Germany: No. 61 of China and the Union's list, all or nothing."""
    await desk.feed(*events(FILE), *events("cn-2025", until="2025-10-31"), licence("EU"))
    chinese = permission("CN", "MOFCOM", {"covers": {}, "mass": kilos(15)}, origin="DE", destinations=["IN"])
    await desk.feed(chinese)
    for name, named in (("ONE", ["EU"]), ("BOTH", ["EU", "CN"]), ("SHORT", ["EU", "CN"])):
        ask = {"origin": "DE", "destination": "IN", "licences": named}
        await desk.feed(shipment(name, "2025-10-20", TERFENOL, kilos(10), **ask))
    assert await refusing(desk, "ONE") == "licence.required"
    assert "MOFCOM" in (await said(desk, "ONE", "licence.required"))["says"]
    assert await outcome(desk, "BOTH") == "permitted"
    assert await refusing(desk, "SHORT") == "licence.balance"
    assert await balance(desk, "licence:EU:1") == (1000, 10, 0)
    assert await balance(desk, "licence:CN:1") == (15, 10, 0)
