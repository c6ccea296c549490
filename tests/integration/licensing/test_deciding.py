"""Shipments, licences, quotas and the ledger on a real database."""

import pytest
from sqlalchemy.exc import IntegrityError

from tests.integration.licensing.conftest import Desk
from tests.support.trade import MAGNET, declared, licence, milestone, quota, regime, tick


async def balance(desk: Desk, account: str) -> tuple[int, ...]:
    (row,) = await desk.sql("SELECT * FROM licensing.account WHERE account_id = :id", id=account)
    return tuple(mass_mg // 10**6 for mass_mg in (row.granted, row.reserved, row.written_off))


async def test_a_shipment_under_no_regime_is_permitted(desk: Desk) -> None:
    await desk.feed(declared("S1", commodity=MAGNET))
    found = await desk.shipment("S1")
    assert found["outcome"] == "permitted"


async def test_a_controlled_shipment_without_licence_is_denied_with_the_reason(desk: Desk) -> None:
    await desk.feed(regime(), declared("S1"))
    found = await desk.shipment("S1")
    assert found["outcome"] == "denied"
    assert b"No. 18 requires a licence of MOFCOM and none is named" in bytes(found["decisions"][0]["reasons"])


async def test_a_licensed_shipment_reserves_then_writes_off(desk: Desk) -> None:
    await desk.feed(regime(), licence(), declared("S1", licence_id="L-1"))
    assert await balance(desk, "licence:L-1:1") == (1000, 100, 0)
    await desk.feed(milestone("S1", "cleared"))
    assert await balance(desk, "licence:L-1:1") == (1000, 0, 100)
    found = await desk.shipment("S1")
    assert [e["kind"] for e in found["ledger"]] == ["reserve", "write_off"]


async def test_a_cancelled_shipment_gives_back(desk: Desk) -> None:
    await desk.feed(regime(), licence(), declared("S1", licence_id="L-1"), milestone("S1", "cancelled"))
    assert await balance(desk, "licence:L-1:1") == (1000, 0, 0)


async def test_a_cleared_shipment_that_is_rejected_is_refunded(desk: Desk) -> None:
    await desk.feed(regime(), licence(), declared("S1", licence_id="L-1"))
    await desk.feed(milestone("S1", "cleared"), milestone("S1", "rejected"))
    assert await balance(desk, "licence:L-1:1") == (1000, 0, 0)


async def test_what_a_licence_has_not_is_denied_with_the_figures(desk: Desk) -> None:
    await desk.feed(regime(), licence(kg="150"), declared("S1", licence_id="L-1"), declared("S2", licence_id="L-1"))
    found = await desk.shipment("S2")
    assert found["outcome"] == "denied"
    assert b"licence L-1 line 1: 100 kg asked, 50 kg left of 150 kg" in bytes(found["decisions"][0]["reasons"])


async def test_a_shipment_waits_for_its_licence_and_is_taken_up(desk: Desk) -> None:
    await desk.feed(regime(), declared("S1", licence_id="L-1", id="d1"), milestone("S1", "cleared", id="c1"))
    assert (await desk.event("d1"))["waiting_for"] == "licence:L-1"
    assert (await desk.event("c1"))["waiting_for"] == "shipment:S1"
    assert (await desk.shipment("S1"))["waiting_for"] == "licence:L-1"
    await desk.feed(licence())
    assert (await desk.event("d1"))["outcome"] == "permitted"
    assert (await desk.event("c1"))["outcome"] == "cleared"
    assert await balance(desk, "licence:L-1:1") == (1000, 0, 100)


async def test_waiting_and_taking_up_inside_one_batch(desk: Desk) -> None:
    await desk.feed(regime(), declared("S1", licence_id="L-1"), milestone("S1", "cleared"), licence())
    assert await balance(desk, "licence:L-1:1") == (1000, 0, 100)


async def test_a_shipment_whose_licence_never_comes_is_held(desk: Desk) -> None:
    await desk.feed(regime(), declared("S1", licence_id="L-9"), tick("2025-05-15T00:00:00Z"))
    assert (await desk.shipment("S1"))["outcome"] is None
    await desk.feed(tick("2025-05-17T00:00:00Z"))
    assert (await desk.shipment("S1"))["outcome"] == "held"


async def test_a_milestone_of_a_shipment_nobody_declared_dies_with_the_reason(desk: Desk) -> None:
    await desk.feed(milestone("S9", "cleared", id="c9"))
    await desk.feed(tick("2025-06-01T00:00:00Z"))
    assert (await desk.event("c9"))["dead_letters"][0]["reason"] == "shipment S9 was not seen within 14 days"


async def test_a_quota_is_drawn_and_runs_out(desk: Desk) -> None:
    await desk.feed(quota(kg="150"), declared("S1", commodity=MAGNET), declared("S2", commodity=MAGNET))
    assert (await desk.shipment("S1"))["outcome"] == "permitted"
    assert (await desk.shipment("S2"))["outcome"] == "denied"
    assert await balance(desk, "quota:Q-1") == (150, 100, 0)


async def test_all_or_nothing_over_licence_and_quota(desk: Desk) -> None:
    await desk.feed(regime(), quota(kg="50"), licence(), declared("S1", licence_id="L-1"))
    assert (await desk.shipment("S1"))["outcome"] == "denied"
    assert await balance(desk, "licence:L-1:1") == (1000, 0, 0)
    assert await balance(desk, "quota:Q-1") == (50, 0, 0)


async def test_the_same_event_counts_once_and_a_changed_body_is_a_conflict(desk: Desk) -> None:
    body = declared("S1", commodity=MAGNET, id="same")
    other = declared("S1", commodity=MAGNET, kg="101", id="same")
    assert await desk.feed(body, body) == 0
    assert await desk.feed(body, other) == 1
    found = await desk.audit()
    assert (found["duplicates"], found["dead_letters"]) == (2, 1)
    assert (await desk.event("same"))["dead_letters"][0]["pointer"] == "/id"


async def test_an_amendment_below_what_was_drawn_leaves_nothing_and_overdraws_nothing(desk: Desk) -> None:
    await desk.feed(regime(), licence(), declared("S1", licence_id="L-1", kg="600"))
    await desk.feed(licence(kind="trade.licence.amended", kg="400"), declared("S2", licence_id="L-1", kg="1"))
    assert (await desk.shipment("S2"))["outcome"] == "denied"
    assert await balance(desk, "licence:L-1:1") == (400, 600, 0)


async def test_garbage_goes_to_the_dead_letters_and_the_rest_goes_on(desk: Desk) -> None:
    assert await desk.feed(b"\xff", b"{}", declared("S1", commodity=MAGNET)) == 2
    assert (await desk.shipment("S1"))["outcome"] == "permitted"


async def test_waiting_begins_when_an_old_event_arrives_not_when_it_happened(desk: Desk) -> None:
    await desk.feed(tick("2025-08-01T00:00:00Z"), regime(), declared("S1", licence_id="L-1"))
    await desk.feed(tick("2025-08-10T00:00:00Z"))
    assert (await desk.shipment("S1"))["outcome"] is None
    await desk.feed(licence())
    assert (await desk.shipment("S1"))["outcome"] == "permitted"


@pytest.mark.parametrize(
    "row",
    [
        "('quota:Q-1', 2, 'reserve', 0, 2000, 0, 5, 0)",
        "('quota:Q-1', 2, 'reserve', 0, 2000000000, 0, -1000000000, 0)",
        "('quota:Q-1', 3, 'reserve', 0, 1, 0, 999999999, 0)",
        "('quota:Q-9', 1, 'reserve', 0, 1, 0, 1000, 0)",
    ],
    ids=["another sum", "more than is free", "a number left out", "from nothing"],
)
async def test_the_database_itself_refuses_an_entry_that_does_not_follow_or_overdraws(desk: Desk, row: str) -> None:
    await desk.feed(quota(kg="1000"))
    columns = "account_id, number, kind, granted, reserved, written_off, free_after, beyond, caused_by"
    values = f"SELECT v.*, 'x' FROM (VALUES {row}) v"  # noqa: S608 - the rows above
    with pytest.raises(IntegrityError):
        await desk.sql(f"INSERT INTO licensing.ledger_entry ({columns}) {values} RETURNING 1")
