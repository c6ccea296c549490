"""What follows from an attempt."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.alerts.domain.retries import (
    Answer,
    Delivered,
    Exhausted,
    Gone,
    Progress,
    RetryPolicy,
    TryAgain,
    decide,
    rests_until,
)

NOW = datetime(2025, 4, 4, 9, tzinfo=UTC)
POLICY = RetryPolicy()
FAILED = Answer(status=500)


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "answer,expected",
    [
        (Answer(status=200), Delivered()),
        (Answer(status=204), Delivered()),
        (Answer(status=299), Delivered()),
        (Answer(status=410), Gone()),
    ],
)
def test_an_answer_settles_it(answer: Answer, expected: object) -> None:
    assert decide(POLICY, answer, Progress(), NOW, 0.0) == expected


@pytest.mark.parametrize("status", [199, 300, 301, 302, 307, 400, 401, 404, 429, 500, 503])
def test_any_other_status_is_a_failure(status: int) -> None:
    assert isinstance(decide(POLICY, Answer(status=status), Progress(), NOW, 0.0), TryAgain)


def test_an_answer_that_broke_off_is_a_failure() -> None:
    assert isinstance(decide(POLICY, Answer(status=200, error="reset"), Progress(), NOW, 0.0), TryAgain)


def test_the_schedule_is_the_one_that_standard_webhooks_recommends() -> None:
    waits = []
    progress = Progress()
    while isinstance(verdict := decide(POLICY, FAILED, progress, NOW, 0.0), TryAgain):
        waits.append((verdict.at - NOW).total_seconds())
        progress = Progress(step=verdict.step)
    hour = 3600
    assert waits == [5, 300, 1800, 2 * hour, 5 * hour, 10 * hour, 14 * hour, 20 * hour, 24 * hour]
    assert verdict == Exhausted()


@given(st.integers(0, 8), st.floats(0, 1, exclude_max=True))
def test_chance_adds_up_to_its_share_and_never_takes_away(step: int, chance: float) -> None:
    verdict = decide(POLICY, FAILED, Progress(step=step), NOW, chance)
    assert isinstance(verdict, TryAgain)
    waited = (verdict.at - NOW).total_seconds()
    assert POLICY.delays_s[step] <= waited <= POLICY.delays_s[step] * 1.1 + 1e-6


def test_an_extra_try_takes_nothing_from_the_schedule() -> None:
    verdict = decide(POLICY, FAILED, Progress(step=4, planned_at=after(1000)), NOW, 0.5)
    assert isinstance(verdict, TryAgain)
    assert (verdict.at, verdict.step) == (after(1000), 4)


@pytest.mark.parametrize(
    "header,expected",
    [
        ("120", after(120)),
        (" 7 ", after(7)),
        ("0", None),
        ("-5", None),
        ("soon", None),
        ("", None),
        (None, None),
        ("٣", None),
        ("999999999999999999", after(86400)),
        ("Fri, 04 Apr 2025 09:00:30 GMT", after(30)),
        ("Fri, 04 Apr 2025 09:00:30", after(30)),
        ("Fri, 04 Apr 2025 08:00:00 GMT", None),
        ("Sat, 04 Apr 2026 09:00:00 GMT", after(86400)),
    ],
)
def test_retry_after_is_read(header: str | None, expected: datetime | None) -> None:
    assert rests_until(POLICY, header, NOW) == expected


DATE = st.from_regex(r"\A(Mon, )?\d{1,3} (Jan|Feb|Foo) \d{1,12} \d{1,3}:\d{1,3}:\d{1,3} ([+-]\d{1,30}|GMT|EST|)\Z")


@example("Mon, 01 Jan 2024 00:00:00 +99999999999999999999")
@example("Mon, 01 Jan 0001 00:00:00 +2359")
@given(st.one_of(st.text(max_size=40), DATE))
def test_any_retry_after_is_read_within_its_bounds_or_passed_over(header: str) -> None:
    until = rests_until(POLICY, header, NOW)
    assert until is None or NOW < until <= after(POLICY.retry_after_max_s)


def test_retry_after_is_honoured_when_it_is_later_than_the_schedule() -> None:
    later = decide(POLICY, Answer(status=503, retry_after="60"), Progress(), NOW, 0.0)
    assert later == TryAgain(after(60), 1, holds_lane=False)
    sooner = decide(POLICY, Answer(status=503, retry_after="1"), Progress(), NOW, 0.0)
    assert sooner == TryAgain(after(5), 1, holds_lane=False)


HOUR, DAY = 3600, 86400


@pytest.mark.parametrize(
    "answer,has_taken_others,tried_for_s,step,expected",
    [
        (FAILED, False, 0, 0, True),
        (FAILED, False, 40 * 60, 3, True),  # the endpoint takes nothing: order is kept for a day
        (FAILED, False, 8 * HOUR, 5, True),
        (FAILED, False, 20 * HOUR, 5, False),
        (FAILED, True, 0, 0, True),
        (FAILED, True, 40 * 60, 3, False),  # it takes others: this one may not hold them for hours
        (Answer(status=422), False, 5, 1, True),
        (Answer(status=422), False, 40 * 60, 3, False),  # it says that the fault is in this one
        (Answer(status=404), False, 40 * 60, 3, True),  # but that says nothing about this one
        (Answer(status=429), False, 40 * 60, 3, True),
        (Answer(error="timeout"), False, 40 * 60, 3, True),
    ],
)
def test_a_lane_is_held_for_a_bounded_time(
    answer: Answer, has_taken_others: bool, tried_for_s: float, step: int, expected: bool
) -> None:
    progress = Progress(
        step=step, held_since=after(-tried_for_s), is_ordered=True, has_endpoint_taken_others=has_taken_others
    )
    verdict = decide(POLICY, answer, progress, NOW, 0.0)
    assert isinstance(verdict, TryAgain)
    assert verdict.holds_lane is expected


@pytest.mark.parametrize("answer", [FAILED, Answer(status=503, retry_after="1"), Answer(error="timeout")])
def test_a_probe_that_fails_uses_up_no_try_and_gives_up_no_place(answer: Answer) -> None:
    last = Progress(step=9, held_since=after(-30 * DAY), is_ordered=True, probed_until=after(300))
    assert decide(POLICY, answer, last, NOW, 0.9) == TryAgain(after(300), 9, holds_lane=True)
    planned = replace(last, planned_at=after(4000))
    assert decide(POLICY, answer, planned, NOW, 0.9) == TryAgain(after(4000), 9, holds_lane=True)


def test_a_probe_that_is_refused_counts_like_any_other_try() -> None:
    refused = Answer(status=422)
    probe = Progress(step=1, held_since=after(-DAY), is_ordered=True, probed_until=after(300))
    assert decide(POLICY, refused, probe, NOW, 0.0) == TryAgain(after(300), 2, holds_lane=False)
    assert decide(POLICY, refused, replace(probe, step=9), NOW, 0.0) == Exhausted()


def test_what_has_no_lane_holds_none() -> None:
    verdict = decide(POLICY, FAILED, Progress(is_ordered=False), NOW, 0.0)
    assert isinstance(verdict, TryAgain)
    assert not verdict.holds_lane
