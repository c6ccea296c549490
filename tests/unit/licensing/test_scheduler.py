"""Which moment the scheduler publishes."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from services.licensing.scheduler import interval_of, tick_at, to_publish

NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "now,due,last,moment",
    [
        (at(0), None, None, at(0)),
        (at(59), None, at(0), None),
        (at(60), None, at(0), at(60)),
        (at(20), at(30), at(0), None),
        (at(30), at(30), at(0), at(30)),
        (at(30.4), at(30.2), at(0), None),
        (at(31), at(30.2), at(0), at(31)),
        (at(31.7), at(31.3), at(31), None),
        (at(40), at(90), at(30), None),
        (at(61.5), at(45), at(30), at(61)),
        (at(600.2), None, at(0), at(600)),
    ],
)
def test_a_tick_comes_each_interval_and_in_the_second_in_which_something_is_due(
    now: datetime, due: datetime | None, last: datetime | None, moment: datetime | None
) -> None:
    assert to_publish(now, interval_of(now, 60), due, last) == moment


def test_the_tick_of_a_moment_is_the_same_in_every_time_zone() -> None:
    there = at(30).astimezone(timezone(timedelta(hours=8)))
    assert (tick_at(there).id, tick_at(there).time) == (tick_at(at(30)).id, at(30))


def test_however_much_is_due_there_is_one_tick_a_second() -> None:
    last, ticks = NOON, list[datetime]()
    for millisecond in range(5000):
        moment = NOON + timedelta(milliseconds=millisecond)
        due = last + timedelta(milliseconds=1)
        found = to_publish(moment, interval_of(moment, 60), due, last)
        if found is not None:
            last = found
            ticks.append(found)
    assert ticks == [at(second) for second in range(1, 5)]
