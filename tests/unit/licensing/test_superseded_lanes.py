"""What was said of a lane and no longer stands: the later alert names the earlier one. And what flows instead."""

from typing import Any

import pytest

from shared.events import LaneChanged
from tests.support.books import Books
from tests.support.trade import declared, event, licence, milestone, regime, tick

LANE = "magnets-controlled:CN:DE"


def told(books: Books, lane_id: str = LANE) -> list[LaneChanged]:
    """Return the alerts of a lane."""
    found = [a.data for a in books.book.alerts if isinstance(a.data, LaneChanged)]
    return [data for data in found if data.lane_id == lane_id]


def flow(books: Books, day: str, **over: Any) -> None:
    """Let three shipments clear."""
    for n in range(3):
        ship = f"S-{over.get('origin', 'CN')}-{over.get('destination', 'DE')}-{day}-{n}"
        books.feed(
            declared(ship, kg="10", time=f"{day}T08:00:00Z", **over),
            milestone(ship, "cleared", time=f"{day}T09:00:00Z"),
        )


def taken_back(entity: str, event_id: str, time: str) -> bytes:
    data = {"entity": entity, "source": "/test", "id": event_id, "reason": "posted by mistake"}
    return event("trade.event.retracted", data, time=time)


def states(books: Books) -> list[tuple[str, str | None]]:
    return [(data.state, data.supersedes) for data in told(books)]


def test_a_regime_taken_back_brings_the_lane_back_at_once_and_supersedes_the_restriction(books: Books) -> None:
    flow(books, "2025-03-20")
    books.feed(regime(id="mistake"))
    books.feed(taken_back("regime:R-18", "mistake", "2025-04-05T00:00:00Z"))
    assert states(books) == [("flowing", None), ("restricted", None), ("flowing", f"{LANE}#2")]
    assert told(books)[-1].reasons[0].rule == "lane.gate.taken_back"


def test_a_lane_that_comes_back_by_a_retraction_keeps_what_it_had_learned(books: Books) -> None:
    flow(books, "2025-03-20")
    books.feed(tick("2025-03-25T00:00:00Z"))
    before = books.book.lanes[LANE].stats.watch
    books.feed(regime(id="mistake"), taken_back("regime:R-18", "mistake", "2025-04-05T00:00:00Z"))
    assert books.book.lanes[LANE].stats.watch == before
    assert books.book.lanes[LANE].stats.before_shut is None


def test_a_suspension_taken_back_supersedes_the_restriction_that_it_brought(books: Books) -> None:
    books.feed(regime(), licence())
    flow(books, "2025-05-02", licence_id="L-1")
    books.feed(
        event("trade.licence.suspended", {"licence_id": "L-1"}, time="2025-05-04T00:00:00Z", id="stop"),
        taken_back("licence:L-1", "stop", "2025-05-05T00:00:00Z"),
    )
    assert states(books)[-2:] == [("restricted", None), ("flowing", f"{LANE}#{len(states(books)) - 1}")]


def test_a_lane_that_another_event_shut_stays_shut_when_something_else_is_taken_back(books: Books) -> None:
    books.feed(regime(), licence(id="issued"))
    flow(books, "2025-05-02", licence_id="L-1")
    books.feed(
        event("trade.licence.suspended", {"licence_id": "L-1"}, time="2025-05-04T00:00:00Z", id="stop"),
        regime("R-19", id="second", time="2025-05-05T00:00:00Z"),
        taken_back("regime:R-19", "second", "2025-05-06T00:00:00Z"),
    )
    assert books.book.lanes[LANE].state == "restricted"


def test_an_event_that_comes_late_supersedes_what_was_said_without_it(books: Books) -> None:
    books.feed(regime(), licence())
    flow(books, "2025-05-02", licence_id="L-1")
    stop = event("trade.licence.suspended", {"licence_id": "L-1"}, time="2025-05-01T00:00:00Z")
    books.feed(tick("2025-05-03T00:00:00Z"), stop)
    assert states(books) == [("flowing", None), ("restricted", f"{LANE}#1")]


def test_what_follows_in_its_time_supersedes_nothing(books: Books) -> None:
    books.feed(regime(), licence())
    flow(books, "2025-05-02", licence_id="L-1")
    books.feed(event("trade.licence.suspended", {"licence_id": "L-1"}, time="2025-05-04T00:00:00Z"))
    books.feed(event("trade.licence.reinstated", {"licence_id": "L-1"}, time="2025-05-05T00:00:00Z"))
    flow(books, "2025-05-06", licence_id="L-1")
    assert [supersedes for _, supersedes in states(books)] == [None, None, None]


def test_a_restricted_lane_names_the_lanes_that_flow_instead(books: Books) -> None:
    for origin, destination in [("MY", "DE"), ("US", "DE"), ("JP", "NL"), ("CN", "NL")]:
        flow(books, "2025-03-20", origin=origin, destination=destination)
    flow(books, "2025-03-21")
    books.feed(regime(destinations={"include": ["DE"]}))
    (restricted,) = [data for data in told(books) if data.state == "restricted"]
    assert [other.lane_id for other in restricted.alternatives] == [
        "magnets-controlled:MY:DE",
        "magnets-controlled:US:DE",
        "magnets-controlled:JP:world",
        "magnets-controlled:MY:world",
        "magnets-controlled:US:world",
    ]


@pytest.mark.parametrize("kg,first", [("5000", "US"), ("500", "MY")])
def test_of_two_lanes_under_licence_the_one_with_more_left_comes_first(books: Books, kg: str, first: str) -> None:
    for origin, granted in [("MY", "1000"), ("US", kg)]:
        books.feed(
            regime(f"R-{origin}", origin=origin, time="2025-03-01T00:00:00Z"),
            licence(
                f"L-{origin}", origin=origin, kg=granted, valid_from="2025-03-01T00:00:00Z", time="2025-03-01T00:00:00Z"
            ),
        )
        flow(books, "2025-03-20", origin=origin, licence_id=f"L-{origin}")
    flow(books, "2025-03-21")
    books.feed(regime())
    (restricted,) = [data for data in told(books) if data.state == "restricted"]
    assert restricted.alternatives[0].origin == first
    assert restricted.alternatives[0].left_kg == str(max(int(kg), 1000) - 30)


def test_a_lane_that_flows_names_no_alternatives(books: Books) -> None:
    flow(books, "2025-03-20", origin="MY")
    flow(books, "2025-03-21")
    assert told(books)[-1].alternatives == ()
