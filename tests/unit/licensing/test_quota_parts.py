"""The parts of a quota: tranches, sub-limits, allocations, reserved share, a month's cap, an opening day's shares."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.licensing.domain.book import OVERDUE_AT_ONCE
from services.licensing.domain.quotas import share_out
from tests.support.books import Books
from tests.support.trade import CONTROLLED_MAGNET, MAGNET, declared, event, quota, regime, tick


def mass(kg: str) -> dict[str, str]:
    return {"value": kg, "unit": "KGM"}


def tranche(tranche_id: str, opens_at: str, kg: str, **over: Any) -> dict[str, Any]:
    return {"tranche_id": tranche_id, "opens_at": opens_at, "amount": mass(kg), **over}


def ship(shipment_id: str, kg: str, **over: Any) -> bytes:
    return declared(shipment_id, commodity=over.pop("commodity", MAGNET), kg=kg, **over)


def step(kind: str, time: str = "2025-03-01T00:00:00Z", **data: Any) -> bytes:
    return event(f"trade.quota.{kind}", {"quota_id": "Q-1", **data}, time=time)


def test_a_tranche_opens_at_its_time_and_what_is_unused_rolls_into_the_rest_of_the_period(books: Books) -> None:
    tranches = [tranche("T1", "2025-01-01T00:00:00Z", "100"), tranche("T2", "2025-07-01T00:00:00Z", "50")]
    books.feed(quota(kg=None, tranches=tranches), ship("S1", "30"), ship("S2", "120"))
    assert (books.balance("quota:Q-1"), books.outcome("S2")) == ((100, 30, 0), "denied")
    books.feed(tick("2025-07-01T00:00:00Z"), ship("S3", "120", time="2025-07-02T08:00:00Z"))
    assert (books.balance("quota:Q-1"), books.outcome("S3")) == ((150, 150, 0), "permitted")


def test_nothing_rolls_past_the_period(books: Books) -> None:
    following = quota("Q-2", kg="10", period_start="2026-01-01T00:00:00Z", period_end="2027-01-01T00:00:00Z")
    books.feed(quota(kg="100"), following, ship("S1", "20", time="2026-01-01T00:00:00Z"))
    assert books.outcome("S1") == "denied"
    assert (books.balance("quota:Q-1"), books.balance("quota:Q-2")) == ((100, 0, 0), (10, 0, 0))


def test_a_reserved_share_is_kept_for_its_end_uses_which_may_use_the_rest_too(books: Books) -> None:
    books.feed(quota(kg="100", reserved_share={"end_uses": ["medical"], "percent": 30}))
    books.feed(ship("S1", "71", end_use="toys"), ship("S2", "70", end_use="toys"))
    assert (books.outcome("S1"), books.outcome("S2")) == ("denied", "permitted")
    assert "quota.reserved" in books.rules("S1")
    books.feed(ship("S3", "30", end_use="medical"), ship("S4", "1", end_use="medical"))
    assert (books.outcome("S3"), books.outcome("S4")) == ("permitted", "denied")


def test_a_reserved_share_is_rounded_up_to_the_milligram(books: Books) -> None:
    books.feed(quota(kg="0.000101", reserved_share={"end_uses": ["medical"], "percent": 50}))
    assert books.book.accounts["quota:Q-1:open"].granted == 50


def test_no_month_uses_more_than_its_cap(books: Books) -> None:
    books.feed(quota(kg="100", monthly_cap=mass("40")))
    books.feed(ship("S1", "40", time="2025-05-31T23:00:00Z"), ship("S2", "1", time="2025-05-31T23:59:00Z"))
    books.feed(ship("S3", "40", time="2025-06-01T00:00:00Z"))
    assert [books.outcome(s) for s in ("S1", "S2", "S3")] == ["permitted", "denied", "permitted"]
    assert books.balance("quota:Q-1:month:2025-05") == books.balance("quota:Q-1:month:2025-06") == (40, 40, 0)
    assert books.balance("quota:Q-1") == (100, 80, 0)


def test_who_has_no_allocation_draws_nothing_and_what_is_returned_goes_to_another(books: Books) -> None:
    to_x = [{"exporter": "X", "amount": mass("60")}]
    books.feed(quota(kg="100", is_allocated=True), step("allocated", allocations=to_x))
    books.feed(ship("S1", "10", exporter="Y"), ship("S2", "20"))
    assert [books.outcome(s) for s in ("S1", "S2")] == ["denied", "permitted"]
    (refused,) = books.feed(step("returned", exporter="X", amount=mass("41")))
    assert (refused.status, refused.pointer) == ("dead", "/data/amount"), "20 of its 60 are reserved"
    books.feed(step("returned", exporter="X", amount=mass("40")))
    books.feed(step("allocated", allocations=[{"exporter": "Y", "amount": mass("40")}]), ship("S3", "40", exporter="Y"))
    assert books.outcome("S3") == "permitted"
    assert books.balance("quota:Q-1:exporter:X") == (20, 20, 0)


def test_all_or_nothing_over_all_parts_and_lines(books: Books) -> None:
    heavy = {"sub_limit_id": "heavy", "covers": [{"elements": ["Dy"]}], "initial": mass("10")}
    books.feed(quota(kg="100", sub_limits=[heavy]))
    lines = [
        {"line_no": 1, "commodity": MAGNET, "net_mass": mass("50")},
        {"line_no": 2, "commodity": {**MAGNET, "elements": ["Nd", "Dy"]}, "net_mass": mass("11")},
    ]
    books.feed(ship("S1", "1", lines=lines))
    assert (books.outcome("S1"), books.balance("quota:Q-1")) == ("denied", (100, 0, 0))
    lines[1]["net_mass"] = mass("10")
    books.feed(ship("S2", "1", lines=lines))
    assert (books.balance("quota:Q-1"), books.balance("quota:Q-1:sub:heavy")) == ((100, 60, 0), (10, 10, 0))


@pytest.mark.parametrize("stop,outcome", [("suspended", "denied"), ("closed", "denied"), ("blocked", None)])
def test_a_quota_that_is_stopped_and_reopened(books: Books, stop: str, outcome: str | None) -> None:
    books.feed(quota(kg="100"), step(stop, time="2025-05-01T00:00:00Z"), ship("S1", "10"))
    assert books.outcome("S1") == outcome
    books.feed(step("reopened", time="2025-05-03T00:00:00Z"), ship("S2", "10", time="2025-05-04T00:00:00Z"))
    assert books.outcome("S2") == "permitted"
    assert books.outcome("S1") == (outcome or "permitted"), "what waited is met, what was denied stays"


def test_an_opening_day_is_shared_out_when_it_is_over_and_a_share_is_taken_by_a_correction(books: Books) -> None:
    books.feed(quota(kg="90", allocation="pro_rata"))
    day = "2025-01-01T{:02d}:00:00Z"
    books.feed(ship("S1", "120", time=day.format(3)), ship("S2", "60", time=day.format(2)))
    assert (books.outcome("S1"), books.outcome("S2")) == (None, None)
    books.feed(tick("2025-01-02T00:00:00Z"))
    assert [books.outcome(s) for s in ("S1", "S2")] == ["held", "held"]
    assert books.balance("quota:Q-1") == (90, 90, 0)
    books.feed(ship("S1", "60", kind="trade.shipment.corrected", time="2025-01-03T00:00:00Z"))
    books.feed(event("trade.shipment.cancelled", {"shipment_id": "S2"}, time="2025-01-03T00:00:00Z"))
    assert (books.outcome("S1"), books.balance("quota:Q-1")) == ("permitted", (90, 60, 0))


@given(asked=st.lists(st.integers(1, 10**15), min_size=1, max_size=20), left=st.integers(0, 10**15))
def test_shares_never_exceed_what_is_left_nor_what_was_asked(asked: list[int], left: int) -> None:
    shares = share_out(asked, left)
    assert sum(shares) <= max(left, min(sum(asked), left))
    assert all(share <= ask for share, ask in zip(shares, asked, strict=True))
    assert sum(shares) == sum(asked) or left - sum(shares) < len(asked), "only the roundings are left over"


def test_what_a_retracted_tranche_had_granted_is_gone_and_nothing_more_is_drawn(books: Books) -> None:
    released = step("tranche_released", tranche_id="T1", amount=mass("50"))
    books.feed(quota(kg="10"), released, ship("S1", "40"))
    name = books.book.histories["quota:Q-1"][-1].event
    taken_back = {"entity": "quota:Q-1", "source": name.source, "id": name.id}
    books.feed(event("trade.event.retracted", taken_back), ship("S2", "1"))
    assert (books.balance("quota:Q-1"), books.book.accounts["quota:Q-1"].excess) == ((10, 40, 0), 30 * 10**6)
    assert books.outcome("S2") == "denied"


def retracted(books: Books, place: int = 0) -> bytes:
    name = books.book.histories["quota:Q-1"][place].event
    return event("trade.event.retracted", {"entity": "quota:Q-1", "source": name.source, "id": name.id})


def test_time_goes_on_when_a_quota_is_taken_back_that_someone_waits_for(books: Books) -> None:
    books.feed(quota(kg="90", allocation="pro_rata"), ship("S1", "10", time="2025-01-01T03:00:00Z"))
    books.feed(retracted(books))
    assert [e.status for e in books.feed(tick("2025-01-02T00:00:00Z"), tick("2025-01-03T00:00:00Z"))] == ["decided"] * 2
    assert books.outcome("S1") == "permitted", "no quota asks for anything any more"


def test_a_quota_opened_anew_has_its_own_cap_a_month(books: Books) -> None:
    books.feed(quota(kg="1000", monthly_cap=mass("1000")), ship("S1", "1"))
    books.feed(retracted(books))
    books.feed(quota(kg="1000", monthly_cap=mass("10")), ship("S2", "500"))
    assert books.outcome("S2") == "denied"


def test_who_has_no_allocation_takes_no_part_in_the_shares_of_an_opening_day(books: Books) -> None:
    to_x = [{"exporter": "X", "amount": mass("100")}]
    books.feed(quota(kg="100", is_allocated=True, allocation="pro_rata"), step("allocated", allocations=to_x))
    day = "2025-01-01T03:00:00Z"
    books.feed(ship("S1", "100", time=day), ship("S2", "100", exporter="Y", time=day), tick("2025-01-02T00:00:00Z"))
    assert (books.outcome("S1"), books.outcome("S2")) == ("permitted", "denied")
    assert "quota.allocation" in books.rules("S2")


def test_many_that_waited_too_long_end_with_several_ticks(books: Books) -> None:
    late = [ship(f"S{n}", "1", licence_id="L-9", commodity=CONTROLLED_MAGNET) for n in range(OVERDUE_AT_ONCE + 5)]
    books.feed(regime(), *late, tick("2025-06-01T00:00:00Z"))
    held = [shipment for shipment in books.book.shipments.values() if shipment.outcome == "held"]
    assert len(held) == OVERDUE_AT_ONCE
    books.feed(tick("2025-06-01T00:01:00Z"))
    assert all(shipment.outcome == "held" for shipment in books.book.shipments.values())
