"""When an alert is told, case by case, and what holds always, whatever clocks do."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.alerts.domain.filters import SEVERITIES, rank
from services.alerts.domain.timing import (
    DAYS,
    AtOnce,
    Digest,
    Gather,
    QuietHours,
    Rest,
    Timing,
    Told,
    end_of_quiet,
    leaves_time,
    next_digest,
    when,
)
from shared.events import Severity

BERLIN = "Europe/Berlin"
NIGHT = QuietHours(time(22), time(7), BERLIN)


def at(text: str, zone: str = BERLIN) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


HOURLY, MORNING = Digest(every_minutes=60), Digest(daily_at=time(8), time_zone=BERLIN)


@pytest.mark.parametrize(
    "timing,severity,now,expected",
    [
        (Timing(), "info", at("2025-06-02T23:00"), AtOnce()),
        (Timing(quiet_hours=NIGHT), "warning", at("2025-06-02T21:59"), AtOnce()),
        (Timing(quiet_hours=NIGHT), "warning", at("2025-06-02T22:00"), Rest(at("2025-06-03T07:00"))),
        (Timing(quiet_hours=NIGHT), "warning", at("2025-06-03T06:59"), Rest(at("2025-06-03T07:00"))),
        (Timing(quiet_hours=NIGHT), "warning", at("2025-06-03T07:00"), AtOnce()),
        (Timing(quiet_hours=NIGHT), "critical", at("2025-06-02T23:00"), AtOnce()),
        (
            Timing(quiet_hours=QuietHours(time(22), time(7), BERLIN, breaks_through=None)),
            *("critical", at("2025-06-02T23:00"), Rest(at("2025-06-03T07:00"))),
        ),
        (
            Timing(quiet_hours=QuietHours(time(22), time(7), BERLIN, as_digest=True)),
            *("notice", at("2025-06-02T23:00"), Gather(at("2025-06-03T07:00"))),
        ),
        # On Friday and Saturday evening alone: 2025-06-06 is a Friday.
        (Timing(quiet_hours=QuietHours(time(22), time(7), BERLIN, ("fri",))), "info", at("2025-06-05T23:00"), AtOnce()),
        (
            Timing(quiet_hours=QuietHours(time(22), time(7), BERLIN, ("fri",))),
            *("info", at("2025-06-07T06:00"), Rest(at("2025-06-07T07:00"))),
        ),
        # One weekend is quiet throughout, day by day.
        (
            Timing(quiet_hours=QuietHours(time(0), time(0), BERLIN, ("sat", "sun"))),
            *("info", at("2025-06-07T12:00"), Rest(at("2025-06-09T00:00"))),
        ),
        (Timing(digest=HOURLY), "warning", at("2025-06-02T09:10", "UTC"), Gather(at("2025-06-02T10:00", "UTC"))),
        (Timing(digest=HOURLY), "warning", at("2025-06-02T10:00", "UTC"), Gather(at("2025-06-02T11:00", "UTC"))),
        (Timing(digest=HOURLY), "critical", at("2025-06-02T09:10"), AtOnce()),
        (Timing(digest=MORNING), "info", at("2025-06-02T07:59"), Gather(at("2025-06-02T08:00"))),
        (Timing(digest=MORNING), "info", at("2025-06-02T08:00"), Gather(at("2025-06-03T08:00"))),
        # A digest that falls into the quiet hours comes at their end.
        (Timing(HOURLY, NIGHT), "info", at("2025-06-02T21:30"), Gather(at("2025-06-03T07:00"))),
        (Timing(HOURLY, NIGHT), "critical", at("2025-06-02T23:30"), AtOnce()),
        # Every 7 hours is counted from midnight: 21:00 is the last of the day.
        (Timing(Digest(every_minutes=420)), "info", at("2025-06-02T22:00", "UTC"), Gather(at("2025-06-03", "UTC"))),
    ],
)
def test_when_an_alert_is_told(timing: Timing, severity: Severity, now: datetime, expected: Told) -> None:
    assert when(timing, severity, now) == expected


@pytest.mark.parametrize(
    "quiet,now,end",
    [
        # Clocks go from 02:00 to 03:00 on 2025-03-30: 02:30 is read with the offset before, so it is 03:30.
        (QuietHours(time(22), time(2, 30), BERLIN), at("2025-03-30T01:59"), "2025-03-30T01:30:00+00:00"),
        # The night is an hour shorter, and in autumn an hour longer.
        (NIGHT, at("2025-03-29T23:00"), "2025-03-30T05:00:00+00:00"),
        (NIGHT, at("2025-10-25T23:00"), "2025-10-26T06:00:00+00:00"),
        # 02:30 comes twice on 2025-10-26; it is the first.
        (QuietHours(time(22), time(2, 30), BERLIN), at("2025-10-26T01:00"), "2025-10-26T00:30:00+00:00"),
    ],
)
def test_quiet_hours_end_by_the_clock_on_the_wall(quiet: QuietHours, now: datetime, end: str) -> None:
    assert end_of_quiet(quiet, now) == datetime.fromisoformat(end)


ZONES = st.sampled_from([BERLIN, "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kathmandu", "UTC"])
CLOCKS = st.times(max_value=time(23, 59)).map(lambda t: t.replace(second=0, microsecond=0))
# Two years in which clocks of these places change, and Apia's day of 2011-12-30 that there never was.
MOMENTS = st.datetimes(datetime(2025, 3, 1), datetime(2025, 11, 30)) | st.datetimes(  # noqa: DTZ001 - of UTC, below
    datetime(2011, 12, 28),  # noqa: DTZ001 - as above
    datetime(2012, 1, 3),  # noqa: DTZ001 - as above
)
NOWS = MOMENTS.map(lambda moment: moment.replace(tzinfo=UTC))
QUIET = st.builds(
    QuietHours,
    CLOCKS,
    CLOCKS,
    ZONES,
    st.sets(st.sampled_from(DAYS), min_size=1).map(tuple),
    st.none() | st.sampled_from(SEVERITIES),
    st.booleans(),
).filter(leaves_time)
DIGESTS = st.builds(Digest, every_minutes=st.integers(1, 1440)) | st.builds(Digest, daily_at=CLOCKS, time_zone=ZONES)
TIMINGS = st.builds(Timing, st.none() | DIGESTS, st.none() | QUIET)


@given(TIMINGS, st.sampled_from(SEVERITIES), NOWS)
def test_nothing_is_told_in_quiet_hours_but_what_breaks_through(
    timing: Timing, severity: Severity, now: datetime
) -> None:
    told = when(timing, severity, now)
    until = now if isinstance(told, AtOnce) else told.until
    assert now <= until < now + timedelta(days=10)
    quiet = timing.quiet_hours
    breaks = quiet is None or (quiet.breaks_through is not None and rank(severity) >= rank(quiet.breaks_through))
    if quiet is not None and not breaks:
        assert end_of_quiet(quiet, until) == until


@given(QUIET, NOWS)
def test_the_end_of_quiet_hours_is_a_time_that_the_subscription_names(quiet: QuietHours, now: datetime) -> None:
    end = end_of_quiet(quiet, now)
    assert end >= now
    if end > now:
        zone = ZoneInfo(quiet.time_zone)
        local = end.astimezone(zone)
        days = (local.date() - timedelta(days=n) for n in (0, 1, 2))
        named = {datetime.combine(day, quiet.until, tzinfo=zone).astimezone(UTC) for day in days}
        assert end in named
        # Whatever comes a moment before it waits for the same end.
        assert end_of_quiet(quiet, end - timedelta(microseconds=1)) == end


@given(DIGESTS, NOWS)
def test_digests_come_again_and_again_and_never_at_once(digest: Digest, now: datetime) -> None:
    first = next_digest(digest, now)
    second = next_digest(digest, first)
    assert now < first < second
    assert next_digest(digest, first - timedelta(microseconds=1)) == first
    longest = timedelta(days=1) if digest.daily_at is None else timedelta(days=2, hours=2)
    assert first - now <= longest


@given(TIMINGS, NOWS)
def test_the_more_severe_is_never_told_later(timing: Timing, now: datetime) -> None:
    untils = []
    for severity in SEVERITIES:
        told = when(timing, severity, now)
        untils.append(now if isinstance(told, AtOnce) else told.until)
    assert untils == sorted(untils, reverse=True)
