"""When an endpoint is left alone, for how long, and when it is given up."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.alerts.domain.breaker import (
    RECENT,
    TRANSITIONS,
    BreakerPolicy,
    Event,
    Health,
    State,
    judge,
    rest_s,
    rested,
)
from services.alerts.domain.retries import Answer

NOW = datetime(2025, 4, 4, 9, tzinfo=UTC)
POLICY = BreakerPolicy()
ACCEPTED, FAILED, REFUSED = Answer(status=204), Answer(status=503), Answer(status=422)


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def run(*answers: Answer) -> Health:
    """Return the health after answers, one after the other; rests are over at once."""
    health = Health()
    for number, answer in enumerate(answers):
        health = judge(POLICY, rested(health), answer, None, after(number), 0.0)
    return health


def test_every_state_knows_what_an_answer_means() -> None:
    for state, steps in TRANSITIONS.items():
        assert {Event.ACCEPTED, Event.REFUSED, Event.FAILED} <= set(steps)
        assert steps[Event.ACCEPTED] is State.CLOSED, f"the first acceptance closes it when {state}"
    assert TRANSITIONS[State.OPEN][Event.RESTED] is State.HALF_OPEN


def test_it_opens_after_so_many_failures_in_a_row_and_rests() -> None:
    four = run(*[FAILED] * 4)
    assert (four.state, four.rests_until) == (State.CLOSED, None)
    five = judge(POLICY, four, FAILED, None, NOW, 0.0)
    assert (five.state, five.rests_until, five.look_at) == (State.OPEN, after(5), after(5))
    assert (five.failing_since, five.tries, five.last_error) == (NOW, 5, "status 503")


def test_an_acceptance_in_between_begins_the_row_anew() -> None:
    assert run(*[FAILED] * 4, ACCEPTED, *[FAILED] * 4).state is State.CLOSED


def test_it_opens_when_most_of_the_latest_fail_though_never_many_in_a_row() -> None:
    bad = [FAILED, FAILED, FAILED, ACCEPTED]
    assert run(*bad * (RECENT // 4 - 1)).state is State.CLOSED
    assert State.OPEN in {run(*(bad * (RECENT // 4 + 1))[:count]).state for count in range(RECENT, RECENT + 4)}
    assert run(*[FAILED, ACCEPTED] * 50).state is State.CLOSED


def test_refusals_of_single_alerts_weigh_less_than_failures() -> None:
    assert run(*[REFUSED] * 19).state is State.CLOSED
    assert run(*[REFUSED] * 20).state is State.OPEN
    assert run(*[REFUSED] * 19, ACCEPTED, *[REFUSED] * 19).state is State.CLOSED


def test_each_rest_in_a_row_is_twice_as_long_up_to_a_bound() -> None:
    health = run(*[FAILED] * 5)
    rests = []
    for _ in range(9):
        rests.append((health.rests_until or NOW) - NOW)
        health = judge(POLICY, rested(health), FAILED, None, NOW, 0.0)
    # The first began four seconds later: at the fifth failure.
    assert [r.total_seconds() for r in rests] == [9, 10, 20, 40, 80, 160, 300, 300, 300]


@given(st.integers(0, 10_000), st.floats(0, 1, exclude_max=True))
def test_chance_takes_from_a_rest_and_never_adds(rests: int, chance: float) -> None:
    assert POLICY.rest_s * (1 - POLICY.jitter) <= rest_s(POLICY, rests, chance) <= POLICY.rest_max_s
    assert rest_s(POLICY, rests, chance) <= rest_s(POLICY, rests, 0.0)


def test_a_probe_that_is_refused_shows_that_the_endpoint_is_there_so_the_next_may_go() -> None:
    probed = rested(run(*[FAILED] * 5))
    refused = judge(POLICY, replace(probed, rests_until=None), REFUSED, None, after(60), 0.0)
    assert (refused.state, refused.rests_until) == (State.HALF_OPEN, None)
    assert refused.look_at == after(60 + 10), "if nothing is due, the next is brought on after a rest"


def test_the_first_acceptance_closes_it_and_all_is_forgotten() -> None:
    health = judge(POLICY, rested(run(*[FAILED] * 9)), ACCEPTED, None, after(60), 0.0)
    assert health == Health(closed_at=after(60))


def test_what_ends_while_it_is_open_makes_no_rest_longer() -> None:
    opened = run(*[FAILED] * 5)
    late = judge(POLICY, opened, FAILED, None, after(30), 0.0)
    assert (late.state, late.rests, late.rests_until) == (State.OPEN, opened.rests, opened.rests_until)
    assert judge(POLICY, opened, ACCEPTED, None, after(30), 0.0).state is State.CLOSED


def test_what_the_endpoint_asks_for_counts_where_it_is_longer() -> None:
    assert judge(POLICY, Health(), Answer(status=429), after(60), NOW, 0.0).rests_until == after(60)
    four = run(*[FAILED] * 4)
    assert judge(POLICY, four, FAILED, after(3600), NOW, 0.0).rests_until == after(3600)
    assert judge(POLICY, four, FAILED, after(1), NOW, 0.0).rests_until == after(5)


def test_an_asked_rest_stands_though_what_was_under_way_is_accepted() -> None:
    asked = judge(POLICY, Health(), Answer(status=429), after(60), NOW, 0.0)
    assert judge(POLICY, asked, ACCEPTED, None, after(1), 0.0).rests_until == after(60)
    assert judge(POLICY, asked, ACCEPTED, None, after(61), 0.0).rests_until is None


DAY = 86400


@pytest.mark.parametrize(
    "tries,for_s,expected",
    [
        (20, 5 * DAY, True),
        (19, 5 * DAY, False),
        (1000, 5 * DAY - 1, False),
    ],
)
def test_it_is_given_up_after_days_and_tries_without_an_acceptance(tries: int, for_s: float, expected: bool) -> None:
    health = Health(State.HALF_OPEN, failing_since=NOW, tries=tries - 1)
    for answer in (FAILED, REFUSED):
        given_up = judge(POLICY, health, answer, None, after(for_s), 0.0).given_up
        assert (given_up is not None) is expected
    assert judge(POLICY, health, ACCEPTED, None, after(for_s), 0.0).given_up is None


def test_an_endpoint_that_is_gone_is_given_up_at_once() -> None:
    assert judge(POLICY, Health(), Answer(status=410), None, NOW, 0.0).given_up == "the endpoint answered 410 Gone"


@given(st.lists(st.sampled_from([ACCEPTED, FAILED, REFUSED]), max_size=80))
def test_any_course_of_answers_keeps_the_figures_true(answers: list[Answer]) -> None:
    health, now, in_a_row = Health(), NOW, 0
    for answer in answers:
        now = max(now + timedelta(seconds=1), health.rests_until or now)
        health = judge(POLICY, rested(health), answer, None, now, 0.5)
        in_a_row = 0 if answer.is_accepted else in_a_row + 1
        assert health.tries == in_a_row
        assert (health.failing_since is None) == (in_a_row == 0)
        assert (health.rests_until is not None and health.rests_until > now) == (health.state is State.OPEN)
        assert health.recent.bit_length() <= RECENT + 1
        if in_a_row == 0:
            assert health.state is State.CLOSED


def test_a_well_endpoint_that_goes_on_taking_alerts_stays_as_it_is() -> None:
    before = health = Health()
    for _ in range(30):
        before, health = health, judge(POLICY, health, Answer(status=204), None, NOW, 0.0)
    assert health is before
    assert health.recent == 1 << 20
