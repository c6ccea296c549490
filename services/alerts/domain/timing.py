"""When an alert is told: at once, after the quiet hours, or with others in a digest.

Times of day are of a time zone. One that the clocks leave out when they go forward is read with the offset before the
change, and one that they show twice is the first: as calendars do (RFC 5545, section 3.3.5).
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal, get_args
from zoneinfo import ZoneInfo

from services.alerts.domain.filters import rank
from shared.events import Severity

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = get_args(Day)
A_DAY = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Digest:
    """Gathers alerts below a severity: every so many minutes (counted from midnight UTC), or daily at a time."""

    every_minutes: int | None = None
    daily_at: time | None = None
    time_zone: str = "UTC"
    at_once_from: Severity = "critical"


@dataclass(frozen=True)
class QuietHours:
    """From a time to a time, across midnight where `until` is not later; `days` are those on which they begin."""

    start: time
    until: time
    time_zone: str
    days: tuple[Day, ...] = DAYS
    breaks_through: Severity | None = "critical"
    """Alerts of this severity or above do not wait; null: all wait."""
    as_digest: bool = False
    """What has waited comes in one digest, not one by one."""


@dataclass(frozen=True)
class Timing:
    """What a subscription says of when it wants to be told."""

    digest: Digest | None = None
    quiet_hours: QuietHours | None = None


@dataclass(frozen=True)
class AtOnce:
    """Tell it now."""


@dataclass(frozen=True)
class Rest:
    """Tell it at `until`, by itself."""

    until: datetime


@dataclass(frozen=True)
class Gather:
    """Tell it at `until`, in a digest."""

    until: datetime


Told = AtOnce | Rest | Gather


def when(timing: Timing, severity: Severity, now: datetime) -> Told:
    """Return when an alert that comes `now` is to be told."""
    digest, quiet = timing.digest, timing.quiet_hours
    is_gathered = digest is not None and rank(severity) < rank(digest.at_once_from)
    wanted = next_digest(digest, now) if digest is not None and is_gathered else now
    until = wanted
    if quiet is not None and (quiet.breaks_through is None or rank(severity) < rank(quiet.breaks_through)):
        until = end_of_quiet(quiet, wanted)
    if is_gathered or (until > wanted and quiet is not None and quiet.as_digest):
        return Gather(until)
    return Rest(until) if until > wanted else AtOnce()


def next_digest(digest: Digest, now: datetime) -> datetime:
    """Return the first time after `now` at which a digest is due."""
    if digest.daily_at is None:
        every = timedelta(minutes=digest.every_minutes or 1)
        midnight = _EPOCH + (now - _EPOCH) // A_DAY * A_DAY
        return min(midnight + A_DAY, midnight + ((now - midnight) // every + 1) * every)
    zone = ZoneInfo(digest.time_zone)
    day = now.astimezone(zone).date() - A_DAY
    while (at := _moment(day, digest.daily_at, zone)) <= now:
        day += A_DAY
    return at


def end_of_quiet(quiet: QuietHours, at: datetime) -> datetime:
    """Return when the quiet hours end in which `at` lies; `at` itself when they are not."""
    # One may begin as another ends; they never take up a whole week (`leaves_time`).
    for _ in range(len(DAYS) + 1):
        end = max((until for start, until in _spans(quiet, at) if start <= at < until), default=at)
        if end == at:
            break
        at = end
    return at


def leaves_time(quiet: QuietHours) -> bool:
    """Return whether there is any time in a week that is not quiet."""
    return quiet.start != quiet.until or set(quiet.days) != set(DAYS)


def _spans(quiet: QuietHours, at: datetime) -> list[tuple[datetime, datetime]]:
    """Return the quiet hours that could hold a time: those that begin on its day or the one before."""
    zone = ZoneInfo(quiet.time_zone)
    today = at.astimezone(zone).date()
    over_night = A_DAY if quiet.until <= quiet.start else timedelta(0)
    return [
        (_moment(day, quiet.start, zone), _moment(day + over_night, quiet.until, zone))
        for day in (today - A_DAY, today)
        if DAYS[day.weekday()] in quiet.days
    ]


def _moment(day: date, at: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, at.replace(fold=0), tzinfo=zone).astimezone(UTC)
