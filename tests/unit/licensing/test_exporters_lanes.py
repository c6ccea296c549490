"""Exporters' parts of lanes, where a policy follows them."""

from datetime import date, timedelta
from typing import Any

import msgspec
import pytest

from services.licensing.domain.lanes import lane_id, new_lane
from services.licensing.domain.policy import Policy
from shared.events import LaneChanged
from tests.support.books import Books
from tests.support.trade import declared, event, licence, milestone, regime, tick

LANE = "magnets-controlled:CN:DE"


@pytest.fixture
def books(policy: Policy) -> Books:
    """Books of a policy that follows the exporters of one group."""
    groups = tuple(
        msgspec.structs.replace(group, follows_exporters=group.id == "magnets-controlled")
        for group in policy.commodity_groups
    )
    return Books(msgspec.structs.replace(policy, commodity_groups=groups))


def flow(books: Books, day: str, exporter: str, **over: Any) -> None:
    for n in range(3):
        ship = f"S-{exporter}-{day}-{n}"
        books.feed(
            declared(ship, kg="10", exporter=exporter, time=f"{day}T08:00:00Z", **over),
            milestone(ship, "cleared", time=f"{day}T09:00:00Z"),
        )


def told(books: Books, kind: str = "exporter_changed") -> list[LaneChanged]:
    return [a.data for a in books.book.alerts if a.type == f"lanewatch.lane.{kind}"]


def state(books: Books, exporter: str | None = None) -> str:
    return books.book.lanes[lane_id("magnets-controlled", "CN", "DE", exporter)].state


def test_one_exporter_without_a_licence_is_restricted_while_the_lane_flows(books: Books) -> None:
    books.feed(regime(), licence("L-X", exporter="X", kg="100"), licence("L-Y", exporter="Y", kg="9000"))
    flow(books, "2025-05-02", "X", licence_id="L-X")
    flow(books, "2025-05-02", "Y", licence_id="L-Y")
    assert (state(books), state(books, "X"), state(books, "Y")) == ("flowing", "flowing", "flowing")
    books.feed(event("trade.licence.suspended", {"licence_id": "L-X"}, time="2025-05-04T00:00:00Z"))
    assert (state(books), state(books, "X"), state(books, "Y")) == ("flowing", "restricted", "flowing")
    (restricted,) = [data for data in told(books) if data.lane_id == f"{LANE}:X" and data.state == "restricted"]
    assert restricted.scope.exporter == "X"
    assert "magnets-controlled from CN to DE, X: restricted" in restricted.headline
    assert [(other.exporter, other.destination) for other in restricted.alternatives] == [("Y", "DE"), ("Y", "world")]


def test_a_new_regime_restricts_every_exporters_part(books: Books) -> None:
    flow(books, "2025-03-20", "X")
    flow(books, "2025-03-20", "Y")
    books.feed(regime())
    assert (state(books), state(books, "X"), state(books, "Y")) == ("restricted",) * 3


def test_the_lane_of_all_is_told_as_before_and_names_no_exporter(books: Books) -> None:
    flow(books, "2025-03-20", "X")
    assert {data.scope.exporter for data in told(books, "changed")} == {None}
    assert {data.scope.exporter for data in told(books)} == {"X"}


def test_groups_that_are_not_followed_have_no_such_lanes(books: Books) -> None:
    flow(books, "2025-03-20", "X")
    assert {lane.commodity_group for lane in books.book.lanes.values() if lane.exporter} == {"magnets-controlled"}


def test_an_exporter_that_stops_is_told_though_the_others_go_on(books: Books) -> None:
    start = date(2025, 1, 1)
    for number in range(140):
        day = (start + timedelta(number)).isoformat()
        for exporter in ("X", "Y") if number < 110 else ("Y",):
            for n in range(2):
                ship = f"{exporter}-{day}-{n}"
                books.feed(
                    declared(ship, kg="10", exporter=exporter, time=f"{day}T08:00:00Z"),
                    milestone(ship, "cleared", time=f"{day}T09:00:00Z"),
                )
        books.feed(tick(f"{(start + timedelta(number + 1)).isoformat()}T00:00:00Z"))
    assert (state(books, "X"), state(books, "Y")) == ("restricted", "flowing")


@pytest.mark.parametrize("exporter", ["X", "A:B", "50%", "Exporter A", "a%3Ab"])
def test_a_lane_follows_from_its_id(exporter: str) -> None:
    found = new_lane(lane_id("magnets", "CN", "DE", exporter))
    assert (found.commodity_group, found.origin, found.destination, found.exporter) == ("magnets", "CN", "DE", exporter)
    assert new_lane("magnets:CN:world").exporter is None
