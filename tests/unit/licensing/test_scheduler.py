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
        (at(31), at(30), at(0), at(30)),
        (at(40), at(90), at(30), None),
        (at(61), at(45), at(30), at(60)),
        (at(600), at(45), at(30), at(600)),
    ],
)
def test_the_latest_moment_that_has_come_is_published_once(
    now: datetime, due: datetime | None, last: datetime | None, moment: datetime | None
) -> None:
    assert to_publish(now, interval_of(now, 60), due, last) == moment


def test_the_tick_of_a_moment_is_the_same_in_every_time_zone() -> None:
    there = at(30).astimezone(timezone(timedelta(hours=8)))
    assert (tick_at(there).id, tick_at(there).time) == (tick_at(at(30)).id, at(30))
