"""A budget never gives more than it holds and what has come since, and tells just when there is more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.domain.budgets import Policy

POLICY = Policy("events", "events", 100, 60)


@given(
    st.integers(1, 1000),
    st.integers(1, 3600),
    st.lists(st.tuples(st.floats(0, 100), st.integers(1, 50)), max_size=60),
)
def test_no_more_is_given_than_the_quota_and_what_came_since(
    quota: int, window_s: int, asked: list[tuple[float, int]]
) -> None:
    policy = Policy("events", "events", quota, window_s)
    now, full_at, given_out = 1000.0, 0.0, 0
    for pause_s, units in asked:
        now += pause_s
        left = policy.left(full_at, now)
        if policy.wait_s(full_at, now, units):
            assert units > left
            continue
        assert units <= left
        full_at = policy.after(full_at, now, units)
        given_out += units
        assert given_out <= quota * (1 + (now - 1000.0) / window_s) + 1e-3


@given(st.integers(1, 100), st.integers(1, 100))
def test_what_was_waited_for_is_there_then_and_not_before(first: int, second: int) -> None:
    full_at = POLICY.after(0.0, 500.0, first)
    wait_s = POLICY.wait_s(full_at, 500.0, second)
    assert POLICY.wait_s(full_at, 500.0 + wait_s, second) == 0
    assert POLICY.left(full_at, 500.0 + wait_s) >= second
    if wait_s:
        assert POLICY.left(full_at, 500.0 + wait_s - 0.01) < second


@pytest.mark.parametrize(
    "units,now,told",
    [
        (0, 500.0, '"events";r=100'),
        (1, 500.0, '"events";r=99;t=1'),
        (100, 500.0, '"events";r=0;t=1'),
        (100, 530.0, '"events";r=50;t=1'),
        (100, 560.0, '"events";r=100'),
    ],
)
def test_what_is_left_is_told(units: int, now: float, told: str) -> None:
    assert POLICY.state(POLICY.after(0.0, 500.0, units), now) == told


def test_time_is_told_in_whole_seconds_never_too_early() -> None:
    slow = Policy("requests", "requests", 2, 60)
    assert slow.state(slow.after(0.0, 500.0, 2), 500.5) == '"requests";r=0;t=30'
    assert slow.item() == '"requests";q=2;qu="requests";w=60'
