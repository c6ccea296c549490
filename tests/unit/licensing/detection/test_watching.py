"""A lane's clearances watched day by day: what is told, when, and what is never told."""

from itertools import pairwise
from math import ceil
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.licensing.domain.detection.watching import Turn, Watch, close_day, on_shipment

MONDAY = 738_521
"""The proleptic ordinal of a Monday."""


def live(watch: Watch, counts: list[int], first: int = MONDAY) -> list[tuple[int, Turn]]:
    """Close the days and return what was told, by number of the day."""
    told = []
    for number, count in enumerate(counts):
        turn = close_day(watch, first + number, count, count)
        if turn:
            told.append((number, turn))
    return told


def steady(count: int, days: int = 120) -> Watch:
    watch = Watch()
    assert live(watch, [count] * days) == []
    return watch


@pytest.mark.parametrize("per_day, days", [(1, 9), (5, 2), (50, 1)])
def test_a_full_stop_is_told_once_silence_is_too_long_for_chance(per_day: int, days: int) -> None:
    watch = steady(per_day)
    (number, turn), *more = live(watch, [0] * 60)
    assert (turn.level, turn.shipments, more) == ("stopped", 0, [])
    assert number + 1 == turn.days <= days
    assert turn.expected == pytest.approx(per_day * turn.days, rel=0.1)


@pytest.mark.parametrize("share", [1, 3, 5])
def test_a_drop_to_a_share_is_told_with_what_was_seen_and_what_was_usual(share: int) -> None:
    watch = steady(10)
    told = live(watch, [share] * 60)
    assert [turn.level for _, turn in told] == ["low"]
    turn = told[0][1]
    assert turn.shipments == share * turn.days
    assert turn.per_day == pytest.approx(10, rel=0.01)


def test_a_month_at_seven_tenths_is_no_change() -> None:
    assert live(steady(10), [7] * 30) == []


def test_a_slow_decline_is_followed_and_a_drop_after_it_told() -> None:
    watch = steady(40)
    assert live(watch, [40 - day // 20 for day in range(400)]) == []
    assert watch.baseline.per_day < 27
    assert [turn.level for _, turn in live(watch, [6] * 10)] == ["low"]


def test_a_drop_is_not_learned_before_it_is_told() -> None:
    watch = steady(4)
    before = watch.baseline.per_day
    live(watch, [1] * 60)
    assert watch.baseline.per_day == before


def test_weekends_are_learned_and_not_told() -> None:
    watch = Watch()
    assert live(watch, ([8, 8, 8, 8, 8, 0, 0] * 60)) == []
    assert watch.baseline.clumping == pytest.approx(1)


def test_nothing_is_told_while_too_little_is_known() -> None:
    watch = Watch()
    assert live(watch, [1, 0, 0, 1, 0, 0, 0, 1, *[0] * 300]) == []
    assert watch.level == "learning"


def test_the_silence_of_a_break_says_nothing() -> None:
    watch = steady(10)
    for day in range(20):
        assert close_day(watch, MONDAY + 120 + day, 0, 0, is_break=True) is None
    assert live(watch, [10] * 20, MONDAY + 140) == []


def test_shipments_in_clumps_need_more_to_be_missed() -> None:
    random = Random(1)
    clumped = Watch()
    told = live(clumped, [4 * (random.random() < 0.25) for _ in range(1000)] + [4])
    assert len(told) <= 4
    assert clumped.baseline.clumping > 2
    (silence, _), *_ = live(clumped, [0] * 60)
    (even, _), *_ = live(steady(1), [0] * 60)
    assert silence > 1.5 * even


def test_a_stopped_lane_is_back_within_the_day_that_shows_it() -> None:
    watch = steady(10)
    live(watch, [0] * 10)
    needed = ceil(watch.back_from)
    assert on_shipment(watch, needed - 1, needed - 1) is None
    turn = on_shipment(watch, needed, needed)
    assert turn is not None
    assert (turn.level, watch.level) == ("usual", "usual")
    assert 3 <= turn.shipments <= 10


def test_a_lane_back_at_a_third_of_its_rate_is_low_and_not_back() -> None:
    watch = steady(10)
    live(watch, [0] * 10)
    assert [turn.level for _, turn in live(watch, [3] * 20)] == ["low"]


def test_what_has_been_low_for_a_year_is_usual() -> None:
    watch = steady(10)
    told = live(watch, [4] * 420)
    assert [turn.level for _, turn in told] == ["low", "usual"]
    assert watch.baseline.per_day == pytest.approx(4)
    assert [turn.level for _, turn in live(watch, [0] * 10)] == ["stopped"]


COUNTS = st.lists(st.one_of(st.integers(0, 5), st.just(0), st.integers(0, 300)), max_size=200)


@given(counts=COUNTS, cut=st.integers(0, 200))
def test_a_watch_that_was_written_down_and_read_again_goes_on_the_same(counts: list[int], cut: int) -> None:
    whole, parted = Watch(), Watch()
    live(whole, counts)
    live(parted, counts[:cut])
    parted = msgspec.json.decode(msgspec.json.encode(parted), type=Watch)
    live(parted, counts[cut:], MONDAY + min(cut, len(counts)))
    assert msgspec.json.encode(parted) == msgspec.json.encode(whole)


@given(counts=COUNTS)
def test_its_size_does_not_grow_and_its_levels_alternate(counts: list[int]) -> None:
    watch = Watch()
    told = [turn.level for _, turn in live(watch, counts * 5)]
    assert all(before != after for before, after in pairwise(told))
    assert len(msgspec.json.encode(watch)) < 900
    assert watch.baseline.shipments >= 0


@given(per_day=st.integers(4, 200), today=st.integers(0, 400))
def test_what_is_told_within_a_day_its_close_would_have_told(per_day: int, today: int) -> None:
    early, late = steady(per_day), steady(per_day)
    for watch in (early, late):
        live(watch, [0] * 20)
    turn = on_shipment(early, today, today)
    closed = close_day(late, MONDAY + 20, today, today)
    assert (turn is not None) == (closed is not None and closed.level == "usual")
