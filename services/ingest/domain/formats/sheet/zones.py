"""Time zones by their names in the IANA database, and what a clock in one of them shows as a point in time."""

import re
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

_NAME = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,2}")


@lru_cache(256)
def zone(name: str) -> ZoneInfo | None:
    """Return a time zone, or None when there is none of this name."""
    if not _NAME.fullmatch(name):
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None


def in_zone(shown: datetime, place: ZoneInfo) -> datetime | None:
    """Return the point in time at which a clock shows this; None where it never does, as when it is put forward.

    When it is put back it shows some times twice; the first is meant.
    """
    try:
        moment = shown.replace(tzinfo=place, fold=0).astimezone(UTC)
        return moment if moment.astimezone(place).replace(tzinfo=None) == shown else None
    except OverflowError:
        return None
