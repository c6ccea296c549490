"""Where events come from: when each source was heard of last, how long it usually keeps silent, whether it is silent.

What counts is the time of the events that were applied, to the hour, so the same record tells the same.
"""

from datetime import UTC, datetime, timedelta

import msgspec

from services.licensing.domain.policy import SourceSilence

HOUR = timedelta(hours=1)


class Seen(msgspec.Struct):
    """What the events of a source say of it: the hour of the latest, and groups and origins of its lanes."""

    at: datetime
    feeds: set[str] = msgspec.field(default_factory=set)
    is_new: bool = True
    """It says more than what was known before the batch."""

    def add(self, at: datetime, feeds: frozenset[str]) -> None:
        """Take in one more event."""
        if at - self.at >= HOUR:
            self.at, self.is_new = hour_of(at), True
        if not feeds <= self.feeds:
            self.feeds |= feeds
            self.is_new = True


class Source(msgspec.Struct):
    """What is known of a source as of the last tick."""

    source: str
    first: datetime
    """The tick since which it is known."""
    last: datetime
    gaps: dict[int, int] = {}
    """By day, a proleptic ordinal: the longest silence in seconds that ended on it, but for those that were told."""
    is_silent: bool = False
    feeds: tuple[str, ...] = ()


def hour_of(at: datetime) -> datetime:
    """Return the beginning of an hour in UTC."""
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def longest_gap(source: Source) -> timedelta:
    """Return the longest silence in the window that was nothing out of the usual."""
    return timedelta(seconds=max(source.gaps.values(), default=0))


def heard(source: Source, seen: Seen, before: datetime, now: datetime, rules: SourceSilence) -> bool:
    """Take in what was heard since the tick before; return whether a silence that was told is over."""
    was_silent = source.is_silent
    if seen.at > source.last:
        today = now.astimezone(UTC).toordinal()
        if not was_silent:
            gap = max(0, (before - source.last) // timedelta(seconds=1))
            source.gaps[today] = max(gap, source.gaps.get(today, 0))
        source.gaps = {day: gap for day, gap in source.gaps.items() if day > today - rules.window_days}
        source.last, source.is_silent = seen.at, False
    source.feeds = tuple(sorted(seen.feeds.union(source.feeds)))
    return was_silent and not source.is_silent


def has_gone_silent(source: Source, now: datetime, rules: SourceSilence) -> bool:
    """Return whether a source that is known long enough keeps silent for longer than it ever does."""
    if source.is_silent or now - source.first < timedelta(days=rules.known_days):
        return False
    limit = max(timedelta(hours=rules.least_hours), longest_gap(source) * rules.of_longest_gap_percent / 100)
    return now - source.last > limit
