"""What is coming as an iCalendar object (RFC 5545): all-day events that keep their UIDs for as long as they live."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID, uuid5

from icalendar import Calendar, Event, Timezone, TimezoneStandard

from services.licensing.api.addresses import entity_address
from services.licensing.domain.upcoming import Upcoming

MEDIA_TYPE = "text/calendar; charset=utf-8"
PRODUCT = "-//Lanewatch//Licensing//EN"
REFRESH = timedelta(hours=1)
_NAMES = UUID("5d1c9a3e-6b52-4f0e-9a57-2f1f0c8b7d46")
"""UIDs are made within this (RFC 4122, version 5), so that the same thing has the same one in every answer."""
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
"""What RFC 5545, section 3.1, lets no text hold; the rest is escaped by the library."""


class Dated(NamedTuple):
    """An entry, how often it was changed and when last."""

    entry: Upcoming
    sequence: int
    changed_at: datetime


def render(entries: Iterable[Dated], says: str) -> bytes:
    """Return the calendar; `says` tells what it holds."""
    calendar = Calendar()
    calendar.add("version", "2.0")
    calendar.add("prodid", PRODUCT)
    calendar.add("name", "Lanewatch")
    calendar.add("x-wr-calname", "Lanewatch")
    calendar.add("description", says)
    calendar.add("x-wr-caldesc", says)
    calendar.add("refresh-interval", REFRESH, parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", REFRESH)
    for dated in entries:
        calendar.add_component(_event(dated))
    if not calendar.subcomponents:
        calendar.add_component(_utc())
    written: bytes = calendar.to_ical()
    return written


def _event(dated: Dated) -> Event:
    entry, event = dated.entry, Event()
    is_estimate = entry.kind.startswith("forecast.")
    event.add("uid", str(uuid5(_NAMES, f"{entry.kind} {entry.of}")))
    # Without a METHOD the two are the same: when what it tells was last revised (section 3.8.7.2).
    event.add("dtstamp", dated.changed_at.astimezone(UTC))
    event.add("last-modified", dated.changed_at.astimezone(UTC))
    event.add("sequence", dated.sequence)
    event.add("dtstart", entry.day)
    event.add("summary", _CONTROLS.sub(" ", entry.title))
    event.add("description", _CONTROLS.sub(" ", f"{entry.says}\n{entity_address(entry.entity)}"))
    event.add("categories", [entry.kind])
    event.add("status", "TENTATIVE" if is_estimate else "CONFIRMED")
    event.add("transp", "TRANSPARENT")
    return event


def _utc() -> Timezone:
    """Return a description of UTC: a calendar must have some component (section 3.6), even when nothing is coming."""
    zone, standard = Timezone(), TimezoneStandard()
    zone.add("tzid", "UTC")
    standard.add("dtstart", datetime(1970, 1, 1))  # noqa: DTZ001 - the onset of an observance is local time
    standard.add("tzoffsetfrom", timedelta(0))
    standard.add("tzoffsetto", timedelta(0))
    zone.add_component(standard)
    return zone
