"""When an account runs out at the present rate: what holds of every forecast, and what few draws do not tell."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import benchmarks
from services.licensing.domain.forecasting import (
    BACKTESTED,
    FEWEST_DAYS,
    FEWEST_DRAWS,
    WINDOW_DAYS,
    Forecast,
    Past,
    Span,
    Tranche,
    forecast,
)
from services.licensing.domain.outlook import coming, end_of
from services.licensing.domain.past import Drawings, Drawn, Empty, past_of
from services.licensing.domain.quotas import opened
from shared.cloudevents import read_trade_event
from shared.events import QuotaOpened
from tests.support.trade import quota

NOW = datetime(2025, 7, 1, tzinfo=UTC)
DAY = timedelta(days=1)
FAR = NOW + 3000 * DAY
KG = 1_000_000
PASTS = st.lists(st.integers(0, 10**12), min_size=FEWEST_DAYS, max_size=WINDOW_DAYS + 20).filter(
    lambda amounts: sum(amount > 0 for amount in amounts[-WINDOW_DAYS:]) >= FEWEST_DRAWS
)
AMOUNTS = st.integers(1, 4 * 10**18)


def past(amounts: list[int]) -> Past:
    return Past(amounts, sum(amount > 0 for amount in amounts[-WINDOW_DAYS:]))


def account(drawn: list[Drawn], empty: list[Empty]) -> Drawings:
    return Drawings("quota:Q-1", "MGM", KG, NOW, drawn, empty)


def span(found: Forecast) -> Span:
    assert found.runs_out is not None
    return found.runs_out


def test_a_steady_rate_runs_out_after_what_is_left_divided_by_it() -> None:
    found = forecast(past([10 * KG] * 90), 600 * KG, NOW, FAR)
    times = span(found)
    assert found.state == "runs_out"
    assert found.a_day == 10 * KG
    assert times.since is not None
    assert times.median is not None
    assert times.until is not None
    assert abs((times.median - NOW) / DAY - 60) < 1
    assert NOW < times.since < times.median < times.until


@given(PASTS, AMOUNTS, st.integers(1, 400))
def test_the_range_is_in_order_and_inside_the_end(amounts: list[int], left: int, days: int) -> None:
    ends = NOW + days * DAY
    found = forecast(past(amounts), left, NOW, ends)
    times = span(found)
    told = [time or ends for time in (times.since, times.median, times.until)]
    assert told == sorted(told)
    assert all(NOW <= time <= ends for time in told)
    assert found.rest is not None
    assert 0 <= found.rest.least <= found.rest.median <= found.rest.most <= left
    assert (found.state == "lasts") == (times.median is None)


@given(PASTS, AMOUNTS, st.integers(1, 10**15))
def test_more_left_never_runs_out_earlier(amounts: list[int], left: int, more: int) -> None:
    less, greater = (span(forecast(past(amounts), amount, NOW, FAR)) for amount in (left, left + more))
    for earlier, later in zip(less, greater, strict=True):
        assert (later or FAR) - (earlier or FAR) > -timedelta(seconds=1)


@given(PASTS, AMOUNTS, st.lists(st.tuples(st.integers(-10, 400), st.integers(1, 10**15)), max_size=4))
def test_a_tranche_that_comes_never_brings_the_end_forward(
    amounts: list[int], left: int, tranches: list[tuple[int, int]]
) -> None:
    later = [Tranche(NOW + days * DAY, amount) for days, amount in tranches]
    without, with_them = (span(forecast(past(amounts), left, NOW, FAR, more)) for more in ((), later))
    for earlier, late in zip(without, with_them, strict=True):
        assert (late or FAR) - (earlier or FAR) > -timedelta(seconds=1)


def test_what_runs_out_before_the_next_tranche_is_said_to() -> None:
    tranche = Tranche(NOW + 100 * DAY, 5000 * KG)
    early, late = (forecast(past([10 * KG] * 90), kg * KG, NOW, FAR, [tranche]) for kg in (500, 2000))
    first, second = span(early).median, span(late).median
    assert first is not None
    assert second is not None
    assert abs((first - NOW) / DAY - 50) < 1
    assert abs((second - NOW) / DAY - 700) < 10


@given(PASTS, st.integers(1, 10**12), st.integers(2, 1000))
def test_the_unit_does_not_matter(amounts: list[int], left: int, scale: int) -> None:
    one = span(forecast(past(amounts), left, NOW, FAR))
    other = span(forecast(past([amount * scale for amount in amounts]), left * scale, NOW, FAR))
    for a, b in zip(one, other, strict=True):
        assert abs((a or FAR) - (b or FAR)) < timedelta(minutes=1)


def test_lumpy_draws_of_the_same_total_make_the_range_wider() -> None:
    smooth, lumpy = ([10 * KG] * 90, ([0] * 8 + [90 * KG]) * 10)
    widths = []
    for amounts in (smooth, lumpy):
        times = span(forecast(past(amounts), 900 * KG, NOW, FAR))
        assert times.since is not None
        assert times.until is not None
        widths.append(times.until - times.since)
    assert widths[1] > 2 * widths[0]


@pytest.mark.parametrize(
    "found,state",
    [
        (forecast(past([KG] * 90), 10**12, NOW, NOW), "ended"),
        (forecast(past([KG] * 90), 0, NOW, FAR), "used_up"),
        (forecast(past([KG] * (FEWEST_DAYS - 1)), 10**12, NOW, FAR), "too_short"),
        (forecast(past([KG] * (FEWEST_DRAWS - 1) + [0] * 90), 10**12, NOW, FAR), "too_few_draws"),
        (forecast(past([]), 10**12, NOW, FAR), "too_short"),
    ],
)
def test_where_nothing_can_be_told_it_says_so(found: Forecast, state: str) -> None:
    assert (found.state, found.runs_out, found.rest) == (state, None, None)


def test_days_on_which_it_was_empty_tell_nothing_of_the_rate() -> None:
    drawn = [Drawn(age, 10, 1) for age in range(70, 100)]
    spans = [Empty(NOW - 70 * DAY, NOW - 40 * DAY), Empty(NOW - 45 * DAY, NOW - 30 * DAY), Empty(NOW - DAY / 2, None)]
    found = past_of(account(drawn, spans), NOW - 100 * DAY, NOW)
    assert found == Past([10] * 29 + [0] * 30, 29)


def test_the_past_begins_where_the_account_does_and_holds_no_more_than_the_window() -> None:
    drawn = [Drawn(0, 5, 2), Drawn(9, 7, 1), Drawn(10, 1, 1), Drawn(500, 9, 1)]
    assert past_of(account(drawn, []), NOW - 10.5 * DAY, NOW) == Past([7, 0, 0, 0, 0, 0, 0, 0, 0, 5], 3)
    assert len(past_of(account(drawn, []), NOW - 900 * DAY, NOW).amounts) == WINDOW_DAYS


def test_the_time_before_the_first_draw_is_no_part_of_the_rate() -> None:
    assert past_of(account([Drawn(0, 5, 1), Drawn(3, 8, 2)], []), NOW - 900 * DAY, NOW) == Past([0, 0, 5], 1)
    assert past_of(account([], []), NOW - 900 * DAY, NOW) == Past([0] * WINDOW_DAYS, 0)
    drawn = [Drawn(0, 5, 2)]
    assert past_of(account(drawn, []), NOW + DAY, NOW) == Past([], 0)


def test_each_part_of_a_quota_waits_for_its_own_share_of_a_tranche() -> None:
    tranches = [
        {
            "tranche_id": name,
            "opens_at": opens_at,
            "amount": {"value": kg, "unit": "KGM"},
            "sub_limits": [{"sub_limit_id": "heavy", "amount": {"value": "1", "unit": "KGM"}}] if name == "2" else [],
        }
        for name, opens_at, kg in (("2", "2025-09-01T00:00:00Z", "30"), ("1", "2025-08-01T00:00:00Z", "20"))
    ]
    body = quota(
        kg="100",
        tranches=tranches,
        sub_limits=[{"sub_limit_id": "heavy", "covers": [{"elements": ["Dy"]}]}],
        reserved_share={"percent": 10, "end_uses": ["medical"]},
    )
    terms = read_trade_event(body).data
    assert isinstance(terms, QuotaOpened)
    found = opened(terms, NOW)
    september = datetime(2025, 9, 1, tzinfo=UTC)
    assert coming(found) == {
        "quota:Q-1": [Tranche(datetime(2025, 8, 1, tzinfo=UTC), 20 * KG), Tranche(september, 30 * KG)],
        "quota:Q-1:open": [Tranche(datetime(2025, 8, 1, tzinfo=UTC), 18 * KG), Tranche(september, 27 * KG)],
        "quota:Q-1:sub:heavy": [Tranche(september, KG)],
    }
    assert end_of(found, "quota:Q-1", NOW) == datetime(2026, 1, 1, tzinfo=UTC)
    assert end_of(found, "quota:Q-1:month:2025-07", NOW) == datetime(2025, 8, 1, tzinfo=UTC)
    assert end_of(found, "quota:Q-1:month:2025-12", NOW) == datetime(2026, 1, 1, tzinfo=UTC)
    assert end_of(replace(found, statuses=((NOW, "closed"),)), "quota:Q-1", NOW) == NOW


def test_the_coverage_that_is_told_is_the_one_that_was_measured() -> None:
    figures = json.loads((Path(benchmarks.__file__).parent / "results" / "forecast.json").read_bytes())
    (measured,) = [f["ours"] for f in figures if f["name"] == "truths inside the range, all"]
    assert abs(measured - BACKTESTED) <= 0.005
