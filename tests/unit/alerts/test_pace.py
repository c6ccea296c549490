"""How fast an endpoint may be sent to."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from services.alerts.domain.pace import Pace

NOW = datetime(2025, 4, 4, 9, tzinfo=UTC)


def test_without_a_bound_nothing_waits() -> None:
    assert Pace().spent(NOW).wait_s(NOW) == 0


def test_the_next_token_is_a_whole_interval_away() -> None:
    pace = Pace(max_per_second=4).spent(NOW)
    assert pace.wait_s(NOW) == 0.25
    assert pace.wait_s(NOW + timedelta(seconds=0.1)) == 0.15
    assert pace.wait_s(NOW + timedelta(seconds=9)) == 0


@given(st.floats(0.5, 200), st.lists(st.floats(0, 0.4), min_size=1, max_size=200))
def test_no_second_holds_more_than_the_bound(rate: float, gaps: list[float]) -> None:
    pace, now = Pace(max_per_second=rate), NOW
    sent: list[datetime] = []
    for gap in gaps:
        now += timedelta(seconds=gap)
        if pace.wait_s(now) == 0:
            sent.append(now)
            pace = pace.spent(now)
    gaps_s = [(later - earlier).total_seconds() for earlier, later in pairwise(sent)]
    # The clock counts in microseconds.
    assert all(gap_s >= 1 / rate - 1e-6 for gap_s in gaps_s)
