"""Quotas: the rules' own cases, with figures worked out by hand."""

import pytest

from tests.model.play import Play
from tests.model.world import Data, day, mass


@pytest.mark.parametrize(
    "over, kg, outcome",
    [
        ({}, 100, "permitted"),
        ({}, 101, "denied"),
        ({"monthly_cap": mass(50)}, 51, "denied"),
        ({"sub_limits": [{"sub_limit_id": "dy", "covers": [{"elements": ["Dy"]}], "initial": mass(20)}]}, 21, "denied"),
        ({"reserved_share": {"end_uses": ["priority"], "percent": 33}}, 68, "denied"),
        ({"reserved_share": {"end_uses": ["civil"], "percent": 33}}, 68, "permitted"),
        ({"is_allocated": True}, 1, "denied"),
        ({"measure": "metal"}, 300, "permitted"),
        ({"measure": "metal"}, 301, "denied"),
    ],
)
def test_every_account_of_a_quota_must_have_enough(play: Play, over: Data, kg: int, outcome: str) -> None:
    play.quota(100, **over)
    play.ship("S", kg, end_use="civil")
    assert play.books.outcome("S") == outcome


def test_a_tranche_opens_with_the_tick(play: Play) -> None:
    play.quota(10, tranches=[{"tranche_id": "T", "opens_at": day(5), "amount": mass(40)}])
    play.tick(4)
    assert play.sums("quota:Q1") == (10, 0, 0)
    play.tick(5)
    assert play.sums("quota:Q1") == (50, 0, 0)


def test_a_shipment_waits_for_a_blocked_quota(play: Play) -> None:
    play.quota(100)
    play.give("quota.blocked", 0, quota_id="Q1")
    play.ship("S", 10)
    assert play.books.outcome("S") == "parked"
    play.give("quota.reopened", 3, quota_id="Q1")
    assert (play.books.outcome("S"), play.sums("quota:Q1")) == ("permitted", (100, 10, 0))
